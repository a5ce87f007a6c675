import unicodedata

import pytest

from keras_attention.errors import UserError
from keras_attention.training.data.datasets import Pairs, split_share
from keras_attention.training.data.overlap import without_overlap
from keras_attention.training.data.pairs import normalized_source


def test_split_share_keeps_equal_sources_together():
    sources = [f"{'Frage' if n % 2 else ' frage '} {n % 97}" for n in range(401)]
    pairs = Pairs(sources, [str(n) for n in range(401)], [f"g{n}" for n in range(401)], dropped=3)
    rest, held_out = split_share(pairs, 0.1, seed=3)
    assert sorted(map(int, rest.targets + held_out.targets)) == list(range(401))
    assert 40 <= len(held_out) <= 44
    plain = [{source.lower().strip() for source in part.sources} for part in (rest, held_out)]
    assert not plain[0] & plain[1]
    assert all(t == g[1:] for t, g in zip(held_out.targets, held_out.groups, strict=True))
    assert list(map(int, held_out.targets)) == sorted(map(int, held_out.targets))
    assert (rest.dropped, held_out.dropped) == (3, 0)


def test_split_share_depends_on_seed_and_not_on_order():
    sources = [f"s{n}" for n in range(211)]
    pairs, turned = Pairs(sources, sources), Pairs(sources[::-1], sources[::-1])
    held_out = split_share(pairs, 0.2, seed=1)[1]
    assert len(held_out) == 42
    assert set(split_share(turned, 0.2, seed=1)[1].sources) == set(held_out.sources)
    assert set(split_share(pairs, 0.2, seed=2)[1].sources) != set(held_out.sources)


# Each group is one source for people: composed or not, of full width, ligatures, Greek sigmas.
TWINS = [
    ("caf\u00e9", "cafe\u0301", "CAFE\u0301"),
    ("\u1e9b\u0323", "\u1e69", "s\u0323\u0307"),
    ("ABC", "\uff21\uff22\uff23", "a\uff42c"),
    ("\ufb01x", "fix", "FIX"),
    ("\u1100\u1161", "\uac00", " \uac00 "),
    ("Stra\u00dfe", "STRASSE", "strasse"),
]


@pytest.mark.parametrize("twins", TWINS)
def test_sources_in_another_unicode_form_are_the_same(twins):
    assert len({normalized_source(source) for source in twins}) == 1
    assert len({normalized_source(group[0]) for group in TWINS}) == len(TWINS)


def test_split_share_keeps_unicode_twins_together():
    sources = [form(f"caf\u00e9 {n}") for n in range(67) for form in (str, decomposed)]
    pairs = Pairs(sources, sources)
    rest, held_out = split_share(pairs, 0.25, seed=4)
    assert len(held_out) == 34
    assert not set(map(composed, rest.sources)) & set(map(composed, held_out.sources))
    rest, held_out = split_share(pairs, 0.25, seed=4, same_source="case")
    assert set(map(composed, rest.sources)) & set(map(composed, held_out.sources))


def test_without_unicode_twins_both_ways_hold_out_the_same():
    pairs = Pairs([f"\uff21\u00bd\u2026 {n}" for n in range(53)], ["x"] * 53)
    assert split_share(pairs, 0.3, 7) == split_share(pairs, 0.3, 7, same_source="case")


def composed(text):
    return unicodedata.normalize("NFC", text)


def decomposed(text):
    return unicodedata.normalize("NFD", text)


# Two splits -----


SPLITS = {
    "train": Pairs(["a", "Caf\u00e9", "cafe\u0301", "b", "c d"], list("12345"), dropped=7),
    "validation": Pairs(["e", "CAF\u00c9", "f"], list("678")),
    "test": Pairs(["C  D", "g", "c d", "E", "h"], list("90123")),
}


def test_sources_of_two_splits_are_reported():
    lines = []
    assert without_overlap(SPLITS, drop=False, report=lines.append) == SPLITS
    advice = "--drop-overlap leaves them out of"
    assert lines == [
        "validation: 1 of 3 sources (33.3%) stand in train too, such as 'CAF\u00c9'; "
        f"{advice} train.",
        f"test: 2 of 5 sources (40.0%) stand in train too, such as 'C  D'; {advice} train.",
        f"test: 1 of 5 sources (20.0%) stand in validation too, such as 'E'; {advice} validation.",
    ]


def test_sources_of_two_splits_are_left_out_of_the_first():
    lines = []
    splits = without_overlap(SPLITS, drop=True, report=lines.append)
    assert splits == {
        "train": Pairs(["a", "b"], ["1", "4"], dropped=7),
        "validation": Pairs(["CAF\u00c9", "f"], ["7", "8"]),
        "test": SPLITS["test"],
    }
    counts = ["2 pairs are left out of train.", "1 pairs are left out of train."]
    counts.append("1 pairs are left out of validation.")
    assert [line.rpartition("; ")[2] for line in lines] == counts
    with pytest.raises(UserError, match="leaves nothing of train: test has it all"):
        without_overlap({**SPLITS, "train": Pairs(["g"], ["x"])}, True, lines.append)


def test_splits_that_share_nothing():
    splits = {name: Pairs([name], ["x"]) for name in SPLITS}
    assert without_overlap(splits, True, pytest.fail) == splits


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_split_share_out_of_range(share):
    with pytest.raises(UserError, match=f"between 0 and 1. Received: share={share}"):
        split_share(Pairs(["a", "b"], ["c", "d"]), share, seed=0)


def test_split_share_of_too_few_pairs():
    for pairs in (Pairs(["a", "b"], ["c", "d"]), Pairs(["a"] * 7, ["b"] * 7)):
        with pytest.raises(UserError, match="leaves one side empty"):
            split_share(pairs, 0.1, seed=0)


def test_pairs_of_unequal_lengths():
    with pytest.raises(ValueError, match=r"Received: lengths=\[1, 2\]"):
        Pairs(["a"], ["b", "c"])

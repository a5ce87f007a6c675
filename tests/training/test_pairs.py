import pytest

from keras_attention.errors import UserError
from keras_attention.training.datasets import Pairs, split_share


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

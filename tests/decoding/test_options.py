"""Searches from plain options: what belongs to which, and what is refused."""

import math

import pytest

from keras_attention import UserError
from keras_attention.decoding import (
    AllowedIds,
    Beam,
    DiverseBeam,
    Greedy,
    MinimumLength,
    NoRepeatNGram,
    Sample,
    SearchOptions,
    changed_search,
    make_search,
)
from keras_attention.decoding.options import KINDS, changed_options

LENGTH = 9


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Greedy(LENGTH)),
        ({"search": "beam"}, Beam(max_length=LENGTH)),
        ({"beam_width": 1}, Greedy(LENGTH)),
        ({"beam_width": 1, "length_penalty": 0.0, "coverage_penalty": 0.0}, Greedy(LENGTH)),
        ({"search": "beam", "beam_width": 1, "length_penalty": 0.6}, Beam(1, 0.6, 0.0, 1, LENGTH)),
        (
            {
                "beam_width": 4,
                "n_best": 3,
                "length_penalty": 0.6,
                "length_normalization": "simple",
                "coverage_penalty": 0.1,
            },
            Beam(4, 0.6, 0.1, 3, LENGTH, (), "simple"),
        ),
        (
            {"beam_width": 4, "groups": 2, "diversity": 0.7, "n_best": 2},
            DiverseBeam(4, 2, 0.7, n_best=2, max_length=LENGTH),
        ),
        (
            {
                "temperature": 0.7,
                "top_k": 7,
                "top_p": 0.9,
                "min_p": 0.1,
                "samples": 3,
                "sample_seed": 11,
            },
            Sample(0.7, 7, 0.9, 0.1, 3, 11, LENGTH),
        ),
        (
            {"min_length": 2, "no_repeat_ngram": 3},
            Greedy(LENGTH, [MinimumLength(2), NoRepeatNGram(3)]),
        ),
        (
            {"search": "sample", "min_length": 2},
            Sample(max_length=LENGTH, constraints=[MinimumLength(2)]),
        ),
    ],
)
def test_the_search_of_options(options, expected):
    found = make_search(SearchOptions(**options), LENGTH)
    assert type(found) is type(expected)
    assert found.get_config() == expected.get_config()


@pytest.mark.parametrize(
    ("search", "options", "expected"),
    [
        (Beam(5, 0.6, max_length=LENGTH), {}, Beam(5, 0.6, max_length=LENGTH)),
        (Beam(5, 0.6, max_length=LENGTH), {"beam_width": 3}, Beam(3, 0.6, max_length=LENGTH)),
        (Beam(5, 0.6, max_length=LENGTH), {"beam_width": 1}, Greedy(LENGTH)),
        (Beam(5, 0.6, max_length=LENGTH), {"search": "greedy"}, Greedy(LENGTH)),
        (Beam(5, max_length=LENGTH), {"top_k": 3}, Sample(top_k=3, max_length=LENGTH)),
        (
            Beam(4, 0.6, max_length=LENGTH),
            {"groups": 2},
            DiverseBeam(4, 2, length_penalty=0.6, max_length=LENGTH),
        ),
        (
            DiverseBeam(4, 2, max_length=LENGTH),
            {"length_penalty": 0.6},
            DiverseBeam(4, 2, length_penalty=0.6, max_length=LENGTH),
        ),
        (Greedy(LENGTH), {"length_penalty": 0.6}, Beam(5, 0.6, max_length=LENGTH)),
        (
            Greedy(LENGTH, [AllowedIds([5]), MinimumLength(2), NoRepeatNGram(3)]),
            {"min_length": 0, "no_repeat_ngram": 0},
            Greedy(LENGTH, [AllowedIds([5])]),
        ),
        (
            Greedy(LENGTH, [AllowedIds([5]), MinimumLength(2)]),
            {"min_length": 4, "beam_width": 2},
            Beam(2, max_length=LENGTH, constraints=[AllowedIds([5]), MinimumLength(4)]),
        ),
    ],
)
def test_only_what_is_given_changes(search, options, expected):
    found = changed_search(search, SearchOptions(**options))
    assert type(found) is type(expected)
    assert found.get_config() == expected.get_config()
    assert (found is search) == (not options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_width": 1, "length_penalty": 0.6}, "--length-penalty does not fit greedy search"),
        ({"search": "sample", "beam_width": 3}, "--beam-width does not fit sample.*Received: 3"),
        ({"search": "beam", "groups": 2}, "--groups does not fit beam search. Received: 2"),
        ({"beam_width": 3, "top_p": 0.5}, "No search knows all of these: --beam-width, --top-p"),
        ({"beam_width": 0}, "no beam search: --beam-width is .*Received: --beam-width=0$"),
        (
            {"beam_width": 3, "n_best": 4},
            "--n-best is expected to be at most --beam-width. "
            "Received: --n-best=4, --beam-width=3$",
        ),
        ({"beam_width": 5, "groups": 2}, "--groups .*Received: --groups=2, --beam-width=5$"),
        ({"length_penalty": math.nan}, "--length-penalty .*Received: --length-penalty=nan$"),
        ({"temperature": math.nan}, "--temperature .*Received: --temperature=nan$"),
        ({"top_p": math.nan}, "--top-p .*Received: --top-p=nan$"),
        ({"search": "sample", "sample_seed": 0.5}, "--sample-seed .*--sample-seed=0.5$"),
        ({"min_length": -1}, "--min-length .*Received: --min-length=-1$"),
        ({"no_repeat_ngram": -2}, "--no-repeat-ngram .*Received: --no-repeat-ngram=-2$"),
    ],
)
def test_options_that_make_no_search(options, message):
    with pytest.raises(UserError, match=message):
        make_search(SearchOptions(**options), LENGTH)


def test_a_search_of_ones_own_is_never_replaced_unasked():
    class Mine(Beam):
        pass

    mine = Mine(3, 0.6, max_length=LENGTH)
    assert changed_search(mine, SearchOptions()) is mine
    for options in ({"min_length": 2}, {"beam_width": 1}, {"length_penalty": 0.2}):
        with pytest.raises(UserError, match="The recorded search is a Mine: say --search"):
            changed_search(mine, SearchOptions(**options))
    found = changed_search(mine, SearchOptions(search="beam", beam_width=2))
    assert repr(found) == repr(Beam(2, 0.6, max_length=LENGTH))


@pytest.mark.parametrize("kind", KINDS)
def test_options_of_a_changed_search_make_it_again(kind):
    recorded = SearchOptions(
        beam_width=6, n_best=2, length_normalization="simple", min_length=3, no_repeat_ngram=2
    )
    assert changed_options(recorded, SearchOptions()) is recorded
    given = SearchOptions(search=kind, min_length=5, no_repeat_ngram=0)
    found = changed_options(recorded, given)
    assert (found.search, found.min_length, found.no_repeat_ngram) == (kind, 5, None)
    expected = changed_search(make_search(recorded, LENGTH), given)
    assert repr(make_search(found, LENGTH)) == repr(expected)

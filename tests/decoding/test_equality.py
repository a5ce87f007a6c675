"""Searches and constraints of one class and config are equal, custom ones included."""

import keras
import numpy as np
import pytest

from keras_attention import decoding
from keras_attention.decoding.search import search_from_repr

MAKERS = [
    lambda: decoding.Greedy(max_length=7),
    lambda: decoding.Greedy(max_length=7, constraints=[decoding.MinimumLength(2)]),
    lambda: decoding.Beam(width=3, max_length=7),
    lambda: decoding.Beam(width=3, max_length=7, length_normalization="simple"),
    lambda: decoding.DiverseBeam(width=3, max_length=7),
    lambda: decoding.Sample(top_p=0.9, max_length=7),
    lambda: decoding.Greedy(7, [decoding.AllowedIds([4, 5]), decoding.NoRepeatNGram(3)]),
    lambda: decoding.Greedy(7, [decoding.AllowedIds(np.eye(3, dtype=bool))]),
]


class Shortest(decoding.Search):
    """A custom search, not registered, with an array in its config."""

    def __init__(self, costs, max_length=7):
        super().__init__(max_length)
        self.costs = np.asarray(costs)

    def get_config(self):
        return {"costs": self.costs, **super().get_config()}


def test_equal_and_different_searches():
    for place, make in enumerate(MAKERS):
        search = make()
        assert search == make() and hash(search) == hash(make())
        assert [search == other() for other in MAKERS] == [i == place for i in range(len(MAKERS))]
        restored = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(search)
        )
        assert restored == search and {restored: 1}[search] == 1
    assert decoding.Greedy(7) != "Greedy(max_length=7)"
    assert decoding.MinimumLength(2) == decoding.MinimumLength(2) != decoding.MinimumLength(3)
    assert Shortest([1, 2]) == Shortest([1, 2]) != Shortest([1, 3])


def test_a_search_from_its_repr():
    for make in MAKERS:
        assert search_from_repr(repr(make())) == make()


@pytest.mark.parametrize(
    "text",
    ["", "Greedy(", "Greedy(0)", "Guess(max_length=7)", "MinimumLength(tokens=2)", "7", "(" * 9999]
    + ["Seq2Seq()", "print(max_length=7)", "Greedy(max_length=print)", "Beam(width='x')"],
)
def test_what_is_no_search(text):
    assert search_from_repr(text) is None


def test_which_scores_are_log_probabilities_of_the_end():
    known = decoding.Greedy(), decoding.Sample(), decoding.Beam(), decoding.Beam(length_penalty=0.6)
    assert all(search.empty_score_is_log_probability for search in known)
    unknown = decoding.Beam(coverage_penalty=0.2), decoding.DiverseBeam(coverage_penalty=0.2)
    assert not any(search.empty_score_is_log_probability for search in (*unknown, Shortest([1])))

"""Searches that are not asked for alignments."""

import numpy as np
import pytest
from fake_steps import RUNNERS, prefix_problem, search_prefixes

from keras_attention.decoding import Beam, DiverseBeam, Greedy, Sample

END = 1
SEARCHES = [
    Greedy(max_length=4),
    Beam(width=3, n_best=2, length_penalty=0.6, coverage_penalty=0.3, max_length=4),
    DiverseBeam(width=4, groups=2, n_best=3, max_length=4),
    Sample(samples=2, seed=3, max_length=4),
]


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("search", SEARCHES, ids=repr)
@pytest.mark.parametrize("runner", RUNNERS)
def test_everything_else_is_the_same(runner, search):
    problem = prefix_problem(7, batch=5, source_length=3, vocabulary=3, max_length=4)
    keys = np.arange(5, dtype="int32")
    whole, lean = (
        runner(search_prefixes(search, END, row_keys=keys, return_alignments=kept))(problem)
        for kept in (True, False)
    )
    assert whole.alignments is not None and lean.alignments is None
    for name in ("ids", "scores", "lengths", "token_scores"):
        np.testing.assert_array_equal(getattr(lean, name), getattr(whole, name))

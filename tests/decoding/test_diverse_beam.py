"""Diverse beam groups against hands and a plain one that never stops early."""

import keras
import numpy as np
import pytest
import search_reference as reference
from fake_steps import RUNNERS, START, arrays, eager, prefix_problem, search_prefixes
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.decoding import Beam, DiverseBeam

END = 1
EXAMPLES = 2 if keras.backend.backend() == "jax" else 13  # JAX compiles each of them


def best_of_groups(row, max_length, width, groups, diversity, n_best, **scoring):
    found = reference.diverse_beam(row, END, max_length, width, groups, diversity, **scoring)
    kept = [hypotheses[: min(n_best, width // groups)] for hypotheses in found]
    return reference.best_first(sum(kept, []))[:n_best]


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("groups", [2, 3, 6])
def test_it_equals_plain_groups(groups, runner):
    problem = prefix_problem(seed=2, batch=5, source_length=3, vocabulary=5, max_length=4)
    search = DiverseBeam(6, groups, 0.7, length_penalty=0.6, n_best=6, max_length=4)
    result = runner(search_prefixes(search, END))(problem)
    for row in range(5):
        row_reference = reference.Row(problem, row)
        best = best_of_groups(row_reference, 4, 6, groups, 0.7, 6, alpha=0.6)
        reference.assert_found(result, row, best)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 999),
    alpha=st.floats(-1, 2),
    normalization=st.sampled_from(["wu", "simple"]),
    beta=st.sampled_from([0.0, 0.2]),
    width_and_groups=st.sampled_from([(1, 1), (4, 2), (3, 3), (8, 2), (4, 1)]),
    diversity=st.floats(0, 3),
    one=st.booleans(),
)
def test_stopping_early_loses_nothing(
    seed, alpha, normalization, beta, width_and_groups, diversity, one
):
    width, groups = width_and_groups
    problem = prefix_problem(seed, batch=3, source_length=3, vocabulary=4, max_length=5)
    problem.logits[..., END] += 1.0
    n_best = 1 if one else width
    search = DiverseBeam(
        width,
        groups,
        diversity,
        length_penalty=alpha,
        coverage_penalty=beta,
        n_best=n_best,
        max_length=5,
        length_normalization=normalization,
    )
    result = eager(search_prefixes(search, END))(problem)
    scoring = {"alpha": alpha, "beta": beta, "normalization": normalization}
    for row in range(3):
        best = best_of_groups(
            reference.Row(problem, row), 5, width, groups, diversity, n_best, **scoring
        )
        reference.assert_found(result, row, best)


def bigrams(probabilities):
    """A step whose next token depends on the last one; `START` begins."""
    table = np.eye(5, dtype="float32")[[END] * 100]  # a token that is not mentioned ends
    for token, after in probabilities.items():
        table[token] = 0
        for next_token, probability in after.items():
            table[token, next_token] = probability
    with np.errstate(divide="ignore"):
        logits = np.log(table)  # impossible tokens have a logit of -inf

    def step(token_ids, state):
        return ops.take(ops.convert_to_tensor(logits), token_ids, axis=0), state, state

    return step


def test_later_groups_take_other_words_by_hand():
    """The first group takes 2. The third one finds 2 taken twice up to a diversity of log(5/3), as
    the second one prefers it until then; from log(5/2) on 4, taken by nobody, is best."""
    step = bigrams({START: {2: 0.5, 3: 0.3, 4: 0.2}, **{token: {END: 1} for token in (2, 3, 4)}})

    def first_words(diversity):
        search = DiverseBeam(3, 3, diversity, n_best=3, max_length=4)
        result = arrays(search(step, ops.ones((1, 1)), ops.ones((1, 1), "bool"), START, END))
        np.testing.assert_allclose(result.scores, result.token_scores.sum(-1), atol=1e-6)
        return result.ids[0, :, 0].tolist()

    assert first_words(0.0) == [2, 2, 2]
    assert first_words(np.log(5 / 3) / 2 - 0.01) == [2, 2, 2]
    assert first_words(np.log(5 / 3) / 2 + 0.01) == [2, 2, 3]  # of the third group
    assert first_words(np.log(5 / 3) + 0.01) == [2, 2, 3]  # of the second; the third goes back to 2
    assert first_words(np.log(5 / 2) - 0.01) == [2, 2, 3]
    assert first_words(np.log(5 / 2) + 0.01) == [2, 3, 4]


@pytest.mark.parametrize("runner", RUNNERS)
def test_one_group_is_a_beam(runner):
    problem = prefix_problem(seed=3, batch=5, source_length=3, vocabulary=3, max_length=5)
    options = {"width": 3, "n_best": 3, "max_length": 5, "coverage_penalty": 0.2}
    diverse = runner(search_prefixes(DiverseBeam(groups=1, diversity=9.0, **options), END))
    plain = runner(search_prefixes(Beam(**options), END))
    for ours, theirs in zip(diverse(problem), plain(problem), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_beams_that_do_not_exist_take_no_word():
    """After 2 the first group can only end: nothing is left of it that could take 0."""
    after = {START: {2: 0.6, 3: 0.4}, 2: {END: 1}, 3: {0: 0.6, 4: 0.4}, 0: {END: 1}, 4: {END: 1}}
    search = DiverseBeam(2, 2, 1.0, n_best=2, max_length=4)
    result = arrays(search(bigrams(after), ops.ones((1, 1)), ops.ones((1, 1), "bool"), START, END))
    assert result.ids.tolist() == [[[2, 0, 0, 0], [3, 0, 0, 0]]]
    assert result.lengths.tolist() == [[1, 2]]
    np.testing.assert_allclose(result.scores, np.log([[0.6, 0.4 * 0.6]]), atol=1e-5)


def test_config_round_trip():
    search = DiverseBeam(8, 2, 0.3, length_penalty=0.6, n_best=5, max_length=7)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(search))
    assert isinstance(again, DiverseBeam) and again.get_config() == search.get_config()
    assert (again.width, again.groups, again.diversity, again.beams) == (8, 2, 0.3, 5)
    every = search.all_beams()
    assert every.all_beams() is every  # Or it would be compiled, and exported, twice.
    assert search.all_beams().n_best == 8 and search.all_beams().groups == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 0}, r"`groups`.*at least 1\. Received: groups=0"),
        ({"width": 5, "groups": 3}, r"divide `width`\. Received: groups=3, width=5"),
        ({"diversity": -1}, r"at least 0\. Received: diversity=-1"),
        ({"length_normalization": "mean"}, r"one of wu, simple\. Received: .*'mean'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        DiverseBeam(**arguments)

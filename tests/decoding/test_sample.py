"""Sampling against plain Python, against its distribution, and against itself."""

import json

import keras
import numpy as np
import pytest
import sample_reference as reference
import search_reference
from fake_steps import (
    RUNNERS,
    RUNNERS_OF_NO_ROWS,
    START,
    Problem,
    arrays,
    eager,
    prefix_problem,
    search_prefixes,
    spelling_state,
    spelling_step,
)
from keras import ops

from keras_attention.decoding import Greedy, MinimumLength, NoRepeatNGram, Sample
from keras_attention.decoding.sample import draw, nucleus_edge

END, VOCABULARY, LENGTH = 1, 5, 4
KEYS = np.array([3, -(2**31), 77, 0, 2**31 - 1], "int32")
CUTS = {
    "nothing": {},
    "temperature": {"temperature": 0.7},
    "top_k": {"top_k": 3},
    "top_p": {"top_p": 0.8},
    "min_p": {"min_p": 0.15},
    "all": {"temperature": 1.7, "top_k": 4, "top_p": 0.9, "min_p": 0.1},
    "seed": {"seed": -(2**40)},
}


def problem_of(seed, batch=5):
    return prefix_problem(seed, batch, 3, VOCABULARY, LENGTH)


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(
    ("cut", "runner"),
    [(cut, eager) for cut in CUTS]
    + [(cut, runner) for cut in ("nothing", "all") for runner in RUNNERS[1:]],
)
def test_it_equals_plain_sampling(cut, runner):
    options = {"seed": 11, **CUTS[cut]}
    problem = problem_of(seed=1)
    problem.logits[:, ::7, 3] = -np.inf  # impossible tokens
    search = Sample(samples=3, max_length=LENGTH, **options)
    result = runner(search_prefixes(search, END, row_keys=KEYS))(problem)
    assert len(set(map(tuple, result.ids.reshape(-1, LENGTH)))) > 5
    assert np.isfinite(result.token_scores).all()
    for row in range(5):
        expected = [plain(problem, row, sample, **options) for sample in range(3)]
        search_reference.assert_found(result, row, search_reference.best_first(expected))


def plain(problem, row, sample, seed, permits=search_reference.anything, **options):
    with np.errstate(divide="ignore"):
        return reference.sample(
            search_reference.Row(problem, row), END, LENGTH, seed, int(KEYS[row]), sample, permits,
            **options,
        )  # fmt: skip


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("top_k", [None, 2])
def test_constraints_and_prefix_come_before_the_cut(top_k, runner):
    problem = problem_of(seed=2)
    prefix = np.array([[4, 4], [3, 0], [0, 0], [0, 0], [2, 2]], "int32")
    constraints = [MinimumLength(3), NoRepeatNGram(1)]

    def permits_of(row):
        def permits(tokens, token):
            if len(tokens) < 2 and prefix[row, len(tokens)]:
                return token == prefix[row, len(tokens)]
            return token not in tokens and (token != END or len(tokens) >= 3)

        return permits

    search = Sample(samples=3, seed=5, top_k=top_k, max_length=LENGTH, constraints=constraints)
    result = runner(search_prefixes(search, END))(problem, prefix=prefix, row_keys=KEYS)
    for row in range(5):
        expected = [
            plain(problem, row, sample, seed=5, permits=permits_of(row), top_k=top_k)
            for sample in range(3)
        ]
        search_reference.assert_found(result, row, search_reference.best_first(expected))


PROBABILITIES = [0.4, 0.05, 0.3, 0.0, 0.25]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, PROBABILITIES),
        ({"temperature": 0.5}, np.array([0.16, 0.0025, 0.09, 0, 0.0625]) / 0.315),
        ({"temperature": 1e-6}, [1, 0, 0, 0, 0]),
        ({"top_k": 2}, [4 / 7, 0, 3 / 7, 0, 0]),
        ({"top_k": 99}, PROBABILITIES),
        ({"top_p": 0.69}, [4 / 7, 0, 3 / 7, 0, 0]),
        ({"top_p": 0.71}, [0.4 / 0.95, 0, 0.3 / 0.95, 0, 0.25 / 0.95]),
        ({"top_p": 1.0}, PROBABILITIES),
        ({"top_p": 1e-9}, [1, 0, 0, 0, 0]),
        ({"min_p": 0.7}, [4 / 7, 0, 3 / 7, 0, 0]),
        ({"min_p": 1.0}, [1, 0, 0, 0, 0]),
        ({"top_k": 3, "top_p": 0.45}, [4 / 7, 0, 3 / 7, 0, 0]),  # 0.4 / 0.95 is below 0.45
        ({"temperature": 2.0, "min_p": 0.8}, np.sqrt([0.4, 0, 0.3, 0, 0]) / 1.18017),
    ],
)
def test_frequencies_by_hand(options, expected):
    """16,384 draws: a frequency is within five standard deviations of its probability."""
    with np.errstate(divide="ignore"):
        logits = np.log(np.array(PROBABILITIES, "float32"))

    def step(token_ids, state):
        return ops.zeros((16384, 1)) + logits, state, state

    search = Sample(samples=16384, seed=3, max_length=1, **options)
    result = arrays(search(step, ops.ones((1, 1)), ops.ones((1, 1), "bool"), START, 99))
    found = np.bincount(result.ids[0, :, 0], minlength=5) / 16384
    expected = np.array(expected) / np.sum(expected)
    assert (np.abs(found - expected) <= 5 * np.sqrt(expected * (1 - expected) / 16384)).all()
    drawn = np.array(PROBABILITIES)[result.ids[0, :, 0]]
    np.testing.assert_allclose(result.scores[0], np.log(drawn), atol=1e-5)
    np.testing.assert_array_equal(result.token_scores[0, :, 0], result.scores[0])


def test_the_edge_of_the_nucleus_is_that_of_sorting():
    random = np.random.default_rng(5)
    weights = random.uniform(size=(97, 1009)) ** random.uniform(1, 30, size=(97, 1))
    weights = (weights / weights.max(axis=1, keepdims=True)).astype("float32")
    for top_p in (0.05, 0.5, 0.9, 0.99):
        edge = ops.convert_to_numpy(nucleus_edge(ops.convert_to_tensor(weights), top_p))
        for row, found in zip(weights.astype("float64"), edge[:, 0], strict=True):
            ordered = np.sort(row)[::-1]
            enough = np.searchsorted(np.cumsum(ordered), top_p * row.sum())
            kept = row >= found
            assert abs(kept.sum() - (enough + 1)) <= 1  # a sum of float32 on the edge
            assert row[kept].sum() >= top_p * row.sum() * (1 - 1e-5)


def test_equal_tokens_stay_together():
    weights = ops.convert_to_tensor(np.array([[1, 0.5, 0.5, 0.5], [1, 1, 1, 1]], "float32"))
    edge = ops.convert_to_numpy(nucleus_edge(weights, 0.5))
    np.testing.assert_allclose(edge, [[0.5], [1]], atol=1e-8)


def test_steps_are_drawn_independently():
    def step(token_ids, state):
        return ops.zeros((4096, 4)), state, state

    search = Sample(samples=4096, seed=3, max_length=3)
    result = arrays(search(step, ops.ones((1, 1)), ops.ones((1, 1), "bool"), START, 99))
    triples = np.bincount(result.ids[0] @ [16, 4, 1], minlength=64)
    assert np.abs(triples - 64).max() < 5 * 8


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("runner", RUNNERS)
def test_the_same_seed_gives_the_same_text(runner):
    problem = problem_of(seed=4)

    def texts(run):
        return run(problem).ids.tolist()

    run = runner(search_prefixes(Sample(seed=8, max_length=LENGTH), END, row_keys=KEYS))
    first = texts(run)
    assert texts(run) == first
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(Sample(seed=8, max_length=LENGTH))
    )
    assert texts(runner(search_prefixes(again, END, row_keys=KEYS))) == first
    assert texts(eager(search_prefixes(again, END, row_keys=KEYS))) == first
    other = runner(search_prefixes(Sample(seed=9, max_length=LENGTH), END, row_keys=KEYS))
    assert texts(other) != first


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("options", [{}, {"top_p": 0.9}], ids=str)
def test_a_row_does_not_depend_on_its_neighbours(options, runner):
    problem = problem_of(seed=5)
    search = Sample(samples=3, seed=2, max_length=LENGTH, **options)
    run = runner(search_prefixes(search, END))
    together = run(problem, row_keys=KEYS)
    for row in range(0, 5, 2):
        copies = Problem(*(np.repeat(x[row : row + 1], 5, axis=0) for x in problem))
        copied = run(copies, row_keys=np.full(5, KEYS[row]))
        for whole, same in zip(together, copied, strict=True):
            np.testing.assert_array_equal(whole[row], same[row])
        assert (copied.ids == together.ids[row]).all()
        single = Problem(*(x[row : row + 1] for x in problem))
        alone = run(single, row_keys=KEYS[row : row + 1])
        np.testing.assert_array_equal(together.ids[row], alone.ids[0])


def test_fewer_samples_are_among_more():
    problem = problem_of(seed=6)
    few = eager(search_prefixes(Sample(samples=2, max_length=LENGTH), END))(problem)
    many = eager(search_prefixes(Sample(samples=5, max_length=LENGTH), END))(problem)
    for row in range(5):
        assert set(map(tuple, few.ids[row])) <= set(map(tuple, many.ids[row]))
        assert (np.diff(many.scores[row]) <= 0).all()


def test_rows_without_keys_draw_alike():
    problem = problem_of(seed=6, batch=1)
    problem = Problem(*(np.repeat(x, 3, axis=0) for x in problem))
    search = Sample(samples=2, max_length=LENGTH)
    alike = eager(search_prefixes(search, END))(problem)
    assert (alike.ids == alike.ids[:1]).all()
    keyed = eager(search_prefixes(search, END, row_keys=KEYS[:3]))(problem)
    assert (keyed.ids != keyed.ids[:1]).any()


def test_a_model_that_is_sure_spells():
    texts = [[2, 4, 3, 3, END], [3, END], [END]]
    mask = ops.ones((3, 5), dtype="bool")
    found = [
        arrays(search(spelling_step(5), spelling_state(texts), mask, START, END))
        for search in (Greedy(max_length=7), Sample(temperature=0.1, max_length=7, top_p=0.9))
    ]
    for greedy, sample in zip(*found, strict=True):
        np.testing.assert_allclose(greedy, sample, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_logits_are_scored_in_float32(dtype):
    def step(token_ids, state):
        return ops.cast(ops.zeros((1, 1009)), dtype), state, ops.cast(ops.ones((1, 1)), dtype)

    result = arrays(Sample(max_length=11)(step, {}, ops.ones((1, 1), "bool"), START, 1008))
    assert result.scores.dtype == result.alignments.dtype == np.float32
    assert result.lengths.tolist() == [[11]] and len(set(result.ids[0, 0])) > 7
    np.testing.assert_allclose(result.scores, -11 * np.log(1009), rtol=1e-5)


def test_no_draw_is_impossible():
    """However the sums are rounded, a place without weight is never drawn."""
    random = np.random.default_rng(7)
    weights = random.uniform(size=(997, 131)).astype("float32") ** 9
    weights[:, ::2] = 0
    noise = np.array([[0.0], [1 - 2**-24], [1.0]], "float32")
    for number in noise:
        drawn = draw(ops.convert_to_tensor(weights), ops.convert_to_tensor(number[None]))
        drawn = ops.convert_to_numpy(drawn)[:, 0]
        assert (weights[np.arange(997), drawn] > 0).all()
    assert (drawn == 129).all()


@pytest.mark.parametrize("runner", RUNNERS_OF_NO_ROWS)
def test_no_rows_at_all(runner):
    problem = problem_of(seed=7, batch=0)
    search = Sample(samples=3, top_k=2, max_length=LENGTH)
    result = runner(search_prefixes(search, END))(problem)
    shapes = [(0, 3, 4), (0, 3), (0, 3), (0, 3, 4, 3), (0, 3, 4)]
    assert [x.shape for x in result] == shapes


def test_config_round_trip():
    config = {
        "temperature": 0.7,
        "top_k": 7,
        "top_p": 0.9,
        "min_p": None,
        "samples": 3,
        "seed": 2**40,
        "max_length": 31,
    }
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(Sample(**config))))
    search = keras.saving.deserialize_keras_object(saved)
    assert isinstance(search, Sample) and search.get_config() == config
    assert search.beams == 3 and search.all_beams() is search


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0}, r"`temperature`.*Received: temperature=0"),
        ({"temperature": float("nan")}, r"`temperature`.*Received: temperature=nan"),
        ({"top_k": 0}, r"`top_k`.*at least 1\. Received: top_k=0"),
        ({"top_p": 0.0}, r"`top_p`.*above 0 and at most 1\. Received: top_p=0\.0"),
        ({"min_p": 1.5}, r"`min_p`.*above 0 and at most 1\. Received: min_p=1\.5"),
        ({"samples": 0}, r"`samples`.*at least 1\. Received: samples=0"),
        ({"seed": 1.0}, r"`seed`.*an integer\. Received: seed=1\.0"),
        ({"top_p": "0.9"}, r"`top_p`.*above 0 and at most 1\. Received: top_p='0\.9'"),
        ({"temperature": "1"}, r"`temperature`.*Received: temperature='1'"),
        ({"seed": True}, r"`seed`.*an integer\. Received: seed=True"),
        ({"seed": None}, r"`seed`.*an integer\. Received: seed=None"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Sample(**arguments)


def test_numbers_of_numpy_are_numbers():
    search = Sample(np.float32(0.5), np.int64(3), np.float64(0.9), seed=np.int64(3))
    assert search.get_config() == Sample(0.5, 3, 0.9, seed=3).get_config()
    assert type(search.get_config()["seed"]) is int  # JSON knows no other.

"""Monotonic alignments against the papers' sums, in NumPy, walk by walk."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import assert_close, gradients, to_numpy

from keras_attention.ops.monotonic import (
    chunkwise_weights,
    expected_alignment,
    hard_alignment,
    shift_left,
    shift_right,
)

ROWS = 3


def expected_reference(probability, previous):
    """Equation 9 of Raffel et al., 2017, term by term."""
    alignment = np.zeros(probability.shape)
    for row, j in np.ndindex(*probability.shape):
        for k in range(j + 1):
            passed = np.prod(1.0 - probability[row, k:j])
            alignment[row, j] += probability[row, j] * previous[row, k] * passed
    return alignment


def recurrence_reference(probability, previous):
    """Equations 13 and 14, one key after the other."""
    alignment = np.zeros(probability.shape)
    for row in range(len(probability)):
        q = passed = 0.0
        for j, p in enumerate(probability[row]):
            q = passed * q + previous[row, j]
            alignment[row, j] = p * q
            passed = 1.0 - p
    return alignment


def hard_reference(stops, previous):
    """Section 2.2: from where the walk was, the first key at which it stops."""
    alignment = np.zeros(stops.shape)
    for row in range(len(stops)):
        if previous[row].any():
            for j in range(previous[row].argmax(), stops.shape[1]):
                if stops[row, j]:
                    alignment[row, j] = 1.0
                    break
    return alignment


def chunkwise_reference(alignment, energies, chunk_size, mask):
    """Each alignment spread over its chunk by a softmax of the allowed energies in it."""
    weights = np.zeros(alignment.shape)
    for row, end in np.ndindex(*alignment.shape):
        chunk = [j for j in range(max(0, end - chunk_size + 1), end + 1) if mask[row, j]]
        if chunk:
            exponentials = np.exp(energies[row, chunk] - energies[row, chunk].max())
            weights[row, chunk] += alignment[row, end] * exponentials / exponentials.sum()
    return weights


def random_walks(length, seed=11):
    """Probabilities, many of them exactly zero or one, and where the walks are, in float32."""
    generator = np.random.default_rng(seed)
    probability = generator.random((ROWS, length))
    probability[generator.random((ROWS, length)) < 0.2] = 0.0
    probability[generator.random((ROWS, length)) < 0.1] = 1.0
    previous = generator.dirichlet(np.ones(length), size=ROWS)
    return probability.astype("float32"), previous.astype("float32")


@pytest.mark.parametrize("length", [1, 2, 3, 8, 17, 59])
def test_expected_alignment(length):
    probability, previous = random_walks(length)
    alignment = expected_alignment(probability, previous)
    wide = probability.astype("float64"), previous.astype("float64")
    assert_close(alignment, expected_reference(*wide), 1e-6)
    np.testing.assert_allclose(expected_reference(*wide), recurrence_reference(*wide), atol=1e-12)


def test_expected_alignment_is_the_expectation_of_all_walks():
    """Two queries, three keys: every outcome of the six coins, weighted by its probability."""
    probability = np.array([[0.3, 0.6, 0.2], [0.7, 0.4, 0.9]])
    start = np.array([[1.0, 0.0, 0.0]])
    expectation = np.zeros((2, 3))
    for coins in itertools.product([False, True], repeat=6):
        coins = np.reshape(coins, (2, 3))
        first = hard_reference(coins[:1], start)
        second = hard_reference(coins[1:], first)
        weight = np.prod(np.where(coins, probability, 1.0 - probability))
        expectation += weight * np.concatenate([first, second])
    first = expected_alignment(ops.convert_to_tensor(probability[:1]), ops.convert_to_tensor(start))
    second = expected_alignment(ops.convert_to_tensor(probability[1:]), first)
    assert_close(ops.concatenate([first, second]), expectation, 1e-6)


@pytest.mark.parametrize("extreme", [1e-7, 0.5, 1.0 - 1e-7])
def test_a_thousand_keys_lose_nothing(extreme):
    """The paper's quotient of cumulated values is 0 / 0 here, for all but the first keys."""
    generator = np.random.default_rng(13)
    probability = np.where(generator.random((ROWS, 997)) < 0.5, extreme, 0.9).astype("float32")
    previous = generator.dirichlet(np.ones(997), size=ROWS).astype("float32")
    alignment = to_numpy(expected_alignment(probability, previous))
    expected = recurrence_reference(probability.astype("float64"), previous.astype("float64"))
    np.testing.assert_allclose(alignment, expected, rtol=1e-4, atol=1e-9)


def test_no_weight_comes_from_nowhere():
    """What does not stop has passed the last key."""
    probability, previous = random_walks(19)
    alignment = to_numpy(expected_alignment(probability, previous))
    lost = sum(previous[:, k] * np.prod(1.0 - probability[:, k:], axis=1) for k in range(19))
    np.testing.assert_allclose(alignment.sum(axis=1) + lost, np.ones(ROWS), atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 7, 31])
def test_gradient_of_the_expected_alignment(length):
    """The recurrence backwards, key by key, in float64."""
    probability, previous = random_walks(length)
    direction = np.random.default_rng(17).normal(size=probability.shape).astype("float32")

    def loss(probability, previous):
        return ops.sum(ops.multiply(expected_alignment(probability, previous), direction))

    of_probability, of_previous = gradients(loss, probability, previous)
    for row in range(ROWS):
        p, alpha, d = (x[row].astype("float64") for x in (probability, previous, direction))
        q = np.zeros(length)
        for j in range(length):
            q[j] = alpha[j] + ((1.0 - p[j - 1]) * q[j - 1] if j else 0.0)
        later, of_p, of_alpha = 0.0, np.zeros(length), np.zeros(length)
        for j in reversed(range(length)):
            of_p[j] = d[j] * q[j] - later * q[j]
            later = d[j] * p[j] + later * (1.0 - p[j])
            of_alpha[j] = later
        np.testing.assert_allclose(of_probability[row], of_p, atol=1e-5)
        np.testing.assert_allclose(of_previous[row], of_alpha, atol=1e-5)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("length", [1, 2, 7, 31])
def test_unknown_length(length, jit_compile):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces without knowing the length")
    tf = pytest.importorskip("tensorflow")
    probability, previous = random_walks(length)
    direction = np.random.default_rng(17).normal(size=probability.shape).astype("float32")

    def both(probability, previous, direction):
        with tf.GradientTape() as tape:
            tape.watch([probability, previous])
            alignment = expected_alignment(probability, previous)
            loss = tf.reduce_sum(alignment * direction)
        return alignment, *tape.gradient(loss, [probability, previous])

    unknown = [tf.TensorSpec([None, None])] * 3
    traced = tf.function(both, input_signature=unknown, jit_compile=jit_compile)
    arrays = [tf.constant(array) for array in (probability, previous, direction)]
    assert_close(traced(*arrays), both(*arrays), 1e-6)


@pytest.mark.parametrize("length", [1, 2, 7, 31])
def test_hard_alignment(length):
    generator = np.random.default_rng(19)
    probability = generator.random((7, length)).astype("float32")
    previous = np.eye(length, dtype="float32")[generator.integers(length, size=7)]
    previous[3] = 0.0
    alignment = hard_alignment(probability, previous)
    assert_close(alignment, hard_reference(probability >= 0.5, previous), 0.0)


def test_one_half_is_enough_to_stop():
    alignment = hard_alignment(np.array([[0.25, 0.5, 1.0]], "float32"), np.eye(1, 3, 0, "float32"))
    assert_close(alignment, np.array([[0.0, 1.0, 0.0]]), 0.0)


def test_soft_and_hard_agree_where_all_is_decided():
    generator = np.random.default_rng(23)
    soft = hard = np.eye(1, 13, dtype="float32").repeat(ROWS, axis=0)
    for _ in range(5):
        probability = (generator.random((ROWS, 13)) < 0.3).astype("float32")
        soft, hard = expected_alignment(probability, soft), hard_alignment(probability, hard)
        assert_close(soft, hard, 0.0)


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 17, 19])
@pytest.mark.parametrize("spread", [1.0, 1e4])
def test_chunkwise_weights(chunk_size, spread):
    generator = np.random.default_rng(29)
    energies = (spread * generator.normal(size=(ROWS, 17))).astype("float32")
    mask = generator.random((ROWS, 17)) < 0.7
    alignment = (generator.dirichlet(np.ones(17), size=ROWS) * mask).astype("float32")
    weights = to_numpy(chunkwise_weights(alignment, energies, chunk_size, mask))
    expected = chunkwise_reference(alignment, energies.astype("float64"), chunk_size, mask)
    np.testing.assert_allclose(weights, expected, atol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=1), alignment.sum(axis=1), atol=1e-5)
    assert (weights[~mask] == 0).all()


def test_chunks_of_a_hard_alignment():
    energies = np.log(np.array([[1.0, 2.0, 3.0, 5.0]], "float32"))
    weights = chunkwise_weights(np.array([[0.0, 0.0, 1.0, 0.0]], "float32"), energies, 2)
    assert_close(weights, np.array([[0.0, 0.4, 0.6, 0.0]]), 1e-6)


@pytest.mark.parametrize("steps", [0, 1, 4, 5, 7])
def test_shifts(steps):
    row = np.arange(1.0, 6.0, dtype="float32")[None]
    zeros = np.zeros((1, steps), "float32")
    assert_close(shift_right(row, steps), np.concatenate([zeros, row], axis=1)[:, :5], 0.0)
    assert_close(shift_left(row, steps), np.concatenate([row, zeros], axis=1)[:, steps:], 0.0)

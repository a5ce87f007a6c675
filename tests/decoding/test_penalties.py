"""The penalties of Wu et al. (2016), worked by hand."""

import numpy as np
from keras import ops

from keras_attention.decoding import coverage_penalty, length_penalty


def test_length_penalty_by_hand():
    lengths = np.array([1, 7, 13], "int32")
    np.testing.assert_allclose(length_penalty(lengths, 1.0), [1, 2, 3], rtol=1e-6)
    np.testing.assert_allclose(length_penalty(lengths, 2.0), [1, 4, 9], rtol=1e-6)
    np.testing.assert_allclose(length_penalty(lengths, -1.0), [1, 1 / 2, 1 / 3], rtol=1e-6)
    np.testing.assert_array_equal(length_penalty(lengths, 0.0), [1, 1, 1])


def test_coverage_penalty_by_hand():
    coverage = np.array([[0.5, 1.7, 0.25], [1.0, 1.0, 0.1]], "float32")
    mask = np.array([[True, True, True], [True, True, False]])
    penalty = coverage_penalty(ops.convert_to_tensor(coverage), ops.convert_to_tensor(mask), 2.0)
    np.testing.assert_allclose(penalty, [2 * np.log(1 / 8), 0.0], rtol=1e-6)


def test_a_source_token_never_attended_to_costs_a_finite_price():
    penalty = coverage_penalty(ops.zeros((1, 3)), ops.ones((1, 3), dtype="bool"), 1.0)
    np.testing.assert_allclose(penalty, [3 * np.log(1e-6)], rtol=1e-6)

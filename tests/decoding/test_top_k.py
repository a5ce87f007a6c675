"""The best of many against NumPy's stable sort."""

import numpy as np
import pytest
from keras import ops

from keras_attention.decoding.top_k import top_k


def by_sorting(x, k):
    """Values and places of the `k` highest, the first of equal ones first."""
    order = np.argsort(-x, axis=-1, kind="stable")[:, :k]
    return np.take_along_axis(x, order, axis=-1), order


def check(x, k):
    values, places = top_k(ops.convert_to_tensor(x), k)
    expected, order = by_sorting(x, k)
    np.testing.assert_array_equal(ops.convert_to_numpy(places), order)
    np.testing.assert_array_equal(ops.convert_to_numpy(values), expected)


# Below and above the length from which rows are cut, with and without a rest.
@pytest.mark.parametrize(
    ("length", "k"), [(13, 1), (7, 7), (101, 3), (997, 7), (2048, 4), (1009, 1)]
)
def test_the_highest_in_order(length, k):
    rng = np.random.default_rng(length)
    check(rng.normal(size=(11, length)).astype("float32"), k)


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("length", [640, 641])
def test_of_equal_numbers_the_first(length, k):
    rng = np.random.default_rng(length)
    for different in (1, 2, 5):
        check(rng.integers(different, size=(17, length)).astype("float32"), k)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("length", [64 * 3, 64 * 3 + 1])
def test_rows_of_which_little_is_allowed(length, k):
    x = np.full((3, length), -np.inf, "float32")
    x[1, length - 1] = 2.0
    x[2, [5, length - 2]] = 1.0, 3.0
    check(x, k)

import numpy as np
import pytest
from keras import backend, ops
from layer_checks import assert_close, to_numpy

from keras_attention.ops import dot_product_attention, dot_product_scores, weighted_sum


def random(*shape, seed=67):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("heads", [(), (11,)])
def test_scores_and_weighted_sum(heads):
    query, key = random(2, *heads, 3, 7), random(2, *heads, 5, 7, seed=71)
    weights, value = random(2, *heads, 3, 5, seed=73), random(2, *heads, 5, 13, seed=79)
    assert_close(dot_product_scores(query, key), np.einsum("...qd,...kd->...qk", query, key))
    assert_close(
        dot_product_scores(query, key, scale=0.3), 0.3 * np.einsum("...qd,...kd->...qk", query, key)
    )
    assert_close(weighted_sum(weights, value), np.einsum("...qk,...kd->...qd", weights, value))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_scores_do_not_overflow(dtype):
    query, key = ops.full((2, 3, 7), 1000.0, dtype), ops.full((2, 5, 7), 1000.0, dtype)
    assert_close(dot_product_scores(query, key), np.full((2, 3, 5), 7e6), atol=1e-2)


def test_attention_is_a_softmax_mean():
    query, key, value = random(2, 3, 7), random(2, 5, 7, seed=71), random(2, 5, 13, seed=79)
    mask = np.array([[True] * 5, [True, True, False, False, False]])[:, None]
    context, weights = dot_product_attention(query, key, value, mask, scale=7**-0.5)
    exponentials = mask * np.exp(np.einsum("bqd,bkd->bqk", query, key) / np.sqrt(7))
    expected = exponentials / exponentials.sum(axis=-1, keepdims=True)
    assert_close(weights, expected)
    assert_close(context, np.einsum("bqk,bkd->bqd", expected, value))


def test_attention_keeps_the_dtype_of_the_values():
    query, key = random(2, 3, 7), random(2, 5, 7, seed=71)
    for tensor in dot_product_attention(query, key, ops.ones((2, 5, 13), "bfloat16")):
        assert backend.standardize_dtype(tensor.dtype) == "bfloat16"


def test_attention_to_nothing_is_zero():
    query, key = random(2, 3, 7), random(2, 5, 7, seed=71)
    for tensor in dot_product_attention(query, key, key, np.zeros((2, 1, 5), bool)):
        assert (to_numpy(tensor) == 0).all()

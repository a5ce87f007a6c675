"""Inputs, masks and softmax in NumPy, in loops, for the tests of choices."""

import itertools

import numpy as np
from layer_checks import BATCH, KEY, QUERY, VALUE_DIM, to_numpy

QUERY_DIM, KEY_DIM = 7, 11
MASKS = ("query_mask", "value_mask", "attention_mask", "use_causal_mask")
MASK_SETS = [some for size in range(5) for some in itertools.combinations(MASKS, size)]


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def arrays(query=QUERY, key=KEY):
    return (
        random(BATCH, query, QUERY_DIM, seed=103),
        random(BATCH, key, VALUE_DIM, seed=109),
        random(BATCH, key, KEY_DIM, seed=107),
    )


def built(layer, inputs):
    """The layer with weights large enough to tell positions apart."""
    layer.build(*(array.shape for array in inputs))
    for number, weight in enumerate(layer.weights):
        weight.assign(random(*weight.shape, seed=113 + number))
    return layer


def some_masks(names, query=QUERY, key=KEY):
    """The named call arguments, and what they let through as one mask."""
    allowed = np.random.default_rng(43).random((BATCH, query, key)) < 0.7
    lengths = np.array([[key - 1], [2]])
    masks = {
        "query_mask": np.arange(query) < np.array([[query - 1], [1]]),
        "value_mask": np.arange(key) < lengths,
        "attention_mask": allowed,
        "use_causal_mask": True,
    }
    masks = {name: masks[name] for name in names}
    dense = np.ones((BATCH, query, key), bool)
    for batch, i, j in np.ndindex(*dense.shape):
        dense[batch, i, j] = (
            masks.get("query_mask", np.ones((BATCH, query), bool))[batch, i]
            and masks.get("value_mask", np.ones((BATCH, key), bool))[batch, j]
            and masks.get("attention_mask", np.ones(dense.shape, bool))[batch, i, j]
            and not ("use_causal_mask" in names and j > i)
        )
    return masks, dense


def general_score(layer):
    matrix = to_numpy(layer.attention.key_kernel).T.astype("float64")  # W of q^T W k
    return lambda q, k: q @ matrix @ k


def softmax_row(scores, allowed):
    """Softmax over the allowed positions, one by one; zeros where there are none."""
    total = sum(np.exp(score) for score, may in zip(scores, allowed, strict=True) if may)
    row = [np.exp(s) / total if may else 0.0 for s, may in zip(scores, allowed, strict=True)]
    return np.array(row)

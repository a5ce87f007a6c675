"""Sparse attention pair by pair, in NumPy and float64, and how an op is compared with it."""

import numpy as np
from keras import backend, ops
from layer_checks import assert_close, gradients, to_numpy

from keras_attention.ops import Masks
from keras_attention.ops.sparse import pattern_call, window

BATCH, HEADS, DIM, VALUE_DIM, SCALE = 2, 3, 5, 7, 0.4
# Shorter than a block, several blocks and a rest, more queries than keys, more keys than queries.
LENGTHS = [(1, 1), (3, 3), (23, 23), (19, 29), (29, 13)]
MASKS = {
    "none": {},
    "causal": {"causal": True},
    "key": {"key": True},
    "query and key": {"query": True, "key": True},
    "all": {"causal": True, "key": True, "query": True},
}
# Every length with one combination of masks, every combination with one length.
LENGTHS_AND_MASKS = [(lengths, "query and key") for lengths in LENGTHS] + [
    ((23, 23), names) for names in MASKS if names != "query and key"
]


def take_small_blocks(monkeypatch, stretch_bytes=2000):
    """Makes blocks as small as a window and chunks as small as a block: short sequences have many.

    Returns:
        A list that grows with each call of known length: how many blocks were computed at a time,
        or None where all were.
    """
    taken, blocks_at_once = [], pattern_call.blocks_at_once

    def record(*arguments):
        taken.append(blocks_at_once(*arguments))
        return taken[-1]

    monkeypatch.setattr(window, "SMALLEST_BLOCK", 1)
    monkeypatch.setattr(pattern_call, "STRETCH_BYTES", stretch_bytes)
    monkeypatch.setattr(pattern_call, "blocks_at_once", record)
    return taken


def random_inputs(queries, keys, dim=DIM, seed=211):
    generator = np.random.default_rng(seed)
    shapes = (queries, dim), (keys, dim), (keys, VALUE_DIM)
    return [generator.normal(size=(BATCH, HEADS, *shape)).astype("float32") for shape in shapes]


def random_masks(queries, keys, causal=False, key=False, query=False, seed=223):
    """`Masks`; some queries of the second sentence have no key left."""
    generator = np.random.default_rng(seed)
    key_mask = generator.random((BATCH, keys)) < [[0.7], [0.2]]
    query_mask = generator.random((BATCH, queries)) < 0.7
    return Masks(query_mask if query else None, key_mask if key else None, None, causal)


def dense_mask(allowed, queries, keys, masks):
    """All masks as `(batch, 1, query, key)`, `allowed` a function of two integers."""
    mask = np.zeros((BATCH, 1, queries, keys), bool)
    for batch, _, i, j in np.ndindex(*mask.shape):
        mask[batch, 0, i, j] = (
            allowed(i, j)
            and (not masks.causal or j <= i)
            and (masks.key is None or masks.key[batch, j])
            and (masks.query is None or masks.query[batch, i])
        )
    return mask


def softmax(scores, mask):
    scores = np.where(mask, scores, -1e9)  # a row without a key is settled by the mask, below
    exponentials = np.where(mask, np.exp(scores - scores.max(axis=-1, keepdims=True)), 0.0)
    sums = exponentials.sum(axis=-1, keepdims=True)
    return exponentials / np.where(sums == 0, 1.0, sums)


def attention(query, key, value, mask, bias=0.0):
    """Context and weights."""
    query, key, value = (x.astype("float64") for x in (query, key, value))
    scores = np.einsum("bhqd,bhkd->bhqk", SCALE * query, key) + bias
    weights = softmax(scores, mask)
    return np.einsum("bhqk,bhkd->bhqd", weights, value), weights


def attention_gradients(query, key, value, mask, upstream):
    """Of `sum(upstream * context)` with respect to query, key and value."""
    query, key, value = (x.astype("float64") for x in (query, key, value))
    _, weights = attention(query, key, value, mask)
    of_weights = np.einsum("bhqd,bhkd->bhqk", upstream, value)
    mean = (weights * of_weights).sum(axis=-1, keepdims=True)
    of_scores = SCALE * weights * (of_weights - mean)
    return (
        np.einsum("bhqk,bhkd->bhqd", of_scores, key),
        np.einsum("bhqk,bhqd->bhkd", of_scores, query),
        np.einsum("bhqk,bhqd->bhkd", weights, upstream),
    )


def compiled(function):
    """JAX compiles each operation by itself otherwise, which takes long."""
    if backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def check_context(op, allowed, lengths, mask_names):
    """Context and rows of `op(query, key, value, masks=..., scale=...)`."""
    inputs = random_inputs(*lengths)
    masks = random_masks(*lengths, **MASKS[mask_names])
    mask = dense_mask(allowed, *lengths, masks)
    attend = compiled(lambda *args: op(*args, masks=masks, scale=SCALE, return_rows=True))
    context, rows = attend(*inputs)
    assert_close(context, attention(*inputs, mask)[0])
    np.testing.assert_array_equal(*np.broadcast_arrays(to_numpy(rows), mask.any(axis=-1)[:, 0]))


def check_gradients(op, allowed, lengths=(23, 23), mask_names="all"):
    inputs = random_inputs(*lengths)
    masks = random_masks(*lengths, **MASKS[mask_names])
    mask = dense_mask(allowed, *lengths, masks)
    shape = (BATCH, HEADS, lengths[0], VALUE_DIM)
    upstream = np.random.default_rng(227).normal(size=shape).astype("float32")
    loss = compiled(lambda *args: ops.sum(upstream * op(*args, masks=masks, scale=SCALE)))
    result = gradients(loss, *inputs)
    assert_close(list(result), attention_gradients(*inputs, mask, upstream))


def check_normalizer(op, allowed, normalizer, lengths=(23, 23)):
    """Blocks of scores give the weights that whole rows give."""
    inputs = random_inputs(*lengths)
    masks = random_masks(*lengths, causal=False, key=True)
    mask = dense_mask(allowed, *lengths, masks)
    query, key, value = inputs
    scores = SCALE * np.einsum("bhqd,bhkd->bhqk", query, key)
    expected = np.einsum("bhqk,bhkd->bhqd", to_numpy(normalizer(scores, mask)), value)
    attend = compiled(lambda *args: op(*args, masks=masks, scale=SCALE, weigh=normalizer))
    assert_close(attend(*inputs), expected)


def distance_bias(query, query_positions, key_positions):
    """A bias of position that depends on query, head and distance, as positions may."""
    queries, keys = ops.expand_dims(query_positions, -1), ops.expand_dims(key_positions, -2)
    distance = ops.cast(keys - queries, query.dtype)  # (query, key) or (batch, query, key)
    distance = ops.expand_dims(distance, -3)  # (1, query, key) or (batch, 1, query, key)
    return ops.sin(distance + ops.arange(HEADS, dtype="float32")[:, None, None]) * query[..., :1]


def check_bias(op, allowed, lengths):
    """A bias that looks at distances is the same block by block."""
    inputs = random_inputs(*lengths)
    masks = random_masks(*lengths, key=True)
    distance = np.arange(lengths[1]) - np.arange(lengths[0])[:, None]
    bias = np.sin(distance + np.arange(HEADS)[:, None, None]) * inputs[0][..., :1]
    expected, _ = attention(*inputs, dense_mask(allowed, *lengths, masks), bias)
    attend = compiled(lambda *args: op(*args, masks=masks, scale=SCALE, bias=distance_bias))
    assert_close(attend(*inputs), expected)


def most_scores(op, length):
    """The largest number of scores a query has in any one call of the normaliser, but in rows of
    global tokens, and the number of scores in all."""
    from keras_attention.ops import softmax as keras_softmax

    sizes, totals = [], []

    def weigh(scores, mask):
        sizes.append((scores.shape[2], scores.shape[3]))
        totals.append(scores.shape[2] * scores.shape[3])
        return keras_softmax(scores, mask)

    inputs = random_inputs(length, length)
    if backend.backend() == "jax":
        import jax

        jax.eval_shape(lambda *inputs: op(*inputs, scale=SCALE, weigh=weigh), *inputs)
    else:
        op(*inputs, scale=SCALE, weigh=weigh)
    return sizes, sum(totals)


def check_unknown_lengths(op, allowed, jit_compile):
    """One graph for all lengths."""
    import tensorflow as tf

    signature = [tf.TensorSpec([None, HEADS, None, size]) for size in (DIM, DIM, VALUE_DIM)]
    signature.append(tf.TensorSpec([None, None], tf.bool))

    @tf.function(input_signature=signature, jit_compile=jit_compile)
    def attend(query, key, value, key_mask):
        return op(query, key, value, masks=Masks(key=key_mask, causal=True), scale=SCALE)

    for lengths in LENGTHS:
        inputs = random_inputs(*lengths)
        masks = random_masks(*lengths, causal=True, key=True)
        expected, _ = attention(*inputs, dense_mask(allowed, *lengths, masks))
        assert_close(attend(*inputs, masks.key), expected)

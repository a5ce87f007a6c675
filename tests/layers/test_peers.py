"""Layers of Keras and KerasHub with the same mechanism: same weights and inputs, same result.

Rotary and sinusoidal positions are compared in the tests of positions, Torch's attention and
`keras.layers.MultiHeadAttention` in `test_multi_head.py`.
"""

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import BATCH, KEY, QUERY, VALUE_DIM, assert_close, key_mask, to_numpy

from keras_attention import layers

DIM, HEADS, GROUPS, HEAD_DIM = 7, 6, 3, 5
PROJECTIONS = "query", "key", "value", "output"


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def inputs():
    """Query, value and key."""
    shapes = (BATCH, QUERY, DIM), (BATCH, KEY, VALUE_DIM), (BATCH, KEY, DIM)
    return [random(*shape, seed=101 + number) for number, shape in enumerate(shapes)]


def hub():
    return pytest.importorskip("keras_hub", reason="keras_hub, a peer, is not installed").layers


def randomize(layer):
    """Random numbers in all weights, biases too."""
    for number, weight in enumerate(layer.weights):
        weight.assign(random(*weight.shape, seed=211 + number) / 3)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_keras_attention(masked, causal):
    query, value, key = inputs()
    mask = key_mask() if masked else None
    options = {"use_causal_mask": causal, "return_attention_scores": True}
    expected = keras.layers.Attention()([query, value, key], mask=[None, mask], **options)
    found = layers.DotProductAttention()(query, value, key, value_mask=mask, **options)
    assert_close(found, expected)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_keras_additive_attention(masked, causal):
    """Bahdanau's attention with matrices that change nothing; theirs has none."""
    query, value, key = inputs()
    mask = key_mask() if masked else None
    theirs = keras.layers.AdditiveAttention()
    theirs.build([query.shape, value.shape, key.shape])
    randomize(theirs)
    ours = layers.BahdanauAttention(DIM)
    ours.build(query.shape, value.shape, key.shape)
    ours.query_kernel.assign(np.eye(DIM))
    ours.key_kernel.assign(np.eye(DIM))
    ours.v.assign(theirs.scale)
    options = {"use_causal_mask": causal, "return_attention_scores": True}
    expected = theirs([query, value, key], mask=[None, mask], **options)
    assert_close(ours(query, value, key, value_mask=mask, **options), expected)


def give(ours, denses):
    """Our multi-head weights, two-dimensional, from theirs, which have an axis for heads."""
    for name, dense in denses.items():
        getattr(ours, f"{name}_kernel").assign(_flat(dense.kernel, ours, f"{name}_kernel"))
        getattr(ours, f"{name}_bias").assign(_flat(dense.bias, ours, f"{name}_bias"))


def _flat(weight, ours, name):
    return np.reshape(to_numpy(weight), getattr(ours, name).shape)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_keras_grouped_query_attention(masked, causal):
    query, value, _ = inputs()
    value = value[..., :DIM]
    mask = key_mask() if masked else None
    theirs = keras.layers.GroupQueryAttention(HEAD_DIM, HEADS, GROUPS)
    theirs.build(query.shape, value.shape)
    randomize(theirs)
    ours = layers.GroupedQueryAttention(HEADS, HEAD_DIM, GROUPS)
    ours.build(query.shape, value.shape)
    give(ours, {name: getattr(theirs, f"_{name}_dense") for name in PROJECTIONS})
    options = {"use_causal_mask": causal, "return_attention_scores": True}
    expected = theirs(query, value, value_mask=mask, **options)
    assert_close(ours(query, value, value_mask=mask, **options), expected)


def test_keras_hub_attention_with_a_cache():
    """All at once, and the last position by our state and by their cache."""
    theirs = hub().CachedMultiHeadAttention(HEADS, HEAD_DIM)
    x = random(BATCH, KEY, DIM, seed=103)
    theirs.build(x.shape, x.shape)
    randomize(theirs)
    ours = layers.MultiHeadAttention(HEADS, HEAD_DIM)
    ours.build(x.shape, x.shape)
    give(ours, {name: getattr(theirs, f"_{name}_dense") for name in PROJECTIONS})
    causal = np.broadcast_to(np.tri(KEY) > 0, (BATCH, KEY, KEY))
    cache = np.zeros((BATCH, 2, KEY, HEADS, HEAD_DIM), "float32")
    expected, cache = theirs(x, x, attention_mask=causal, cache=cache, cache_update_index=0)
    assert_close(ours(x, x, use_causal_mask=True), expected)
    last = x[:, -1:]
    expected, _ = theirs(last, last, cache=cache, cache_update_index=KEY - 1)
    memory = ours.project_memory(ops.convert_to_tensor(x))
    found, _, _ = ours.step(last, memory, state=ours.start(memory))
    assert_close(found, expected)


def test_keras_hub_alibi():
    """Theirs counts keys from the first, ours from the query: softmax sees no difference."""
    scores = random(BATCH, HEADS, KEY, KEY, seed=107)
    theirs = ops.softmax(hub().AlibiBias()(scores) + np.where(np.tri(KEY), 0, -1e9))
    positions = np.arange(KEY, dtype="int32")
    position = layers.ALiBiPosition()
    attention = layers.MultiHeadAttention(HEADS, HEAD_DIM, position=position)
    attention.build((None, None, DIM), (None, None, DIM))
    bias = position.bias(scores, positions, positions)
    ours = ops.softmax(scores + bias + np.where(np.tri(KEY), 0, -1e9))
    assert_close(ours, theirs)


def test_keras_hub_learned_positions():
    theirs = hub().PositionEmbedding(KEY)
    x = random(BATCH, QUERY, DIM, seed=109)
    theirs.build(x.shape)
    randomize(theirs)
    ours = layers.LearnedPosition(KEY)
    ours.build(x.shape)
    ours.positions.assign(theirs.position_embeddings)
    assert_close(ours(x), x + theirs(x))
    assert_close(ours(x[:, :1], start=3), x[:, :1] + theirs(x[:, :1], start_index=3))

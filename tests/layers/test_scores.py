"""Each layer's score against the paper's formula, in NumPy, pair by pair."""

import functools

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import BATCH, KEY, QUERY, VALUE_DIM, assert_close, to_numpy

from keras_attention import layers
from keras_attention.ops import normalizers
from keras_attention.ops.dense import additive

QUERY_DIM, KEY_DIM, UNITS = 7, 11, 17


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def check_against(layer, pair_score, query_dim=QUERY_DIM, key_dim=KEY_DIM):
    """Weights are the softmax of `pair_score(query, key)`, the context their sum of values."""
    query = random(BATCH, QUERY, query_dim, seed=103)
    key = random(BATCH, KEY, key_dim, seed=107)
    value = random(BATCH, KEY, VALUE_DIM, seed=109)
    context, weights = layer(query, value, key, return_attention_scores=True)

    scores = np.zeros((BATCH, QUERY, KEY))
    for batch, i, j in np.ndindex(*scores.shape):
        scores[batch, i, j] = pair_score(query[batch, i], key[batch, j])
    exponentials = np.exp(scores)
    expected = exponentials / exponentials.sum(axis=-1, keepdims=True)
    assert_close(weights, expected)
    assert_close(context, np.einsum("bqk,bkd->bqd", expected, value))


def built(layer, query_dim=QUERY_DIM, key_dim=KEY_DIM):
    """The layer with random weights, biases and gains too, and the weights by name."""
    layer.build((BATCH, QUERY, query_dim), (BATCH, KEY, VALUE_DIM), (BATCH, KEY, key_dim))
    for number, weight in enumerate(layer.weights):
        weight.assign(random(*weight.shape, seed=113 + number))
    return layer, dict(zip((w.name for w in layer.weights), layer.get_weights(), strict=True))


def test_dot_product():
    check_against(layers.DotProductAttention(), lambda q, k: q @ k, 7, 7)


def test_scaled_dot_product():
    layer = layers.ScaledDotProductAttention()
    check_against(layer, lambda q, k: q @ k / np.sqrt(7), 7, 7)


def test_luong_dot():
    check_against(layers.LuongAttention("dot"), lambda q, k: q @ k, 7, 7)


def test_luong_general():
    layer, weights = built(layers.LuongAttention("general"))
    matrix = weights["key_kernel"].T  # W of q^T W k
    assert matrix.shape == (QUERY_DIM, KEY_DIM)
    check_against(layer, lambda q, k: q @ matrix @ k)


def test_luong_concat():
    layer, weights = built(layers.LuongAttention("concat", units=UNITS))
    matrix = np.concatenate([weights["query_kernel"], weights["key_kernel"]]).T  # W of W [q; k]
    assert matrix.shape == (UNITS, QUERY_DIM + KEY_DIM)
    check_against(layer, lambda q, k: weights["v"] @ np.tanh(matrix @ np.concatenate([q, k])))


def test_luong_concat_has_as_many_units_as_the_query_is_wide():
    _, weights = built(layers.LuongAttention("concat"))
    assert weights["v"].shape == (QUERY_DIM,)


def test_bahdanau():
    layer, weights = built(layers.BahdanauAttention(UNITS))
    w, u, v = weights["query_kernel"].T, weights["key_kernel"].T, weights["v"]
    check_against(layer, lambda q, k: v @ np.tanh(w @ q + u @ k))


def test_bahdanau_in_chunks(monkeypatch):
    monkeypatch.setattr(additive, "CHUNK_BYTES", 1)
    test_bahdanau()


def test_bahdanau_normalized():
    layer, weights = built(layers.BahdanauAttention(UNITS, normalize=True))
    w, u, v, b = (weights[name] for name in ("query_kernel", "key_kernel", "v", "bias"))
    direction = weights["g"] * v / np.sqrt(np.sum(v**2))
    check_against(layer, lambda q, k: direction @ np.tanh(w.T @ q + u.T @ k + b))


def test_the_length_of_a_normalized_v_does_not_matter():
    layer, _ = built(layers.BahdanauAttention(UNITS, normalize=True))
    query, memory = random(2, 3, QUERY_DIM, seed=127), random(2, 5, KEY_DIM, seed=131)
    before = layer(query, memory)
    layer.v.assign(layer.v * 19.0)
    assert_close(layer(query, memory), before)


@pytest.mark.parametrize(
    "layer",
    [
        layers.ScaledDotProductAttention(),
        layers.LuongAttention("concat", units=256),
        layers.BahdanauAttention(256),
        layers.BahdanauAttention(256, normalize=True),
    ],
    ids=["scaled", "concat", "bahdanau", "normalized"],
)
def test_scores_start_neither_flat_nor_saturated(layer):
    """Inputs of unit variance: scores spread enough to pass gradients on, not enough to choose."""
    query, memory = random(3, 31, 128, seed=137), random(3, 37, 128, seed=139)
    layer.build(query.shape, memory.shape)
    scores = to_numpy(layer.score(layer.project_query(query), layer.project_key(memory)))
    assert 0.2 < scores.std() < 1.2


def test_luong_general_starts_with_the_spread_of_dot():
    query, memory = random(3, 31, 128, seed=137), random(3, 37, 128, seed=139)
    spreads = []
    for kind in ("dot", "general"):
        layer = layers.LuongAttention(kind)
        layer.build(query.shape, memory.shape)
        spreads.append(to_numpy(layer.score(query, layer.project_key(memory))).std())
    np.testing.assert_allclose(spreads[1], spreads[0], rtol=0.2)


@pytest.mark.parametrize(
    "layer", [layers.DotProductAttention(), layers.LuongAttention("dot")], ids=["dot", "luong"]
)
def test_dot_needs_equal_sizes(layer):
    message = r"same last dimension. Received: query.shape=\(2, 3, 7\), value.shape=\(2, 5, 11\)"
    with pytest.raises(ValueError, match=message):
        layer(ops.ones((2, 3, 7)), ops.ones((2, 5, 11)))


def test_unknown_luong_score():
    message = "one of .*'concat'.*`LuongLocationAttention`. Received: score='location'"
    with pytest.raises(ValueError, match=message):
        layers.LuongAttention("location")


def test_a_normaliser_without_a_name_can_be_used_and_not_saved():
    layer = layers.DotProductAttention(normalizer=functools.partial(normalizers.softmax))
    query = random(2, 3, 7, seed=1)
    assert_close(layer(query, query), layers.DotProductAttention()(query, query))
    with pytest.raises(ValueError, match="registered .* Received: normalizer=functools.partial"):
        layer.get_config()


def test_units_belong_to_concat():
    with pytest.raises(ValueError, match="Received: score='general', units=13"):
        layers.LuongAttention("general", units=13)


def test_units_must_be_positive():
    with pytest.raises(ValueError, match="positive. Received: units=0"):
        layers.BahdanauAttention(0)


def test_a_projected_memory_does_not_depend_on_the_query():
    layer, _ = built(layers.BahdanauAttention(UNITS))
    memory = random(2, 5, KEY_DIM, seed=131)
    assert tuple(layer.project_key(memory).shape) == (2, 5, UNITS)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_in_chunks_equals_training_in_one_block(monkeypatch, jit_compile):
    """One optimiser step, long inputs: the same weights come out."""
    query, memory = random(2, 7, QUERY_DIM, seed=149), random(2, 5, KEY_DIM, seed=151)
    results = []
    for chunk_bytes in (additive.CHUNK_BYTES, 1):
        monkeypatch.setattr(additive, "CHUNK_BYTES", chunk_bytes)
        keras.utils.set_random_seed(157)
        inputs = keras.Input((7, QUERY_DIM), batch_size=2), keras.Input((5, KEY_DIM), batch_size=2)
        model = keras.Model(inputs, layers.BahdanauAttention(UNITS)(*inputs))
        model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=jit_compile)
        model.train_on_batch([query, memory], np.ones((2, 7, KEY_DIM)))
        results.append(model.get_weights())
    assert_close(*results)

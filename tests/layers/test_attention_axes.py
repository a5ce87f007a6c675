"""Inputs with four axes: each public attention attends along one, or says that it needs one."""

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import assert_close, to_numpy
from test_call_checks import ATTENTIONS, each, refuses

from keras_attention import layers

BATCH, HEIGHT, WIDTH = 2, 5, 3


def images(case, seed=17):
    """Query, value and key of shape (batch, height, width, dim)."""
    generator = np.random.default_rng(seed)
    shapes = ((BATCH, HEIGHT, WIDTH, x.shape[-1]) for x in case.arrays())
    return [generator.normal(size=shape).astype("float32") for shape in shapes]


@each(ATTENTIONS)
def test_attention_along_one_axis_is_attention_in_each_column(case):
    layer, (query, value, key) = case.make(attention_axes=1), images(case)
    mask = np.ones((BATCH, HEIGHT, WIDTH), bool)
    mask[0, 3:, 1] = mask[1, 1:, 2] = False
    context, weights = layer(query, value, key, value_mask=mask, return_attention_scores=True)
    symbolic = layer(
        *(keras.KerasTensor((None, *x.shape[1:])) for x in (query, value, key)),
        return_attention_scores=True,
    )
    for one, other in zip(symbolic, (context, weights), strict=True):
        assert one.shape[1:] == tuple(other.shape[1:])
    for column in range(WIDTH):
        alone = layer(
            query[:, :, column],
            value[:, :, column],
            key[:, :, column],
            value_mask=mask[:, :, column],
            return_attention_scores=True,
        )
        assert_close((context[:, :, column], weights[:, column]), alone)


@each(ATTENTIONS)
def test_attention_along_all_axes(case):
    layer, (query, value, key) = case.make(), images(case)
    if layer._goes_by_order:
        refuses(layer, query, value, key, match="goes by the order of positions")
        refuses(case.make(attention_axes=(1, 2)), query, value, key, match="goes by the order")
        return
    refuses(layer, query, value, key, match="order of positions", use_causal_mask=True)
    flat = [x.reshape(BATCH, HEIGHT * WIDTH, -1) for x in (query, value, key)]
    context, weights = layer(*flat, return_attention_scores=True)
    places = (HEIGHT, WIDTH) * 2
    expected = (
        to_numpy(context).reshape(BATCH, HEIGHT, WIDTH, -1),
        to_numpy(weights).reshape(*weights.shape[:-2], *places),
    )
    assert_close(layer(query, value, key, return_attention_scores=True), expected)


@pytest.mark.parametrize("axes", [None, 1, (2,), -2, (2, 1)])
def test_keras_has_the_same(axes):
    x, y = (np.random.default_rng(seed).normal(size=(2, 3, 5, 7)) for seed in (3, 5))
    mask = np.random.default_rng(7).random((2, 3, 5)) < 0.8
    keras_layer = keras.layers.MultiHeadAttention(2, 3, attention_axes=axes)
    layer = layers.MultiHeadAttention(2, 3, attention_axes=axes)
    layer.build(x.shape, y.shape)
    expected = keras_layer(x, y, return_attention_scores=True)
    for weight, other in zip(layer.weights, keras_layer.weights, strict=True):
        weight.assign(ops.reshape(other, weight.shape))
    assert_close(layer(x, y, return_attention_scores=True), expected)
    if axes == 1:
        queries = (np.random.default_rng(11).random((2, 3, 3)) < 0.7) | np.eye(3, dtype=bool)
        expected = keras_layer(x, y, attention_mask=queries)
        assert_close(layer(x, y, attention_mask=queries), expected)
    assert tuple(layer(x, y, query_mask=mask).shape) == x.shape


def test_axes_that_are_not_there():
    x = np.ones((2, 3, 5, 7), "float32")
    refuses(layers.MultiHeadAttention, 2, 3, attention_axes="height", match="attention_axes")
    for axes in (0, 3, (1, 1), -1):
        refuses(layers.MultiHeadAttention(2, 3, attention_axes=axes), x, x, match="between")
    layer = layers.MultiHeadAttention(2, 3, attention_axes=2)
    refuses(layer, x, x[:, :2], match="not attended along")
    refuses(layer, x[0], x[0], match="between batch and features")
    config = layer.get_config()
    assert layers.MultiHeadAttention.from_config(config).attention_axes == (2,)
    del config["attention_axes"]  # as older versions wrote it
    assert layers.MultiHeadAttention.from_config(config).attention_axes is None


def image(dim=7, seed=23):
    shape = (BATCH, HEIGHT, WIDTH, dim)
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def flat(x):
    return x.reshape(BATCH, HEIGHT * WIDTH, -1)


def test_other_layers_over_the_places_of_an_image():
    """Of the layers that are no `Attention`: each place counts, wherever it stands."""
    x, y = image(), image(11, seed=29)
    mask = np.random.default_rng(31).random((BATCH, HEIGHT, WIDTH)) < 0.7
    masks = mask.reshape(BATCH, -1)
    residual = layers.ResidualAttention(layers.MultiHeadAttention(2, 3))
    context, weights = residual(x, mask=mask, return_attention_scores=True)
    expected = residual(flat(x), mask=masks, return_attention_scores=True)
    assert_close((flat(to_numpy(context)), to_numpy(weights).reshape(expected[1].shape)), expected)
    for layer in (layers.CrossModalAttention(2, 3), layers.GatedFusion(5)):
        found = layer(x, y, first_mask=mask)
        expected = layer(flat(x), flat(y), first_mask=masks)
        for one, other in zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True):
            assert_close(flat(to_numpy(one)), other)


def test_other_layers_that_take_no_image():
    x = image()
    for layer in (
        layers.CoAttention(3),
        layers.SinusoidalPosition(),
        layers.LearnedPosition(11),
    ):
        rest = [x] if isinstance(layer, layers.CoAttention) else []
        refuses(layer, x, *rest, match=r"of shape \(batch, \w+, \w+\)")
    memory = layers.SegmentMemory(3)
    refuses(memory, x, memory.start(x[:, 0]), match="of shape")


def test_a_bias_along_axes():
    """The scores' own bias, whether it comes with one axis of places or with all of them."""
    layer, (x, y) = layers.MultiHeadAttention(2, 3), (image(), image(11, seed=29)[:, :, :2])
    flat_y = y.reshape(BATCH, -1, 11)
    shape = (BATCH, 2, HEIGHT, WIDTH, HEIGHT, 2)
    bias = np.random.default_rng(37).normal(size=shape).astype("float32")
    for axis in (None, 0, 1, 3, 5):
        given = bias if axis is None else np.take(bias, [0], axis)
        places = np.broadcast_to(given, (*given.shape[:2], *shape[2:]))
        folded = places.reshape(*given.shape[:2], HEIGHT * WIDTH, -1)
        expected = layer(flat(x), flat_y, bias=folded)
        assert_close(flat(to_numpy(layer(x, y, bias=given))), expected)
        assert_close(flat(to_numpy(layer(x, y, bias=folded))), expected)
    refuses(layer, x, y, bias=bias[0], match="`bias` of shape")
    refuses(layer, x, y, bias=bias[..., :1, :][..., [0, 0, 0]], match="`bias` to broadcast")
    refuses(layer, x, y, query_positions=np.arange(15), match="order of positions")


def test_bias_and_positions_along_one_axis():
    """The same bias and positions in each column, or those of an example in all its columns."""
    layer = layers.MultiHeadAttention(2, 3, position="alibi", attention_axes=1)
    x, generator = image(), np.random.default_rng(41)
    bias = generator.normal(size=(BATCH, 2, HEIGHT, HEIGHT)).astype("float32")
    stand = np.array([[0, 1, 2, 3, 4], [7, 2, 5, 3, 9]])  # int64, as NumPy counts
    context = layer(x, x, bias=bias, query_positions=stand, use_causal_mask=True)
    of_columns = generator.normal(size=(BATCH, WIDTH, 2, HEIGHT, HEIGHT)).astype("float32")
    biased = layer(x, x, bias=of_columns)
    for column in range(WIDTH):
        alone = x[:, :, column]
        options = {"query_positions": stand, "use_causal_mask": True}
        assert_close(context[:, :, column], layer(alone, alone, bias=bias, **options))
        expected = layer(alone, alone, bias=of_columns[:, column])
        assert_close(biased[:, :, column], expected)

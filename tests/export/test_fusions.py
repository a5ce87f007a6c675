"""Several ONNX operations become the one that they make up, and nothing else does."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from graph_cases import graph_of, run, types

from keras_attention.export.fusions import fuse
from keras_attention.export.graphs import drop_unread
from keras_attention.export.to_onnx import convert


def fused(text):
    model = graph_of(text)
    fuse(model.graph)
    drop_unread(model.graph)
    return model


def random(*shape):
    return np.random.default_rng(5).normal(size=shape).astype("float32")


@pytest.mark.parametrize("shape", [(None, 7), (None, None, 7), (2, 3, 5, 7)])
def test_layer_normalization_of_keras_is_one_operation(shape):
    layer = keras.layers.LayerNormalization(epsilon=1e-5)
    layer.build(shape)
    for number, weight in enumerate(layer.weights):
        weight.assign(random(7) + number)
    model = convert(tf.function(layer), [tf.TensorSpec(shape, tf.float32, "x")])
    assert types(model.graph) == ["LayerNormalization"]
    x = 3 * random(*(size or 4 for size in shape)) + 2
    mean, deviation = x.mean(-1, keepdims=True), np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    gain, shift = (np.array(weight) for weight in layer.weights)
    np.testing.assert_allclose(
        run(model, {"x": x})[0], (x - mean) / deviation * gain + shift, atol=1e-5
    )


@pytest.mark.parametrize("axis", [1, (1, 2)])
def test_layer_normalization_of_other_axes_stays(axis):
    layer = keras.layers.LayerNormalization(axis=axis)
    layer.build((None, 3, 7))
    model = convert(tf.function(layer), [tf.TensorSpec((None, 3, 7), tf.float32, "x")])
    assert "LayerNormalization" not in types(model.graph)
    x = random(2, 3, 7)
    np.testing.assert_allclose(run(model, {"x": x})[0], layer(x), atol=1e-5)


NORMALIZATION = """
normalize (float[2, 3] x) => (float[2, 3] y)
<float[1, 3] gamma = {{2, 3, 4}}, float[1, 3] beta = {{5, 6, 7}}, float epsilon = {{0.5}},
 int64[1] axes = {{1}}, int64[1] other = {{0}}>
{{
    mean = ReduceMean(x, axes)
    away = Sub({subtracted}, mean)
    square = Mul(away, {factor})
    variance = ReduceMean(square, {axes})
    sum = Add(variance, epsilon)
    root = Sqrt(sum)
    inverse = Reciprocal(root)
    scale = Mul(inverse, gamma)
    scaled = Mul(x, scale)
    negative = Neg(mean)
    moved = Mul(negative, scale)
    shift = Add(moved, beta)
    y = Add(scaled, shift)
}}
"""
PARTS = {"subtracted": "x", "factor": "away", "axes": "axes"}


@pytest.mark.parametrize(
    "changed, fits",
    [
        ({}, True),
        ({"subtracted": "scaled"}, False),
        ({"factor": "x"}, False),
        ({"axes": "other"}, False),
    ],
)
def test_only_a_whole_layer_normalization_is_one(changed, fits):
    text = NORMALIZATION.format(**(PARTS | changed))
    if "subtracted" in changed:  # which has to stand before
        text = text.replace("    scaled = Mul(x, scale)\n", "")
        text = text.replace("    away =", "    scaled = Mul(x, gamma)\n    away =")
    expected = run(graph_of(text), {"x": random(2, 3)})
    model = fused(text)
    assert ("LayerNormalization" in types(model.graph)) == fits
    np.testing.assert_allclose(run(model, {"x": random(2, 3)}), expected, rtol=1e-5)


CLIPPING = """
clip (float[5] x) => (float[5] y)
<float low = {{{low}}}, float{size} high = {{{high}}}>
{{
    below = Min(x, high)
    y = Max({order})
}}
"""


@pytest.mark.parametrize("order", ["below, low", "low, below"])
@pytest.mark.parametrize(
    "low, high, size, fits", [(-1, 1, "", True), (1, -1, "", False), (-1, 1, "[1]", False)]
)
def test_bounds_are_one_operation(low, high, size, fits, order):
    text = CLIPPING.format(low=low, high=high, size=size, order=order)
    model, x = fused(text), np.array([-3, -0.5, 0, 0.5, np.inf], "float32")
    assert types(model.graph) == (["Clip"] if fits else ["Min", "Max"])
    np.testing.assert_array_equal(run(model, {"x": x})[0], np.maximum(np.minimum(x, high), low))


RESHAPING = """
reshape (float[2, 3] x) => (float[{result}] y, float[1, 2, 3] z)
<int64[{rank}] target = {{{target}}}, int64[1] first = {{0}}, int64[2] back = {{2, 3}}>
{{
    z = Unsqueeze(x, first)
    flat = Reshape(z, back)
    y = Reshape(flat, target)
}}
"""


@pytest.mark.parametrize(
    "target, result, kept", [((3, -1), (3, 2), 2), ((0, 3), (2, 3), 3), ((6,), (6,), 2)]
)
def test_the_last_shape_is_the_only_one(target, result, kept):
    numbers = {
        "target": ", ".join(map(str, target)),
        "rank": len(target),
        "result": ", ".join(map(str, result)),
    }
    model, x = fused(RESHAPING.format(**numbers)), random(2, 3)
    assert len(types(model.graph)) == kept
    y, z = run(model, {"x": x})
    np.testing.assert_array_equal(y, x.reshape(result))
    np.testing.assert_array_equal(z, x[None])

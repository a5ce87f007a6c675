"""Layer normalisations become one ONNX operation, and nothing else does."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from graph_cases import graph_of, run, types

from keras_attention.export.graphs import drop_unread
from keras_attention.export.layer_norms import fuse_layer_norms
from keras_attention.export.to_onnx import convert


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
    assert len(model.graph.initializer) == 2
    x = 3 * random(*(size or 4 for size in shape)) + 2
    mean, deviation = x.mean(-1, keepdims=True), np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    gain, shift = (np.array(weight) for weight in layer.weights)
    expected = (x - mean) / deviation * gain + shift
    np.testing.assert_allclose(run(model, {"x": x})[0], expected, atol=1e-5)


@pytest.mark.parametrize("options", [{"axis": 1}, {"axis": (1, 2)}, {"dtype": "float64"}])
def test_other_layer_normalizations_stay(options):
    layer = keras.layers.LayerNormalization(**options)
    layer.build((None, 3, 7))
    dtype = options.get("dtype", "float32")
    model = convert(tf.function(layer), [tf.TensorSpec((None, 3, 7), dtype, "x")])
    assert "LayerNormalization" not in types(model.graph)
    x = random(2, 3, 7).astype(dtype)
    np.testing.assert_allclose(run(model, {"x": x})[0], layer(x), atol=1e-5)


def test_in_a_loop_whose_state_is_normalized():
    layer = keras.layers.LayerNormalization(epsilon=1e-3)
    layer.build((None, 7))

    @tf.function
    def function(x):
        _, x = tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, tf.tanh(layer(x))), (0, x))
        return x

    model = convert(function, [tf.TensorSpec((None, 7), tf.float32, "x")])
    assert types(model.graph).count("LayerNormalization") == 1
    assert "Sqrt" not in types(model.graph)
    x = expected = random(4, 7)
    for _ in range(3):
        away = expected - expected.mean(-1, keepdims=True)
        expected = np.tanh(away / np.sqrt(expected.var(-1, keepdims=True) + 1e-3))
    np.testing.assert_allclose(run(model, {"x": x})[0], expected, atol=1e-5)


NORMALIZATION = """
normalize (float[3, 3] x) => (float[3, 3] y)
<float[1, 3] gamma = {2, 3, 4}, float[1, 3] beta = {5, 6, 7}, float epsilon = {0.5},
 int64[1] axes = {1}, int64[1] axis = {1}>
{
    mean = ReduceMean(x, axes)
    away = Sub(x, mean)
    square = Mul(away, away)
    variance = ReduceMean(square, axis)
    sum = Add(variance, epsilon)
    root = Sqrt(sum)
    inverse = Reciprocal(root)
    scale = Mul(inverse, gamma)
    scaled = Mul(x, scale)
    negative = Neg(mean)
    moved = Mul(negative, scale)
    shift = Add(moved, beta)
    y = Add(scaled, shift)
}
"""


@pytest.mark.parametrize(
    "old, new",
    [
        ("", ""),
        ("axes = {1}, int64[1] axis = {1}", "axes = {-1}, int64[1] axis = {1}"),
        ("float[1, 3] gamma", "float[3] gamma"),
        ("Add(scaled, shift)", "Add(shift, scaled)"),
        ("Mul(inverse, gamma)", "Mul(gamma, inverse)"),
        ("Add(moved, beta)", "Add(beta, moved)"),
    ],
)
def test_the_orders_in_which_it_may_be_written(old, new):
    model = graph_of(NORMALIZATION.replace(old, new))
    expected = run(model, {"x": random(3, 3)})
    fuse_layer_norms(model)
    drop_unread(model.graph)
    assert types(model.graph) == ["LayerNormalization"]
    np.testing.assert_allclose(run(model, {"x": random(3, 3)}), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "old, new",
    [
        ("axes = {1}", "axes = {0}"),
        ("axis = {1}", "axis = {0}"),
        ("axes = {1}, int64[1] axis = {1}", "axes = {0}, int64[1] axis = {0}"),
        ("variance = ReduceMean(", "variance = ReduceMean <keepdims = 0> ("),
        ("mean = ReduceMean(", "mean = ReduceMean <keepdims = 0> ("),
        ("gamma = {2, 3, 4}, float[1, 3]", "wide = {2, 3, 4}, float gamma = {2}, float[1, 3]"),
        ("float[1, 3] gamma = {2, 3, 4}", "float[3, 1] gamma = {2, 3, 4}"),
        ("float[1, 3] beta = {5, 6, 7}", "float[1, 1, 3] beta = {5, 6, 7}"),
        ("float[1, 3] beta = {5, 6, 7}", "float[1] beta = {5}"),
        ("float epsilon = {0.5}", "float[3] epsilon = {0.5, 1, 2}"),
        ("float epsilon = {0.5}", "float[1, 1, 1] epsilon = {0.5}"),
        ("(float[3, 3] x)", "(float[3, 3] x, float epsilon)"),
        ("Mul(away, away)", "Mul(away, x)"),
        ("Sub(x, mean)", "Sub(mean, x)"),
        ("Mul(x, scale)", "Mul(x, gamma)"),
        ("Mul(x, scale)", "Mul(away, scale)"),
        ("Mul(negative, scale)", "Mul(negative, gamma)"),
        ("Neg(mean)", "Neg(variance)"),
    ],
)
def test_what_only_looks_like_one(old, new):
    text = NORMALIZATION.replace(old, new)
    text = text.replace("float[3, 3] y", "float[1, 3, 3] y") if "[1, 1, " in new else text
    assert text != NORMALIZATION
    model = graph_of(text)
    names = [value.name for value in model.graph.input]
    feeds = {"x": random(3, 3), "epsilon": np.array(4.0, "float32")}
    feeds = {name: feeds[name] for name in names}
    expected = run(model, feeds)
    fuse_layer_norms(model)
    assert "LayerNormalization" not in types(model.graph)
    np.testing.assert_array_equal(run(model, feeds), expected)

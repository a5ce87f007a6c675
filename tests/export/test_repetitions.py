"""What an ONNX graph says twice it says once."""

import numpy as np
from graph_cases import graph_of, run, types

from keras_attention.export.graphs import drop_unread
from keras_attention.export.repetitions import share_repetitions


def shared(text):
    model = graph_of(text)
    share_repetitions(model.graph)
    drop_unread(model.graph)
    return model


X = np.array([1.0, -2.0], "float32")


def test_equal_operations_of_equal_values_are_one():
    model = shared("""
        sums (float[2] x) => (float[2] y)
        <float[1] one = {1}, float[1] also_one = {1}, float two = {1}>
        {
            a = Add(x, one)
            b = Add(x, also_one)
            c = Add(x, two)
            d = Mul(a, b)
            e = Mul(b, a)
            f = Mul(a, a)
            g = Sub(d, e)
            h = Sub(g, f)
            y = Add(h, c)
        }
    """)
    # `c` adds a scalar; `d`, `e` and `f` are one.
    assert types(model.graph) == ["Add", "Add", "Mul", "Sub", "Sub", "Add"]
    np.testing.assert_allclose(run(model, {"x": X})[0], -np.square(X + 1) + X + 1)


def test_attributes_and_random_numbers_tell_operations_apart():
    model = shared("""
        parts (float[2] x) => (float[2] y, float[2] z)
        {
            a = LeakyRelu <alpha = 0.5> (x)
            b = LeakyRelu <alpha = 0.25> (x)
            y = Sub(a, b)
            c = RandomNormalLike(x)
            d = RandomNormalLike(x)
            z = Sub(c, d)
        }
    """)
    assert len(types(model.graph)) == 6
    y, z = run(model, {"x": X})
    np.testing.assert_allclose(y, [0, -0.5])
    assert np.abs(z).min() > 0


def test_what_the_graph_returns_keeps_its_name():
    model = shared("""
        twice (float[2] x) => (float[2] y, float[2] z)
        {
            y = Neg(x)
            z = Neg(x)
        }
    """)
    for found in run(model, {"x": X}):
        np.testing.assert_array_equal(found, -X)


def test_bodies_of_loops_are_graphs_too():
    model = shared("""
        around (float[2] x) => (float[2] y)
        <int64 count = {3}, bool always = {1}>
        {
            y = Loop (count, always, x) <body = step (int64 i, bool go, float[2] s)
                => (bool on, float[2] t)
            {
                on = Identity(go)
                a = Neg(s)
                b = Neg(s)
                t = Add(a, b)
            }>
        }
    """)
    assert types(model.graph) == ["Loop", "Identity", "Neg", "Add"]
    np.testing.assert_array_equal(run(model, {"x": X})[0], -8 * X)


def test_the_order_of_inputs_matters():
    model = shared("""
        differences (float[2] x) => (float[2] y)
        <float one = {1}>
        {
            a = Sub(x, one)
            b = Sub(one, x)
            y = Mul(a, b)
        }
    """)
    np.testing.assert_array_equal(run(model, {"x": X})[0], (X - 1) * (1 - X))


def test_constants_of_other_kinds_and_those_that_may_be_given_stay():
    model = shared("""
        constants (float[2] x, float given) => (float[2] y, float kept)
        <float given = {1}, float one = {1}, float kept = {1}, int32 whole = {0}, float zero = {0}>
        {
            a = Mul(x, given)
            b = Mul(a, one)
            c = Add(b, zero)
            d = Cast <to = 1> (whole)
            y = Add(c, d)
        }
    """)
    y, kept = run(model, {"x": X, "given": np.array(3.0, "float32")})
    np.testing.assert_array_equal(y, 3 * X)
    assert kept == 1


def test_outputs_that_are_left_out_are_no_values():
    model = shared("""
        unique (float[4] x) => (float[n] y, int64[m] first)
        {
            y, "", back = Unique(x)
            z, first, also = Unique(x)
        }
    """)
    y, first = run(model, {"x": np.array([3.0, 1.0, 3.0, 2.0], "float32")})
    np.testing.assert_array_equal(y, [1, 2, 3])
    np.testing.assert_array_equal(first, [1, 3, 0])

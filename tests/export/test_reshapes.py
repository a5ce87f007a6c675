"""A tensor that is reshaped again and again gets its last shape at once."""

import numpy as np
import pytest
from graph_cases import graph_of, run, types
from onnx import TensorProto, helper

from keras_attention.export.graphs import drop_unread
from keras_attention.export.reshapes import drop_reshapes, reshape_once

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
    model = graph_of(RESHAPING.format(**numbers))
    x = np.arange(6, dtype="float32").reshape(2, 3)
    reshape_once(model.graph)
    drop_unread(model.graph)
    assert len(types(model.graph)) == kept
    y, z = run(model, {"x": x})
    np.testing.assert_array_equal(y, x.reshape(result))
    np.testing.assert_array_equal(z, x[None])


NEEDLESS = """
same (float[n, 2, 3] x) => (float[m, 3] y, float[a, b, c] z)
<int64[2] flat = {-1, 3}, int64[3] target = {TARGET}>
{
    rows = Reshape(x, flat)
    again = Reshape(x, target)
    z = Relu(again)
    still = Relu(rows)
    y = Reshape(still, flat)
}
"""


@pytest.mark.parametrize(
    "target, kept",
    [
        ((-1, 2, 3), ["Reshape", "Relu", "Relu", "Reshape"]),
        ((2, -1, 3), ["Reshape", "Reshape", "Relu", "Relu", "Reshape"]),
        ((-1, 3, 2), ["Reshape", "Reshape", "Relu", "Relu", "Reshape"]),
    ],
)
def test_what_has_the_shape_already_is_not_reshaped(target, kept):
    model = graph_of(NEEDLESS.replace("TARGET", ", ".join(map(str, target))))
    drop_reshapes(model)
    drop_unread(model.graph)
    assert types(model.graph) == kept  # what is given back keeps its name, and its reshape
    x = np.random.default_rng(0).normal(size=(4, 2, 3)).astype("float32")
    y, z = run(model, {"x": x})
    np.testing.assert_array_equal(y, np.maximum(x, 0).reshape(-1, 3))
    np.testing.assert_array_equal(z, np.maximum(x, 0).reshape(target))


LOOP = """
loop (float[n, 3] x) => (float[m, 3] y)
<int64 count = {3}, bool always = {1}, int64[2] flat = {-1, 3}, float one = {1}>
{
    y = Loop(count, always, x) <body = inner
        (int64 i, bool go, float[rows, 3] state) => (bool still, float[after, 3] next)
        {
            still = Identity(go)
            a = Reshape(state, flat)
            b = Add(a, one)
            c = Reshape(b, flat)
            d = Reshape(c, flat)
            next = Add(d, d)
        }>
}
"""


def test_in_a_loop_whose_state_keeps_its_shape():
    model = graph_of(LOOP)
    drop_reshapes(model)
    drop_unread(model.graph)
    assert types(model.graph) == ["Loop", "Identity", "Add", "Add"]
    for rows in (2, 7):
        x = np.random.default_rng(rows).normal(size=(rows, 3)).astype("float32")
        (y,) = run(model, {"x": x})
        np.testing.assert_allclose(y, 8 * x + 14, rtol=1e-6)


DEFAULT = """
loop (float[4, 3] x) => (float[k, m] y)
<int64 count = {1}, bool always = {1}, int64[2] first = {4, 3}, int64[2] last = {4, 3}>
{
    y = Loop(count, always, x) <body = inner
        (int64 i, bool go, float[a, b] state) => (bool still, float[c, d] next)
        {
            still = Identity(go)
            flat = Reshape(state, first)
            some = Relu(flat)
            again = Reshape(some, last)
            next = Relu(again)
        }>
}
"""


@pytest.mark.parametrize("is_default, kept", [(False, 1), (True, 2)])
def test_a_default_shape_is_not_known(is_default, kept):
    """A constant that is an input too: whoever calls may give another one."""
    model = graph_of(DEFAULT)
    if is_default:
        model.graph.input.append(helper.make_tensor_value_info("first", TensorProto.INT64, [2]))
    drop_reshapes(model)
    drop_unread(model.graph)
    assert types(model.graph).count("Reshape") == kept

"""ONNX loops read from outside what they do not change."""

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from keras_attention.export.loop_invariants import hoist_invariants, lift_invariants
from keras_attention.export.to_onnx import convert

WEIGHTS = np.array([[0.5, 1.0], [-1.0, 0.25]], "float32")


def value(name, kind=TensorProto.FLOAT, shape=(1, 2)):
    return helper.make_tensor_value_info(name, kind, list(shape))


def loop_body(prefix, inner=None):
    """`state -> state weights`, three times; the weights are carried along by way of `Identity`.

    With an `inner` loop it is this one that changes the state, by the same weights.
    """
    state, weights, result = (f"{prefix}_{name}" for name in ("state", "weights", "result"))
    step = helper.make_node("MatMul", [state, weights], [result])
    if inner is not None:
        names = ["count", "always", state, weights]
        step = helper.make_node("Loop", names, [result, f"{prefix}_same"], body=inner)
    return helper.make_graph(
        [
            step,
            helper.make_node("Identity", [weights], [f"{prefix}_once"]),
            helper.make_node("Identity", [f"{prefix}_once"], [f"{prefix}_kept"]),
            helper.make_node("Identity", [f"{prefix}_go"], [f"{prefix}_on"]),
        ],
        prefix,
        [
            value(f"{prefix}_number", TensorProto.INT64, ()),
            value(f"{prefix}_go", TensorProto.BOOL, ()),
            value(state),
            value(weights, shape=(2, 2)),
        ],
        [
            value(f"{prefix}_on", TensorProto.BOOL, ()),
            value(result),
            value(f"{prefix}_kept", shape=(2, 2)),
        ],
    )


def make_model(body, results):
    """A loop from `x`; `results` are those of its outputs `y` and `kept` that the graph returns."""
    shapes = {"y": (1, 2), "kept": (2, 2), "doubled": (2, 2)}
    graph = helper.make_graph(
        [
            helper.make_node("Loop", ["count", "always", "x", "weights"], ["y", "kept"], body=body),
            helper.make_node("Add", ["kept", "kept"], ["doubled"]),
        ],
        "loop",
        [value("x")],
        [value(name, shape=shapes[name]) for name in results],
        [
            numpy_helper.from_array(np.array(3, "int64"), "count"),
            numpy_helper.from_array(np.array(True), "always"),
            numpy_helper.from_array(WEIGHTS, "weights"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(model, results, x, **others):
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(results, {"x": x, **others})


def loops(graph):
    for node in graph.node:
        if node.op_type == "Loop":
            yield node
            yield from loops(node.attribute[0].g)


@pytest.mark.parametrize("nested, power", [(False, 3), (True, 9)])
def test_results_stay_and_weights_are_read_from_outside(nested, power):
    model = make_model(loop_body("outer", loop_body("inner") if nested else None), ["y", "doubled"])
    lift_invariants(model.graph)
    for loop in loops(model.graph):
        assert "weights" not in loop.input and len(loop.input) == 3
        assert [node.op_type for node in loop.attribute[0].g.node].count("Identity") == 1
    x = np.array([[1.0, -2.0]], "float32")
    y, doubled = run(model, ["y", "doubled"], x)
    np.testing.assert_allclose(y, x @ np.linalg.matrix_power(WEIGHTS, power), rtol=1e-6)
    np.testing.assert_array_equal(doubled, 2 * WEIGHTS)


def test_what_the_graph_returns_stays_an_output_of_the_loop():
    model = make_model(loop_body("outer"), ["y", "kept"])
    lift_invariants(model.graph)
    x = np.array([[1.0, -2.0]], "float32")
    y, kept = run(model, ["y", "kept"], x)
    np.testing.assert_allclose(y, x @ np.linalg.matrix_power(WEIGHTS, 3), rtol=1e-6)
    np.testing.assert_array_equal(kept, WEIGHTS)


def test_what_a_body_returns_twice_stays():
    body = loop_body("outer")  # the state becomes the weights, which stay
    square = {"shape": (2, 2)}
    body.output[1].CopyFrom(value("outer_weights", **square))
    body.input[2].CopyFrom(value("outer_state", **square))
    model = make_model(body, ["y", "doubled"])
    model.graph.input[0].CopyFrom(value("x", **square))
    model.graph.output[0].CopyFrom(value("y", **square))
    lift_invariants(model.graph)
    y, doubled = run(model, ["y", "doubled"], np.zeros((2, 2), "float32"))
    np.testing.assert_array_equal(y, WEIGHTS)
    np.testing.assert_array_equal(doubled, 2 * WEIGHTS)


def test_no_weight_of_a_tensorflow_loop_is_carried_along():
    weights = tf.Variable(np.full((17, 19), 0.125, "float32"))
    back = tf.Variable(np.full((19, 17), 0.5, "float32"))

    @tf.function
    def function(x):
        def body(i, x):
            return i + 1, x @ weights @ back

        _, x = tf.while_loop(lambda i, x: i < 3, body, (0, x))
        return x

    model = convert(function, [tf.TensorSpec((None, 17), tf.float32, "x")])
    (loop,) = loops(model.graph)
    stored = {initializer.name for initializer in model.graph.initializer}
    matrices = {i.name for i in model.graph.initializer if len(i.dims) == 2}
    assert matrices and not matrices & set(loop.input)
    products = [node for node in loop.attribute[0].g.node if node.op_type == "MatMul"]
    assert len(products) == 2 and all(node.input[1] in stored for node in products)
    x = np.random.default_rng(0).normal(size=(5, 17)).astype("float32")
    expected = x.astype("float64")
    for _ in range(3):
        expected = expected @ weights.numpy() @ back.numpy()
    np.testing.assert_allclose(run(model, None, x)[0], expected, rtol=1e-5)


AROUND = """
around (float[2] x, float[2] step) => (float[2] y)
<int64 count = {{3}}, bool always = {{1}}, float[1] {outside} = {{5}}>
{{
    y = Loop (count, always, x) <body = inside (int64 i, bool go, float[2] s)
        => (bool on, float[2] t)
    <float[1] two = {{2}}>
    {{
        on = Identity(go)
        twice = Mul(step, two)
        more = {more}
        t = Add(s, more)
    }}>
}}
"""


@pytest.mark.parametrize(
    "more, outside, left",
    [
        ("Add(twice, twice)", "five", 2),
        ("Add(twice, s)", "five", 3),
        ("Add(twice, two)", "two", 4),  # the name means something else outside
    ],
)
def test_what_a_loop_computes_of_what_does_not_change_stands_in_front_of_it(more, outside, left):
    text = AROUND.format(more=more, outside=outside)
    x, step = np.array([1.0, -2.0], "float32"), np.array([0.5, 0.25], "float32")
    expected = run(text_model(text), None, x, step=step)
    model = text_model(text)
    hoist_invariants(model.graph)
    (loop,) = loops(model.graph)
    assert len(loop.attribute[0].g.node) == left
    np.testing.assert_array_equal(run(model, None, x, step=step), expected)


def text_model(text):
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 18]>\n{text}')


def test_random_numbers_are_drawn_in_each_round():
    text = AROUND.format(more="RandomNormalLike(twice)", outside="five")
    model = text_model(text)
    hoist_invariants(model.graph)
    (loop,) = loops(model.graph)
    assert [node.op_type for node in loop.attribute[0].g.node] == [
        "Identity",
        "RandomNormalLike",
        "Add",
    ]


def test_two_loops_whose_values_have_the_same_names():
    text = AROUND.format(more="Add(twice, twice)", outside="five")
    head, loop = text.split("{\n", 2)[0], text[text.index("    y = Loop") : text.rindex("}")]
    first = loop.replace("y = Loop", "z = Loop")
    second = loop.replace("always, x", "always, z").replace("two = {2}", "two = {3}")
    model = text_model(f"{head}{{\n{first}{second}}}")
    x, step = np.array([1.0, -2.0], "float32"), np.array([0.5, 0.25], "float32")
    hoist_invariants(model.graph)
    lengths = [len(loop.attribute[0].g.node) for loop in loops(model.graph)]
    assert lengths == [4, 4]
    (y,) = run(model, None, x, step=step)
    np.testing.assert_allclose(y, x + 3 * 4 * step + 3 * 6 * step)

"""ONNX loops read from outside what they do not change."""

import numpy as np
import pytest
import tensorflow as tf
from graph_cases import graph_of, loops, run, types
from onnx import TensorProto, helper, numpy_helper

from keras_attention.export.loop_invariants import hoist_invariants, lift_invariants
from keras_attention.export.to_onnx import convert, simplify

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


@pytest.mark.parametrize("nested, power", [(False, 3), (True, 9)])
def test_results_stay_and_weights_are_read_from_outside(nested, power):
    model = make_model(loop_body("outer", loop_body("inner") if nested else None), ["y", "doubled"])
    lift_invariants(model.graph)
    for loop in loops(model.graph):
        assert "weights" not in loop.input and len(loop.input) == 3
        assert [node.op_type for node in loop.attribute[0].g.node].count("Identity") == 1
    x = np.array([[1.0, -2.0]], "float32")
    y, doubled = run(model, {"x": x}, ["y", "doubled"])
    np.testing.assert_allclose(y, x @ np.linalg.matrix_power(WEIGHTS, power), rtol=1e-6)
    np.testing.assert_array_equal(doubled, 2 * WEIGHTS)


def test_what_the_graph_returns_stays_an_output_of_the_loop():
    model = make_model(loop_body("outer"), ["y", "kept"])
    lift_invariants(model.graph)
    x = np.array([[1.0, -2.0]], "float32")
    y, kept = run(model, {"x": x}, ["y", "kept"])
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
    y, doubled = run(model, {"x": np.zeros((2, 2), "float32")}, ["y", "doubled"])
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
    np.testing.assert_allclose(run(model, {"x": x})[0], expected, rtol=1e-5)


AROUND = """
around (float[2] x, float[2] step, int64 count) => (float[2] y)
<bool always = {1}>
{
    y = Loop (count, always, x) <body = inside (int64 i, bool go, float[2] s)
        => (bool on, float[2] t)
    <float[1] two = {2}, int64[1] place = {0}>
    {
        on = Identity(go)
        twice = Mul(step, two)
        more = Add(twice, twice)
        t = Add(s, more)
    }>
}
"""
LOOP = AROUND[AROUND.index("    y = Loop") : AROUND.rindex("}")]
X, STEP = np.array([1.0, -2.0], "float32"), np.array([0.5, 0.25], "float32")


def answers(model, count=3):
    return run(model, {"x": X, "step": STEP, "count": np.array(count)})[0]


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize(
    "old, new, left",
    [
        ("", "", 2),
        ("Add(twice, twice)", "Add(twice, s)", 3),
        ("Add(twice, twice)", "Gather(twice, place)", 3),  # there may be no such place
        ("t = Add(s, more)", "t = Add(more, more)", 2),
    ],
)
def test_what_does_not_change_is_computed_in_front_of_the_loop(old, new, left, count):
    model = graph_of(AROUND.replace(old, new))
    expected = answers(model, count)
    hoist_invariants(model.graph)
    (loop,) = loops(model.graph)
    assert len(loop.attribute[0].g.node) == left
    np.testing.assert_array_equal(answers(model, count), expected)


def test_what_a_body_returns_it_has():
    text = AROUND.replace("float[1] two", "float[2] t = {7, 8}, float[1] two")
    model = graph_of(text.replace("        t = Add(s, more)\n", ""))
    hoist_invariants(model.graph)
    np.testing.assert_array_equal(answers(model), [7, 8])
    np.testing.assert_array_equal(answers(model, 0), X)


def test_random_numbers_are_drawn_in_each_round():
    model = graph_of(AROUND.replace("Add(twice, twice)", "RandomNormalLike(twice)"))
    simplify(model)
    (loop,) = loops(model.graph)
    assert [node.op_type for node in loop.attribute[0].g.node] == [
        "Identity",
        "RandomNormalLike",
        "Add",
    ]


def test_two_loops_whose_values_have_the_same_names():
    head = AROUND.split("{\n", 1)[0]
    first = LOOP.replace("y = Loop", "z = Loop")
    second = LOOP.replace("always, x", "always, z").replace("two = {2}", "two = {3}")
    model = graph_of(f"{head}{{\n{first}{second}}}")
    simplify(model)
    for loop in loops(model.graph):
        assert len(loop.attribute[0].g.node) == 2
    np.testing.assert_allclose(answers(model), X + 3 * 4 * STEP + 3 * 6 * STEP)


def test_a_constant_inside_that_has_the_name_of_one_outside():
    text = AROUND.replace("<bool always = {1}>", "<bool always = {1}, float[1] two = {5}>")
    model = graph_of(text.replace("\n}\n", "\n").rstrip() + "\n    z = Mul(y, two)\n}\n")
    model.graph.output[0].name = "z"
    simplify(model)
    np.testing.assert_allclose(answers(model), 5 * (X + 3 * 4 * STEP))


def test_out_of_loops_in_loops_but_not_of_branches():
    inner = LOOP.replace("y = Loop (count, always, x)", "u = Loop (count, go, v)")
    model = graph_of(f"""
        nested (float[2] x, float[2] step, int64 count) => (float[2] y)
        <bool always = {{1}}>
        {{
            y = Loop (count, always, x) <body = outside (int64 k, bool go, float[2] v)
                => (bool ahead, float[2] w)
            {{
                ahead = Identity(go)
                {inner}
                w = If (go) <
                    then_branch = plus () => (float[2] a) {{ a = Add(u, step) }},
                    else_branch = minus () => (float[2] b)
                        {{ square = Mul(step, step) b = Sub(u, square) }}
                >
            }}>
        }}
    """)
    simplify(model)
    outer, inner = loops(model.graph)
    assert [node.op_type for node in model.graph.node].count("Mul") == 1
    assert types(outer.attribute[0].g).count("Mul") == 1  # in the branch, which is never taken
    np.testing.assert_allclose(answers(model, 2), X + 2 * (2 * 4 * STEP + STEP))

"""The search inside an ONNX Loop, and its step exactly once in every graph."""

import re

import keras
import numpy as np
import pytest
from fake_steps import START, Problem, arrays, eager, prefix_problem, prefix_step, search_prefixes

from keras_attention.decoding import (
    AllowedIds,
    Beam,
    DiverseBeam,
    Greedy,
    MinimumLength,
    NoRepeatNGram,
    Sample,
)
from keras_attention.decoding.state import top_log_probs

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf2onnx converts TensorFlow graphs"
)

END = 1
SEARCHES = [
    Greedy(max_length=5),
    Beam(width=5, max_length=5, n_best=5, length_penalty=-1.0),
    Beam(width=4, max_length=5, n_best=3, length_penalty=0.6, coverage_penalty=0.2),
    Beam(4, 1.0, max_length=5, constraints=[NoRepeatNGram(2)], length_normalization="simple"),
    DiverseBeam(width=4, groups=2, diversity=0.7, n_best=3, max_length=5),
    Greedy(max_length=5, constraints=[MinimumLength(2), AllowedIds([[0, 2], [0, 1, 2]])]),
    Sample(samples=3, seed=2**33 + 5, max_length=5),
    Sample(0.8, top_k=2, top_p=0.9, min_p=0.2, max_length=5, constraints=[NoRepeatNGram(3)]),
]


def signature():
    import tensorflow as tf

    nodes, vocabulary = prefix_problem(0, 1, 1, vocabulary=3, max_length=5).logits.shape[1:]
    return [
        tf.TensorSpec((None, nodes, vocabulary), tf.float32, name="logits"),
        tf.TensorSpec((None, nodes, None), tf.float32, name="alignments"),
        tf.TensorSpec((None, None), tf.bool, name="source_mask"),
        tf.TensorSpec((None, None), tf.int32, name="prefix"),
        tf.TensorSpec((None,), tf.int32, name="row_keys"),
    ]


def function_of(search):
    """The search as a graph of a problem, keys of the rows, and a prefix if it has constraints."""
    import tensorflow as tf

    @tf.function(input_signature=signature())
    def run(logits, alignments, source_mask, prefix, row_keys):
        prefix = prefix if search.constraints else None
        found = search_prefixes(search, END, prefix=prefix, row_keys=row_keys)
        return found(logits, alignments, source_mask)

    return run


def inputs_of(batch, source_length):
    """With impossible tokens, and a prefix in every other row."""
    problem = prefix_problem(11, batch, source_length, vocabulary=3, max_length=5)
    problem.logits[:, 1::3, 0] = -np.inf
    prefix = np.zeros((batch, 2), "int32")
    prefix[::2, 0] = 2
    row_keys = np.arange(batch, dtype="int32") * 12345 - 777
    return {**problem._asdict(), "prefix": prefix, "row_keys": row_keys}


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_onnx_finds_the_same(search):
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    from keras_attention.export.to_onnx import convert

    function = function_of(search)
    model = convert(function, signature())
    assert [node.op_type for node in model.graph.node].count("Loop") == 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    used = [value.name for value in session.get_inputs()]
    for batch, source_length in [(3, 7), (5, 2), (1, 1), (0, 3)]:
        inputs = inputs_of(batch, source_length)
        expected = arrays(function(**inputs))
        assert_same(session.run(None, {name: inputs[name] for name in used}), expected)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_a_saved_model_finds_the_same(search, tmp_path):
    import tensorflow as tf

    module = tf.Module()
    module.search = function_of(search)
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)
    for batch, source_length in [(5, 2), (1, 3)]:
        inputs = inputs_of(batch, source_length)
        found = loaded.search(**inputs)
        prefix, row_keys = inputs.pop("prefix"), inputs.pop("row_keys")
        prefix = prefix if search.constraints else None
        run = eager(search_prefixes(search, END, prefix=prefix, row_keys=row_keys))
        assert_same([x.numpy() for x in found], run(Problem(**inputs)))


def assert_same(found, expected):
    np.testing.assert_array_equal(found[0], expected.ids)
    np.testing.assert_allclose(found[1], expected.scores, rtol=1e-6, atol=1e-5)
    np.testing.assert_array_equal(found[2], expected.lengths)
    np.testing.assert_allclose(found[3], expected.alignments, atol=1e-6)
    np.testing.assert_allclose(found[4], expected.token_scores, atol=1e-5)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_the_step_is_traced_once(search):
    import tensorflow as tf

    calls = []

    def counted_step(token_ids, state):
        calls.append(1)
        return prefix_step(token_ids, state)

    @tf.function(input_signature=signature()[:3])
    def run(logits, alignments, source_mask):
        node = tf.zeros(tf.shape(logits)[:1], "int32")
        state = {"logits": logits, "alignments": alignments, "node": node}
        return search(counted_step, state, source_mask, START, END)

    run.get_concrete_function()
    assert len(calls) == 1


def test_xla_never_sorts_the_vocabulary():
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def run(logits):
        return top_log_probs(logits, 7)

    logits = tf.random.stateless_normal((5, 1009), seed=(1, 2))
    compiled = run.experimental_get_compiler_ir(logits)(stage="optimized_hlo")
    # The seven chunks with the best tokens are put in order, and nothing else.
    sorted_lengths = re.findall(r"\[5,(\d+)\]\S* sort\(", compiled)
    assert "TopK" in compiled and set(sorted_lengths) <= {"7"}
    assert compiled.count(" sort(") == len(sorted_lengths)
    values, tokens = tf.math.top_k(tf.nn.log_softmax(logits), 7)
    np.testing.assert_allclose(run(logits)[0], values, rtol=1e-5)
    np.testing.assert_array_equal(run(logits)[1], tokens)

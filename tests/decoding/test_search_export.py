"""The search inside an ONNX Loop, and its step exactly once in every graph."""

import keras
import numpy as np
import pytest
from fake_steps import START, arrays, prefix_problem, prefix_step, search_prefixes

from keras_attention.decoding import Beam, Greedy
from keras_attention.decoding.state import top_log_probs

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf2onnx converts TensorFlow graphs"
)

END = 1
SEARCHES = [
    Greedy(max_length=5),
    Beam(width=5, max_length=5, n_best=5, length_penalty=-1.0),
    Beam(width=4, max_length=5, n_best=3, length_penalty=0.6, coverage_penalty=0.2),
]


def signature():
    import tensorflow as tf

    nodes, vocabulary = prefix_problem(0, 1, 1, vocabulary=3, max_length=5).logits.shape[1:]
    return [
        tf.TensorSpec((None, nodes, vocabulary), tf.float32, name="logits"),
        tf.TensorSpec((None, nodes, None), tf.float32, name="alignments"),
        tf.TensorSpec((None, None), tf.bool, name="source_mask"),
    ]


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_onnx_finds_the_same(search):
    tensorflow = pytest.importorskip("tensorflow")
    tf2onnx = pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    function = tensorflow.function(search_prefixes(search, END), input_signature=signature())
    model, _ = tf2onnx.convert.from_function(function, input_signature=signature(), opset=18)
    assert [node.op_type for node in model.graph.node].count("Loop") == 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for batch, source_length in [(3, 7), (5, 2), (1, 1), (0, 3)]:
        problem = prefix_problem(11, batch, source_length, vocabulary=3, max_length=5)
        problem.logits[:, 1::3, 0] = -np.inf  # impossible tokens
        expected = arrays(function(*problem))
        found = session.run(None, problem._asdict())
        np.testing.assert_array_equal(found[0], expected.ids)
        np.testing.assert_allclose(found[1], expected.scores, atol=1e-5)
        np.testing.assert_array_equal(found[2], expected.lengths)
        np.testing.assert_allclose(found[3], expected.alignments, atol=1e-6)


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_the_step_is_traced_once(search):
    import tensorflow as tf

    calls = []

    def counted_step(token_ids, state):
        calls.append(1)
        return prefix_step(token_ids, state)

    @tf.function(input_signature=signature())
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
    assert "TopK" in compiled and " sort(" not in compiled
    values, tokens = tf.math.top_k(tf.nn.log_softmax(logits), 7)
    np.testing.assert_allclose(run(logits)[0], values, rtol=1e-5)
    np.testing.assert_array_equal(run(logits)[1], tokens)

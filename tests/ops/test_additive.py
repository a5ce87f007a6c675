import numpy as np
import pytest
from keras import backend, ops
from layer_checks import assert_close, gradients

from keras_attention.ops import additive_scores
from keras_attention.ops.dense import additive

BATCH, QUERY, KEY, UNITS = 2, 7, 5, 11


def random_inputs():
    generator = np.random.default_rng(83)
    shapes = (BATCH, QUERY, UNITS), (BATCH, KEY, UNITS), (UNITS,)
    return [generator.normal(size=shape).astype("float32") for shape in shapes]


def reference(query, key, v, bias=0.0):
    scores = np.zeros((BATCH, QUERY, KEY))
    for batch, i, j in np.ndindex(*scores.shape):
        scores[batch, i, j] = v @ np.tanh(query[batch, i] + key[batch, j] + bias)
    return scores


def reference_gradients(query, key, v, upstream):
    """Of `sum(upstream * scores)`, pair by pair."""
    gradients = [np.zeros(array.shape) for array in (query, key, v)]
    for batch, i, j in np.ndindex(*upstream.shape):
        hidden = np.tanh(query[batch, i] + key[batch, j])
        inner = upstream[batch, i, j] * v * (1 - hidden**2)
        gradients[0][batch, i] += inner
        gradients[1][batch, j] += inner
        gradients[2] += upstream[batch, i, j] * hidden
    return gradients


@pytest.fixture(params=["whole", "rows of 3", "rows of 1"])
def chunking(request, monkeypatch):
    """The whole block at once, chunks that do not divide the queries, single queries."""
    row = 4 * BATCH * KEY * UNITS
    sizes = {"whole": 100 * row, "rows of 3": 3 * row + 1, "rows of 1": 1}
    monkeypatch.setattr(additive, "CHUNK_BYTES", sizes[request.param])


def test_scores(chunking):
    query, key, v = random_inputs()
    bias = np.linspace(-1, 1, UNITS, dtype="float32")
    assert_close(additive_scores(query, key, v), reference(query, key, v))
    assert_close(additive_scores(query, key, v, bias), reference(query, key, v, bias))


def test_gradients(chunking):
    inputs = random_inputs()
    upstream = np.random.default_rng(89).normal(size=(BATCH, QUERY, KEY)).astype("float32")
    result = gradients(lambda *args: ops.sum(upstream * additive_scores(*args)), *inputs)
    assert_close(list(result), reference_gradients(*inputs, upstream))


def test_half_precision_inputs(chunking):
    inputs = random_inputs()
    scores = additive_scores(*(ops.cast(array, "float16") for array in inputs))
    assert backend.standardize_dtype(scores.dtype) == "float32"
    assert_close(scores, reference(*inputs), atol=2e-2)


def test_the_whole_block_is_never_there(monkeypatch):
    sizes, hidden = [], additive._hidden
    monkeypatch.setattr(additive, "CHUNK_BYTES", 4 * BATCH * KEY * UNITS * 2)

    def recorded(query, key):
        block = hidden(query, key)
        sizes.append(block.shape[1])
        return block

    monkeypatch.setattr(additive, "_hidden", recorded)
    gradients(lambda *args: ops.sum(additive_scores(*args)), *random_inputs())
    assert set(sizes) == {2}


def test_a_single_query_is_one_block():
    assert additive._rows_per_chunk((None, 1, UNITS), (None, None, UNITS)) is None


@pytest.mark.skipif(backend.backend() != "tensorflow", reason="TensorFlow only: unknown sizes")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_sizes_known_only_in_the_run(jit_compile):
    import tensorflow as tf

    signature = [tf.TensorSpec([None, None, UNITS])] * 2 + [tf.TensorSpec([UNITS])]

    @tf.function(input_signature=signature, jit_compile=jit_compile)
    def scores_and_gradients(query, key, v):
        with tf.GradientTape() as tape:
            tape.watch([query, key, v])
            scores = additive_scores(query, key, v)
            total = tf.reduce_sum(scores)
        return scores, tape.gradient(total, [query, key, v])

    inputs = random_inputs()
    scores, result = scores_and_gradients(*inputs)
    assert_close(scores, reference(*inputs))
    assert_close(list(result), reference_gradients(*inputs, np.ones((BATCH, QUERY, KEY))))

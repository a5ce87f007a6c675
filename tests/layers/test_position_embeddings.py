"""Layers that add positions to embeddings, against the papers' formulas in NumPy."""

import keras
import numpy as np
import pytest
from cases_positions import random, sinusoid
from keras import ops
from layer_checks import assert_close, to_numpy

from keras_attention.layers import positions

BATCH, QUERY, KEY, DIM = 2, 5, 7, 11


@pytest.mark.parametrize("dim", [10, 11])
def test_sinusoidal(dim):
    x = random(BATCH, QUERY, dim, seed=1)
    expected = x + np.array([sinusoid(position, dim, 100.0) for position in range(QUERY)])
    assert_close(positions.SinusoidalPosition(base=100.0)(x), expected)


def test_learned():
    x = random(BATCH, QUERY, DIM, seed=1)
    layer = positions.LearnedPosition(KEY)
    expected = layer(x)
    assert tuple(layer.positions.shape) == (KEY, DIM)
    assert 0.05 < to_numpy(layer.positions).std() < 0.2
    assert_close(expected, x + to_numpy(layer.positions)[:QUERY])


EMBEDDINGS = {
    "sinusoidal": positions.SinusoidalPosition,
    "learned": lambda **options: positions.LearnedPosition(KEY, **options),
}


@pytest.fixture(params=EMBEDDINGS.values(), ids=EMBEDDINGS.keys())
def embedding(request):
    return request.param


def test_embeddings_step_by_step(embedding):
    x, layer = random(BATCH, QUERY, DIM, seed=1), embedding()
    whole = layer(x)
    for position in range(QUERY):
        here = x[:, position : position + 1]
        for start in (position, np.full(BATCH, position, "int32"), ops.convert_to_tensor(position)):
            assert_close(layer(here, start=start), whole[:, position : position + 1])


def test_embeddings_that_start_elsewhere_in_each_row(embedding):
    x, layer = random(BATCH, 3, DIM, seed=1), embedding()
    both = layer(x, start=np.array([4, 1], "int32"))
    assert_close(both[:1], layer(x[:1], start=4))
    assert_close(both[1:], layer(x[1:], start=1))


def test_embeddings_carry_the_mask_on(embedding):
    layer = embedding()
    mask = np.array([[True] * QUERY, [True] * 3 + [False] * 2])
    x = keras.layers.Masking()(random(BATCH, QUERY, DIM, seed=1) * mask[..., None])
    np.testing.assert_array_equal(to_numpy(layer(x)._keras_mask), mask)


@pytest.mark.parametrize("policy, atol", [("mixed_float16", 2e-3), ("mixed_bfloat16", 2e-2)])
def test_sinusoidal_far_away_in_half_precision(policy, atol):
    layer = positions.SinusoidalPosition(dtype=policy)
    found = layer(np.zeros((1, 3, DIM)), start=4999)
    assert keras.backend.standardize_dtype(found.dtype) == layer.compute_dtype
    expected = np.array([sinusoid(position, DIM) for position in (4999, 5000, 5001)])
    assert_close(ops.cast(found, "float32"), expected[None].astype("float32"), atol)


def test_sinusoidal_in_float64():
    layer = positions.SinusoidalPosition(dtype="float64")
    if keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless the whole process asks for it")
    found = layer(np.zeros((1, 1, DIM)), start=5000)
    assert_close(found, sinusoid(5000, DIM)[None, None], atol=1e-12)


def test_embeddings_in_a_model_of_free_length(embedding, tmp_path):
    inputs = keras.Input((None, DIM)), keras.Input((), dtype="int32")
    model = keras.Model(inputs, embedding()(inputs[0], start=inputs[1]))
    assert model.outputs[0].shape == (None, None, DIM)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    shapes = [(BATCH, QUERY), (3, 1)]
    calls = [[random(*shape, DIM, seed=2), np.arange(shape[0], dtype="int32")] for shape in shapes]
    for call in calls:
        assert_close(again(call), model(call), atol=1e-6)
    if keras.backend.backend() != "tensorflow":
        return
    onnxruntime = pytest.importorskip("onnxruntime")
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False, opset_version=18)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [node.name for node in session.get_inputs()]
    for call in calls:
        assert_close(session.run(None, dict(zip(names, call, strict=True)))[0], model(call))


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_embeddings_under_xla(name):
    x, layer = random(BATCH, QUERY, DIM, seed=1), EMBEDDINGS[name]()
    expected = layer(x, start=1)
    if keras.backend.backend() == "jax":
        import jax

        assert_close(jax.jit(lambda x: layer(x, start=1))(x), expected)
        return
    import tensorflow as tf

    assert_close(tf.function(lambda x: layer(x, start=1), jit_compile=True)(x), expected)


def test_learned_has_no_position_beyond_its_last():
    layer = positions.LearnedPosition(KEY)
    assert layer(np.zeros((1, KEY, DIM))).shape == (1, KEY, DIM)
    with pytest.raises(ValueError, match="`max_length`=7. Received: length=8, start=0"):
        layer(np.zeros((1, KEY + 1, DIM)))
    with pytest.raises(ValueError, match="`max_length`=7. Received: length=2, start=6"):
        layer(np.zeros((1, 2, DIM)), start=KEY - 1)


def test_learned_takes_an_initializer():
    layer = positions.LearnedPosition(KEY, initializer="ones")
    assert_close(layer(np.zeros((1, 3, DIM))), np.ones((1, 3, DIM)))
    again = positions.LearnedPosition.from_config(layer.get_config())
    assert_close(again(np.zeros((1, 3, DIM))), np.ones((1, 3, DIM)))


def test_sinusoidal_equals_keras_hub():
    keras_hub = pytest.importorskip("keras_hub", reason="keras_hub, a peer, is not installed")
    x = random(BATCH, QUERY, DIM + 1, seed=3)
    theirs = keras_hub.layers.SinePositionEncoding()
    for start in (0, 17):
        assert_close(
            positions.SinusoidalPosition()(x, start=start), x + theirs(x, start_index=start)
        )

"""The checklist that every attention layer passes (STYLE.md, rule 6).

A layer's test file says how to make the layer and which sizes its query and key have, and runs all
`CHECKS` over that:

    @pytest.mark.parametrize("check", CHECKS, ids=check_name)
    def test_checklist(check, tmp_path):
        check(LayerCase(make=LuongAttention, query_dim=7, key_dim=7), tmp_path)

Every size is a different prime, so that a swapped axis cannot pass.
"""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import pytest
from keras import ops

BATCH, QUERY, KEY, VALUE_DIM = 2, 3, 5, 13


@dataclass(frozen=True)
class LayerCase:
    """How to make a layer, and the sizes it is called with."""

    make: Callable[..., keras.layers.Layer]
    query_dim: int
    key_dim: int

    def arrays(self, batch=BATCH, query=QUERY, key=KEY, seed=29):
        """Query, value and key; values are of another size than keys."""
        generator = np.random.default_rng(seed)
        sizes = (query, self.query_dim), (key, VALUE_DIM), (key, self.key_dim)
        return tuple(generator.normal(size=(batch, *size)).astype("float32") for size in sizes)

    def model(self, **options):
        """A functional model of this one layer, of free lengths, with a mask as an input."""
        query = keras.Input((None, self.query_dim), name="query")
        value = keras.Input((None, VALUE_DIM), name="value")
        key = keras.Input((None, self.key_dim), name="key")
        mask = keras.Input((None,), dtype="bool", name="mask")
        layer = self.make(**options)
        outputs = layer(query, value, key, value_mask=mask, return_attention_scores=True)
        return keras.Model([query, value, key, mask], outputs)


def key_mask(batch=BATCH, key=KEY):
    """The first sentence is one position shorter, the last one position long."""
    lengths = np.full(batch, key)
    lengths[0], lengths[-1] = key - 1, 1
    return np.arange(key) < lengths[:, None]  # (batch, key)


def to_numpy(tree):
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def assert_close(actual, expected, atol=1e-5):
    for one, other in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        one, other = to_numpy(one), to_numpy(other)
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=atol, rtol=atol)


def gradients(function, *arrays):
    """The gradients of a scalar function of arrays, on whichever backend runs."""
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    if keras.backend.backend() == "jax":
        import jax

        return to_numpy(jax.grad(function, argnums=tuple(range(len(tensors))))(*tensors))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        result = function(*tensors)
    return to_numpy(tape.gradient(result, tensors, unconnected_gradients="zero"))


def check_config(case, tmp_path):
    layer = case.make(normalizer="sparsemax", dropout=0.25, seed=31, name="attention")
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert again.get_config() == layer.get_config()
    arguments = set(inspect.signature(type(layer).__init__).parameters) - {"self", "kwargs"}
    assert arguments <= set(config)


def check_keras_file(case, tmp_path):
    model = case.model()
    inputs = [*case.arrays(), key_mask()]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")  # no custom_objects
    assert_close(again(inputs), model(inputs), atol=1e-6)


def check_symbolic_shape(case, tmp_path):
    query, value, key = case.arrays()
    layer = case.make()
    for options in ({}, {"return_attention_scores": True}):
        symbolic = layer(
            *(keras.KerasTensor(array.shape) for array in (query, value)),
            key=keras.KerasTensor(key.shape),
            **options,
        )
        eager = layer(query, value, key, **options)
        for one, other in zip(keras.tree.flatten(symbolic), keras.tree.flatten(eager), strict=True):
            assert tuple(one.shape) == tuple(other.shape)
            assert one.dtype == keras.backend.standardize_dtype(other.dtype)
    assert layer.compute_output_shape(query.shape, value.shape) == (BATCH, QUERY, VALUE_DIM)


def check_fit_step(case, tmp_path):
    attention = case.model(dropout=0.1)
    context, _ = attention.outputs
    # Not every attention has weights; the model always has some to train.
    model = keras.Model(attention.inputs, keras.layers.Dense(1)(context))
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    before = model.get_weights()
    inputs = [*case.arrays(), key_mask()]
    history = model.fit(inputs, np.ones((BATCH, QUERY, 1)), epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for one, other in zip(before, model.get_weights(), strict=True):
        assert np.isfinite(other).all()
        assert (one != other).any()


def check_mixed_precision(case, tmp_path):
    inputs = case.arrays()
    single = case.make()
    expected = single(*inputs, value_mask=key_mask(), return_attention_scores=True)
    for policy, atol in (("mixed_float16", 5e-3), ("mixed_bfloat16", 5e-2)):
        layer = case.make(dtype=policy)
        layer.build(*(array.shape for array in inputs))
        layer.set_weights(single.get_weights())
        outputs = layer(*inputs, value_mask=key_mask(), return_attention_scores=True)
        for output in outputs:
            assert keras.backend.standardize_dtype(output.dtype) == layer.compute_dtype
        assert all(weight.dtype == "float32" for weight in layer.weights)
        assert_close([ops.cast(output, "float32") for output in outputs], expected, atol=atol)


def check_overflow(case, tmp_path):
    query, value, key = case.arrays()
    layer = case.make(dtype="mixed_float16")
    # 60 is harmless in float16, and the products of 60 times 60 summed are not.
    context, weights = layer(60 * query, value, 60 * key, return_attention_scores=True)
    assert np.isfinite(to_numpy(context)).all()
    assert_close(ops.sum(ops.cast(weights, "float32"), axis=-1), np.ones((BATCH, QUERY)), 2e-3)


def check_masks(case, tmp_path):
    query, value, key = case.arrays()
    layer = case.make()
    mask = key_mask()
    context, weights = layer(query, value, key, value_mask=mask, return_attention_scores=True)
    assert (to_numpy(weights)[~np.broadcast_to(mask[:, None], weights.shape)] == 0).all()
    for row in range(BATCH):  # masked positions might as well not be there
        cut = [array[row : row + 1, : mask[row].sum()] for array in (value, key)]
        assert_close(layer(query[row : row + 1], *cut), context[row : row + 1])
    assert_close(layer(query, value, key, key_mask=mask), context)
    full = np.broadcast_to(mask[:, None], (BATCH, QUERY, KEY))
    assert_close(layer(query, value, key, attention_mask=full), context)

    query_mask = np.array([[True, True, False], [True, False, False]])
    masked = to_numpy(layer(query, value, key, query_mask=query_mask, value_mask=mask))
    assert_close(masked, np.where(query_mask[..., None], to_numpy(context), 0.0))

    outputs = layer(query, value, key, value_mask=~full[:, 0] & mask, return_attention_scores=True)
    for output in outputs:
        assert (to_numpy(output) == 0).all()

    causal = to_numpy(layer(query, value, key, use_causal_mask=True))
    for position in range(QUERY):
        seen = [array[:, : position + 1] for array in (value, key)]
        expected = layer(query[:, position : position + 1], *seen)
        assert_close(causal[:, position : position + 1], expected)


def check_implicit_masks(case, tmp_path):
    query, value, key = case.arrays()
    mask = key_mask()
    query_mask = np.array([[True, True, False], [True, False, False]])
    masking = keras.layers.Masking()
    inputs = (
        masking(query * query_mask[..., None]),
        masking(value * mask[..., None]),
        masking(key * mask[..., None]),
    )
    layer = case.make()
    context = layer(*inputs)
    assert_close(context, layer(query, value, key, query_mask=query_mask, value_mask=mask))
    np.testing.assert_array_equal(to_numpy(context._keras_mask), query_mask)


def check_gradients(case, tmp_path):
    query, value, key = case.arrays()
    mask = key_mask()
    query_mask = np.array([[True, True, False], [False, False, False]])
    layer = case.make()
    layer.build(query.shape, value.shape, key.shape)

    def loss(*inputs):
        return ops.sum(ops.square(layer(*inputs, query_mask=query_mask, value_mask=mask)))

    results = gradients(loss, query, value, key)
    seen = mask & query_mask.any(axis=-1, keepdims=True)
    for result, alive in zip(results, (query_mask, seen, seen), strict=True):
        assert np.isfinite(result).all()
        assert (result[~alive] == 0).all()
        assert (result[alive] != 0).any(axis=-1).all()


def check_stepping(case, tmp_path):
    query, value, key = case.arrays()
    mask = key_mask()
    layer = case.make()
    context, weights = layer(query, value, key, value_mask=mask, return_attention_scores=True)
    value, projected_key = ops.convert_to_tensor(value), layer.project_key(key)
    for position in range(QUERY):
        here = slice(position, position + 1)
        stepped = layer.attend(query[:, here], value, projected_key, mask[:, None])
        assert_close(stepped, (context[:, here], weights[:, here]))


def check_weights_are_what_was_multiplied(case, tmp_path):
    query, value, key = case.arrays(key=59)
    layer = case.make(dropout=0.5, seed=37)
    context, weights = layer(query, value, key, return_attention_scores=True, training=True)
    assert (to_numpy(weights) == 0).any()
    assert_close(context, np.einsum("bqk,bkd->bqd", to_numpy(weights), value))


def check_saved_model(case, tmp_path):
    tf = _tensorflow()
    model = case.model()
    model.export(tmp_path / "saved_model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved_model")
    for inputs in _two_shapes(case):
        assert_close(loaded.serve([tf.constant(array) for array in inputs]), model(inputs))


def check_onnx(case, tmp_path):
    _tensorflow()
    onnxruntime = pytest.importorskip("onnxruntime")
    model = case.model()
    first, second = _two_shapes(case)
    model(first)  # Keras exports a functional model only after it was called
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False, opset_version=18)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [node.name for node in session.get_inputs()]
    for inputs in (first, second):
        assert_close(session.run(None, dict(zip(names, inputs, strict=True))), model(inputs))


def _two_shapes(case):
    return (
        [*case.arrays(), key_mask()],
        [*case.arrays(batch=3, query=1, key=7), key_mask(batch=3, key=7)],
    )


def _tensorflow():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exported from the TensorFlow backend only")
    return pytest.importorskip("tensorflow")


CHECKS = [function for name, function in list(globals().items()) if name.startswith("check_")]


def check_name(check):
    return check.__name__.removeprefix("check_")

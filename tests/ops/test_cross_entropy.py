"""Cross-entropy and its gradient against NumPy in float64."""

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import assert_close, gradients, to_numpy

from keras_attention.ops.cross_entropy import cross_entropy

BATCH, LENGTH, VOCABULARY = 3, 5, 11
SMOOTHINGS = [0.0, 0.1, 0.7]
TENSORFLOW = keras.backend.backend() == "tensorflow"


def tokens(scale=3.0):
    """Labels, logits and what the losses are multiplied with."""
    generator = np.random.default_rng(211)
    labels = generator.integers(0, VOCABULARY, (BATCH, LENGTH)).astype("int32")
    labels[0, :2] = 0, VOCABULARY - 1
    logits = generator.normal(size=(BATCH, LENGTH, VOCABULARY)) * scale
    upstream = generator.normal(size=(BATCH, LENGTH))
    return labels, logits.astype("float32"), upstream.astype("float32")


def reference(labels, logits, upstream, smoothing):
    """Losses by their definition, and the gradient `softmax(logits) - target` of each."""
    logits = logits.astype("float64")
    target = np.full(logits.shape, smoothing / VOCABULARY)
    for index in np.ndindex(labels.shape):
        target[index][labels[index]] += 1 - smoothing
    logits = logits - logits.max(axis=-1, keepdims=True)
    log_softmax = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    with np.errstate(invalid="ignore"):  # what is ruled out and no target
        losses = -np.where(target > 0, target * log_softmax, 0.0).sum(axis=-1)
    return losses, (np.exp(log_softmax) - target) * upstream[..., None]


def weighted(labels, upstream, smoothing):
    """The function of logits that is differentiated."""

    def total(logits):
        losses = cross_entropy(ops.convert_to_tensor(labels), logits, smoothing)
        return ops.sum(losses * ops.convert_to_tensor(upstream))

    return total


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_values_and_gradients(smoothing):
    labels, logits, upstream = tokens()
    losses, gradient = reference(labels, logits, upstream, smoothing)
    found = cross_entropy(ops.convert_to_tensor(labels), ops.convert_to_tensor(logits), smoothing)
    assert_close(found, losses)
    (found,) = gradients(weighted(labels, upstream, smoothing), logits)
    assert_close(found, gradient)


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_large_logits(smoothing):
    """Their powers are beyond float32."""
    labels, logits, upstream = tokens(scale=1e4)
    losses, gradient = reference(labels, logits, upstream, smoothing)
    found = cross_entropy(ops.convert_to_tensor(labels), ops.convert_to_tensor(logits), smoothing)
    np.testing.assert_allclose(to_numpy(found), losses, rtol=1e-5, atol=1e-5)
    (found,) = gradients(weighted(labels, upstream, smoothing), logits)
    assert_close(found, gradient)


@pytest.mark.parametrize("label, others", [(20.0, 6.0), (1000.0, 990.0), (-500.0, -510.0)])
def test_small_losses_of_large_logits(label, others):
    logits = np.array([[label, others, others - 1]], "float32")
    rest = np.exp(np.float64(others) - label) * (1 + np.exp(-1.0))
    found = to_numpy(cross_entropy(np.array([0]), ops.convert_to_tensor(logits)))
    # One is added to the rest in float32.
    np.testing.assert_allclose(found[0], np.log1p(rest), rtol=1e-4, atol=1.2e-7)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_precisions(dtype):
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless it is switched on for the whole process")
    labels, logits, upstream = tokens()
    logits = ops.cast(logits, dtype)
    expected, _ = reference(labels, to_numpy(ops.cast(logits, "float32")), upstream, 0.1)
    found = cross_entropy(labels.astype("uint8"), logits, 0.1)
    expected_dtype = "float64" if dtype == "float64" else "float32"
    assert keras.backend.standardize_dtype(found.dtype) == expected_dtype
    assert_close(found, expected)


def test_tokens_that_are_ruled_out():
    """A logit of minus infinity, of another token than the label."""
    labels, logits, upstream = tokens()
    for index in np.ndindex(labels.shape):
        logits[index][(labels[index] + 1) % VOCABULARY] = -np.inf
    losses, gradient = reference(labels, logits, upstream, 0.0)
    assert np.isfinite(losses).all()
    assert_close(
        cross_entropy(ops.convert_to_tensor(labels), ops.convert_to_tensor(logits)), losses
    )
    (found,) = gradients(weighted(labels, upstream, 0.0), logits)
    assert_close(found, gradient)


def test_a_label_that_is_ruled_out():
    labels, logits, _ = tokens()
    logits[1, 2, labels[1, 2]] = -np.inf
    found = cross_entropy(ops.convert_to_tensor(labels), ops.convert_to_tensor(logits))
    assert to_numpy(found)[1, 2] == np.inf


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras runs Torch eagerly")
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_compiled(smoothing):
    labels, logits, upstream = tokens()
    _, gradient = reference(labels, logits, upstream, smoothing)
    function = weighted(labels, upstream, smoothing)
    if not TENSORFLOW:
        import jax

        assert_close(jax.jit(jax.grad(function))(logits), gradient)
        return
    import tensorflow as tf

    for jit_compile in (False, True):

        @tf.function(
            jit_compile=jit_compile,
            input_signature=[tf.TensorSpec((None, None, VOCABULARY))],
        )
        def gradient_of(logits):
            return tf.gradients(function(logits), logits)

        assert_close(gradient_of(logits)[0], gradient)


@pytest.mark.parametrize("wrong", [-1, VOCABULARY, -VOCABULARY - 1])
@pytest.mark.parametrize("compiled", [False, True])
def test_labels_outside_the_vocabulary(wrong, compiled):
    labels, logits, _ = tokens()
    labels[1, 2] = wrong
    labels, logits = ops.convert_to_tensor(labels), ops.convert_to_tensor(logits)
    function = cross_entropy
    if TENSORFLOW:
        import tensorflow as tf

        if not compiled:
            error = tf.errors.InvalidArgumentError
            with tf.device("CPU"), pytest.raises(error, match=f"= {wrong} is not in"):
                cross_entropy(labels, logits)
            return
        function = tf.function(cross_entropy, jit_compile=True)
    elif compiled and keras.backend.backend() == "jax":
        import jax

        function = jax.jit(cross_entropy)
    expected = np.zeros(labels.shape, bool)
    expected[1, 2] = True
    np.testing.assert_array_equal(np.isnan(to_numpy(function(labels, logits))), expected)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Torch differentiates it once")
def test_the_gradient_of_the_gradient():
    """Against the second derivative of the log-sum-exp, `diag(p) - p p^T` for each token."""
    labels, logits, upstream = tokens()
    direction = np.random.default_rng(7).normal(size=logits.shape).astype("float32")
    function = weighted(labels, upstream, 0.1)
    if not TENSORFLOW:
        import jax

        def along(x):
            return ops.sum(ops.multiply(jax.grad(function)(x), direction))

        found = jax.jit(jax.grad(along))(logits)
    else:
        import tensorflow as tf

        x = tf.constant(logits)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                total = function(x)
            along = tf.reduce_sum(inner.gradient(total, x) * direction)
        found = outer.gradient(along, x)
    powers = np.exp(logits.astype("float64"))
    p = powers / powers.sum(axis=-1, keepdims=True)
    expected = p * (direction - (p * direction).sum(axis=-1, keepdims=True)) * upstream[..., None]
    assert_close(found, expected)


@pytest.mark.parametrize("shape", [(BATCH, 1), (BATCH,), (BATCH, LENGTH, 1)])
def test_shapes_that_do_not_belong_together(shape):
    logits = ops.zeros((BATCH, LENGTH, VOCABULARY))
    with pytest.raises(ValueError, match=r"Received: labels.shape=.*logits.shape=\(3, 5, 11\)"):
        cross_entropy(ops.zeros(shape, "int32"), logits)


def test_a_vocabulary_that_is_not_known():
    if not TENSORFLOW:
        pytest.skip("other backends always know it")
    import tensorflow as tf

    traced = tf.function(
        cross_entropy,
        input_signature=[tf.TensorSpec((None,), "int32"), tf.TensorSpec((None, None))],
    )
    with pytest.raises(ValueError, match=r"must be static. Received: logits.shape=\(None, None\)"):
        traced.get_concrete_function()

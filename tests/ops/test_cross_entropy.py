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
    np.testing.assert_allclose(to_numpy(found), losses, rtol=1e-6, atol=1e-2)
    (found,) = gradients(weighted(labels, upstream, smoothing), logits)
    assert_close(found, gradient)


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


@pytest.mark.parametrize("wrong", [-1, VOCABULARY])
def test_labels_outside_the_vocabulary(wrong):
    labels, logits, _ = tokens()
    labels[1, 2] = wrong
    labels, logits = ops.convert_to_tensor(labels), ops.convert_to_tensor(logits)
    if TENSORFLOW:
        import tensorflow as tf

        with pytest.raises(tf.errors.InvalidArgumentError, match=f"= {VOCABULARY} is not in"):
            cross_entropy(labels, logits)
        return
    expected = np.zeros(labels.shape, bool)
    expected[1, 2] = True
    np.testing.assert_array_equal(np.isnan(to_numpy(cross_entropy(labels, logits))), expected)


@pytest.mark.parametrize("shape", [(BATCH, 1), (BATCH,), (BATCH, LENGTH, 1)])
def test_shapes_that_do_not_belong_together(shape):
    logits = ops.zeros((BATCH, LENGTH, VOCABULARY))
    with pytest.raises(ValueError, match=r"Received: labels.shape=.*logits.shape=\(3, 5, 11\)"):
        cross_entropy(ops.zeros(shape, "int32"), logits)

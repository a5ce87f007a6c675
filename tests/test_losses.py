"""Loss and metric against NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import losses, metrics


def numpy_loss(labels, logits, smoothing):
    """Mean cross-entropy over real tokens against the smoothed distribution, one token at a
    time."""
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    values = []
    for index in np.ndindex(labels.shape):
        if labels[index] != 0:
            target = np.full(logits.shape[-1], smoothing / logits.shape[-1])
            target[labels[index]] += 1 - smoothing
            values.append(-(target * log_probs[index]).sum())
    return np.mean(values)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_loss_is_the_mean_over_real_tokens(smoothing):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 5, 7)) * 3
    labels = rng.integers(1, 7, (3, 5))
    labels[1, 2:] = labels[2, 1:] = 0
    loss = losses.SequenceCrossEntropy(label_smoothing=smoothing)
    expected = numpy_loss(labels, logits, smoothing)
    np.testing.assert_allclose(float(loss(labels, logits)), expected, rtol=1e-5)


def test_padding_does_not_dilute_the_loss():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(2, 3, 7)), rng.integers(1, 7, (2, 3))
    loss = losses.SequenceCrossEntropy(label_smoothing=0.1)
    wide_logits = np.pad(logits, ((0, 0), (0, 4), (0, 0)))
    wide_labels = np.pad(labels, ((0, 0), (0, 4)))
    expected = float(loss(labels, logits))
    np.testing.assert_allclose(float(loss(wide_labels, wide_logits)), expected, rtol=1e-5)


def test_loss_of_half_precision_logits_is_taken_in_float32():
    logits = np.array([[[60_000.0, 0.0, 0.0]]], "float16")
    assert float(losses.SequenceCrossEntropy()(np.array([[1]]), logits)) == pytest.approx(60_000)


def test_loss_and_metric_survive_their_config():
    loss = losses.SequenceCrossEntropy(label_smoothing=0.2, pad_id=5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert (again.label_smoothing, again.pad_id) == (0.2, 5)
    metric = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(metrics.TokenAccuracy(pad_id=5))
    )
    assert metric.pad_id == 5


def test_loss_refuses_a_smoothing_of_one():
    with pytest.raises(ValueError, match=r"`label_smoothing` must be in .*label_smoothing=1.0"):
        losses.SequenceCrossEntropy(label_smoothing=1.0)


def test_token_accuracy_counts_real_tokens_over_batches():
    metric = metrics.TokenAccuracy()
    metric.update_state(np.array([[1, 2, 0, 0]]), ops.one_hot(np.array([[1, 1, 1, 1]]), 3))
    metric.update_state(np.array([[2, 2, 2, 2]]), ops.one_hot(np.array([[2, 2, 2, 1]]), 3))
    assert float(metric.result()) == pytest.approx(4 / 6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_padding_may_be_any_number(smoothing):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(2, 3, 7)), rng.integers(1, 7, (2, 3))
    labels[1, 1:] = 0
    expected = float(losses.SequenceCrossEntropy(smoothing)(labels, logits))
    labels[1, 1:] = -100
    found = losses.SequenceCrossEntropy(smoothing, pad_id=-100)(labels, logits)
    np.testing.assert_allclose(float(found), expected, rtol=1e-6)


@pytest.mark.parametrize("pad_id", [0, 5])
def test_padding_where_a_token_is_ruled_out(pad_id):
    labels = np.array([[1, pad_id]])
    logits = np.zeros((1, 2, 7), "float32")
    logits[0, 1, [0, pad_id]] = -np.inf
    found = losses.SequenceCrossEntropy(pad_id=pad_id)(labels, logits)
    assert float(found) == pytest.approx(np.log(7), rel=1e-6)

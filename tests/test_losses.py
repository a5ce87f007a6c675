"""Loss and metric against NumPy."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import losses, metrics


def numpy_loss(labels, logits, smoothing=0.0, reduction="mean", weights=1.0, pad_id=0, mask=True):
    """The definition that the class states, one token at a time; weights broadcast to labels."""
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    losses, real = np.zeros(labels.shape), (labels != pad_id) & mask
    for index in np.argwhere(real):
        target = np.full(logits.shape[-1], smoothing / logits.shape[-1])
        target[labels[tuple(index)]] += 1 - smoothing
        losses[tuple(index)] = -(target * log_probs[tuple(index)]).sum()
    w = np.broadcast_to(weights, labels.shape)
    if reduction in (None, "none"):
        return np.where(real, w * losses, 0)
    if reduction == "sum":
        return np.sum((w * losses)[real])
    if reduction == "mean_with_sample_weight":
        return np.sum((w * losses)[real]) / np.sum(w[real])
    return np.sum((w * losses)[real]) / np.sum(real)


def padded_batch(padding, seed=0):
    """Labels and logits `(3, 5 + padding)`, the same but for the padding, and what Keras masks."""
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(3, 5, 7)) * 3, rng.integers(1, 7, (3, 5))
    labels[1, 2:] = labels[2, 1:] = 0
    mask = np.ones((3, 5), bool)
    mask[0, 3:] = mask[1] = False  # of real labels too; of row 2 it knows nothing
    wider = ((0, 0), (0, padding))
    logits = np.pad(logits, (*wider, (0, 0)), constant_values=2.0)
    return np.pad(labels, wider), logits.astype("float32"), np.pad(mask, wider)


REDUCTIONS = [None, "none", "sum", "mean", "sum_over_batch_size", "mean_with_sample_weight"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_equals_its_definition_whatever_the_padding(smoothing, reduction):
    loss = losses.SequenceCrossEntropy(smoothing, reduction=reduction)
    rng = np.random.default_rng(1)
    rows, tokens = rng.uniform(0.2, 2, (3, 1)), rng.uniform(0.2, 2, (3, 5))
    for masked in (False, True):
        for given, weights in [(None, 1.0), (rows[:, 0], rows), (rows, rows), (tokens, tokens)]:
            for padding in (0, 5):
                labels, logits, mask = padded_batch(padding)
                y_pred = ops.convert_to_tensor(logits)
                if masked:
                    y_pred._keras_mask = ops.convert_to_tensor(mask)
                if given is tokens and padding:
                    given = weights = np.pad(tokens, ((0, 0), (0, padding)), constant_values=9.0)
                found = ops.convert_to_numpy(loss(labels, y_pred, sample_weight=given))
                kept = mask if masked else True
                expected = numpy_loss(labels, logits, smoothing, reduction, weights, mask=kept)
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    # Padding is no part of the definition: none of it gives the same.
    bare = numpy_loss(*padded_batch(0)[:2], smoothing, "mean")
    np.testing.assert_allclose(numpy_loss(*padded_batch(5)[:2], smoothing, "mean"), bare)


def test_as_keras_calls_it_behind_an_embedding_that_masks():
    """Keras' trainer, compiled: the mask travels through a functional model to loss and metric."""
    model = keras.Sequential([keras.layers.Embedding(11, 7, mask_zero=True)])
    model.compile(
        loss=losses.SequenceCrossEntropy(),
        metrics=[metrics.TokenAccuracy()],
        weighted_metrics=[metrics.TokenAccuracy(name="weighted")],
    )
    labels, _, _ = padded_batch(0)
    ids = np.where(labels == 0, 0, labels + 3)
    ids[0, 3] = 0  # a real label where Keras masks
    weights = np.array([0.3, 2.0, 0.7])
    table = np.random.default_rng(2).normal(size=(11, 7))
    table[range(4, 8), range(1, 5)] += 3  # right about most labels
    model.build((None, None))
    model.set_weights([table])
    logits = table[ids]
    kept = (ids != 0) & (labels != 0)
    correct = logits.argmax(-1) == labels
    expected = {
        "loss": numpy_loss(labels, logits, weights=weights[:, None], mask=ids != 0),
        "token_accuracy": correct[kept].mean(),
        "weighted": (correct * weights[:, None])[kept].sum() / (kept * weights[:, None]).sum(),
    }
    assert len({0, 1, *np.round(list(expected.values()), 2)}) == 5
    for padding in (0, 5, 20):
        wider = ((0, 0), (0, padding))
        found = model.evaluate(
            np.pad(ids, wider),
            np.pad(labels, wider),
            sample_weight=weights,
            verbose=0,
            return_dict=True,
        )
        assert found == pytest.approx(expected, rel=1e-5)


def test_a_batch_of_padding_alone_costs_nothing():
    loss = losses.SequenceCrossEntropy()
    assert float(loss(np.zeros((2, 3), int), np.zeros((2, 3, 7), "float32"))) == 0
    assert float(loss(np.zeros((0, 3), int), np.zeros((0, 3, 7), "float32"))) == 0
    metric = metrics.TokenAccuracy()
    metric.update_state(np.zeros((2, 0), int), np.zeros((2, 0, 7), "float32"))
    metric.update_state(np.array([[3]]), ops.one_hot(np.array([[3]]), 7))
    assert float(metric.result()) == 1


@pytest.mark.parametrize("shape", [(2,), (5,), (3, 2), (3, 5, 1), (1, 3)])
def test_weights_of_another_shape_are_refused(shape):
    labels, logits, _ = padded_batch(0)
    message = r"\(batch, target\) for labels of shape \(3, 5\)\. Received: sample_weight\.shape="
    with pytest.raises(ValueError, match=message):
        losses.SequenceCrossEntropy()(labels, logits, sample_weight=np.ones(shape))
    with pytest.raises(ValueError, match=message):
        metrics.TokenAccuracy().update_state(labels, logits, sample_weight=np.ones(shape))


def test_classes_are_weighted_by_their_labels():
    labels, logits, _ = padded_batch(5)
    loss = losses.SequenceCrossEntropy(0.1, class_weight={4: 0.25, 1: 3.0, 0: 9.0})
    weights = np.choose(labels, [9.0, 3.0, 1, 1, 0.25, 1, 1])
    rows = np.array([[0.3], [2.0], [0.7]])
    expected = numpy_loss(labels, logits, 0.1, weights=weights)
    np.testing.assert_allclose(float(loss(labels, logits)), expected, rtol=1e-5)
    expected = numpy_loss(labels, logits, 0.1, weights=weights * rows)
    np.testing.assert_allclose(float(loss(labels, logits, rows[:, 0])), expected, rtol=1e-5)
    # `.keras` files hold JSON, whose keys are strings.
    again = losses.SequenceCrossEntropy.from_config(json.loads(json.dumps(loss.get_config())))
    assert again.get_config() == loss.get_config()


@pytest.mark.parametrize("class_weight", [[1.0, 2.0], {-1: 1.0}, {2: -1.0}, {2: np.nan}, {"a": 1}])
def test_weights_of_classes_that_make_no_sense_are_refused(class_weight):
    message = r"dict of finite weights of at least 0 by label\. Received: class_weight="
    with pytest.raises(ValueError, match=message):
        losses.SequenceCrossEntropy(class_weight=class_weight)


def test_weights_of_classes_beyond_the_vocabulary_are_refused():
    loss = losses.SequenceCrossEntropy(class_weight={7: 2.0})
    with pytest.raises(ValueError, match=r"below 7, the size of the vocabulary.*\{7: 2\.0\}"):
        loss(*padded_batch(0)[:2])


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
    # A batch of another length: as many real tokens weigh as much.
    metric.update_state(np.array([[2, 2, 2, 2, 0]]), ops.one_hot(np.array([[2, 2, 2, 1, 1]]), 3))
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


def test_labels_with_an_axis_of_one_more():
    """As Keras' sparse losses take them; of another shape they are refused."""
    labels, logits, _ = padded_batch(2)
    loss, metric = losses.SequenceCrossEntropy(), metrics.TokenAccuracy()
    found = float(loss(labels[..., None], logits))
    np.testing.assert_allclose(found, numpy_loss(labels, logits), rtol=1e-5)
    metric.update_state(labels[..., None], logits)
    expected = (logits.argmax(-1) == labels)[labels != 0].mean()
    np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-6)
    for wrong in (labels[:, :-1], labels[0], np.eye(7)[labels]):
        for call in (loss, metric.update_state):
            with pytest.raises(
                ValueError, match=r"Expected labels of shape \(3, 7\) or \(3, 7, 1\)"
            ):
                call(wrong, logits)

"""Kinds of labels, their losses and answers, and temperatures, against NumPy."""

import keras
import numpy as np
import pytest
from comparisons import gradients
from keras import ops

from keras_attention import losses, models
from keras_attention.calibration import best_temperature
from keras_attention.models.cumulative_link import CumulativeLink

WIDTH, LABELS = 5, 4
VALUES = np.random.default_rng(0).normal(size=(6, 3, WIDTH)).astype("float32")


def make_head(kind, num_labels=LABELS, **options):
    head = models.ClassificationHead(num_labels, kind, **options)
    head(VALUES)
    rng = np.random.default_rng(1)
    for weight in head.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return head


def to_numpy(tree):
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, "float64")))


def test_any_number_of_labels():
    head = make_head("several", class_weight={1: 3.0}, label_smoothing=0.2)
    logits, answer = to_numpy(head(VALUES)), to_numpy(head.answer(VALUES))
    probabilities = sigmoid(logits)
    np.testing.assert_allclose(answer["probabilities"], probabilities, atol=1e-6)
    np.testing.assert_array_equal(answer["ids"], probabilities > 0.5)
    assert answer["ids"].dtype == bool
    decided = np.where(probabilities > 0.5, probabilities, 1 - probabilities).prod(axis=1)
    np.testing.assert_allclose(answer["scores"], decided, atol=1e-6)

    labels = np.random.default_rng(2).integers(-1, 2, (6, LABELS))
    y = labels * 0.8 + 0.1
    terms = -np.array([1, 3, 1, 1]) * y * np.log(probabilities) - (1 - y) * np.log1p(-probabilities)
    expected = np.where(labels < 0, 0, terms).mean()
    np.testing.assert_allclose(float(head.make_loss()(labels, logits)), expected, rtol=1e-5)
    (metric,) = head.make_metrics()
    metric.update_state(labels, logits)
    right = ((labels < 0) | (labels == (logits > 0))).all(axis=1)
    np.testing.assert_allclose(
        float(metric.result()), right[(labels >= 0).any(axis=1)].mean(), atol=1e-6
    )


@pytest.mark.parametrize("num_labels", [2, LABELS])
def test_labels_in_order_are_a_cumulative_link(num_labels):
    """McCullagh (1980), equation 2.4, as differences of sigmoids."""
    layer = CumulativeLink(num_labels)
    inputs = VALUES[:, 0]
    layer.build(inputs.shape)
    layer.score.kernel.assign(np.zeros((WIDTH, 1)))
    np.testing.assert_allclose(to_numpy(layer(inputs)), -np.log(num_labels), atol=1e-6)

    head = make_head("ordinal", num_labels)
    link, (pooled, _) = head.projection, head.pooling(VALUES, return_attention_scores=True)
    score = to_numpy(pooled).astype("float64") @ to_numpy(link.score.kernel)
    gaps = np.log1p(np.exp(to_numpy(link.gaps)))
    thresholds = to_numpy(link.first_threshold) + np.array([0, *np.cumsum(gaps)])
    at_most = np.pad(sigmoid(thresholds - score), ((0, 0), (1, 0)))
    at_most = np.pad(at_most, ((0, 0), (0, 1)), constant_values=1)
    probabilities = np.diff(at_most)
    answer = to_numpy(head.answer(VALUES))
    np.testing.assert_allclose(answer["probabilities"], probabilities, atol=1e-6)
    np.testing.assert_array_equal(answer["ids"], probabilities.argmax(axis=1))
    labels = np.array([0, 1, 0, 1, 1, -1])
    expected = -np.log(probabilities[range(5), labels[:5]]).mean()
    np.testing.assert_allclose(float(head.make_loss()(labels, head(VALUES))), expected, rtol=1e-5)


def test_ordered_labels_far_from_the_score_keep_a_gradient():
    layer = CumulativeLink(LABELS)
    layer.build((None, 1))
    layer.score.kernel.assign([[1.0]])

    def objective(x):
        return ops.sum(layer(x)[:, 0])

    (found,) = gradients(objective, np.array([[200.0]], "float32"))
    np.testing.assert_allclose(found, -1)  # log sigmoid(theta - x) is theta - x there
    assert np.isfinite(to_numpy(layer(np.array([[200.0], [-200.0]])))).all()


def test_numbers():
    head = make_head("numeric", 2)
    answer, output = to_numpy(head.answer(VALUES)), to_numpy(head(VALUES))
    assert set(answer) == {"values", "evidence"}
    np.testing.assert_allclose(answer["values"], output)
    numbers = np.random.default_rng(3).normal(size=(6, 2))
    np.testing.assert_allclose(
        float(head.make_loss()(numbers, output)), ((numbers - output) ** 2).mean(), rtol=1e-5
    )
    with pytest.raises(ValueError, match="whose answers have probabilities.*kind='numeric'"):
        head.calibrate(output, numbers)
    with pytest.raises(ValueError, match=r"no `label_smoothing`.*Received: label_smoothing=0\.1"):
        models.ClassificationHead(2, "numeric", label_smoothing=0.1)


def negative_log_likelihood(kind, logits, labels, temperature):
    logits = logits.astype("float64") / temperature
    if kind == "several":
        return -np.log(np.where(labels, sigmoid(logits), sigmoid(-logits))).mean()
    powers = np.exp(logits)
    return -np.log(powers / powers.sum(axis=1, keepdims=True))[range(len(labels)), labels].mean()


@pytest.mark.parametrize("kind", ["several", "ordinal", "single"])
def test_a_temperature_has_the_highest_likelihood_and_is_saved(kind, tmp_path):
    """Labels drawn at a temperature of 2.5: no other of a fine grid has a higher likelihood."""
    model = models.EncoderModel(
        models.RecurrentEncoder(3, cell="gru", bidirectional=False),
        models.ClassificationHead(LABELS, kind),
        source_features=WIDTH,
    )
    head, rng = model.heads["answer"], np.random.default_rng(4)
    logits = rng.normal(size=(3000, LABELS)) * 4
    if kind == "several":
        labels = rng.random(logits.shape) < sigmoid(logits / 2.5)
    else:
        labels = (logits / 2.5 + rng.gumbel(size=logits.shape)).argmax(axis=1)
    temperature = head.calibrate(logits, labels)
    losses_by_temperature = {
        other: negative_log_likelihood(kind, logits, labels, other)
        for other in np.linspace(1.5, 4, 51)
    }
    best = min(losses_by_temperature, key=losses_by_temperature.get)
    assert abs(temperature - best) <= 0.05
    assert 2.2 < temperature < 2.8

    output, answer = to_numpy(model(VALUES)), to_numpy(model.answer(VALUES))
    cold = output.astype("float64") / temperature
    if kind == "several":
        expected = sigmoid(cold)
    else:
        expected = np.exp(cold) / np.exp(cold).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = to_numpy(keras.saving.load_model(tmp_path / "model.keras").answer(VALUES))
    np.testing.assert_allclose(loaded["probabilities"], answer["probabilities"], atol=1e-6)
    np.testing.assert_array_equal(loaded["ids"], answer["ids"])


def test_temperatures_at_their_limits():
    """By hand: three of four right by 4 logits means odds of 3 at T = 4 / log 3; and none wrong."""
    logits = np.array([[4.0, 0.0]] * 4)
    found = best_temperature(logits, np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(found, 4 / np.log(3), rtol=1e-6)
    assert best_temperature(logits, np.zeros(4)) == pytest.approx(0.1)
    assert best_temperature(logits, np.array([1, 1, 1, -1])) == pytest.approx(10)
    with pytest.raises(ValueError, match=r"logits.shape=\(4, 2\), labels.shape=\(3,\)"):
        best_temperature(logits, np.zeros(3))
    with pytest.raises(ValueError, match="at least one example"):
        best_temperature(logits, np.full(4, -1))


def test_arguments_are_checked():
    for arguments, message in (
        ({"num_labels": 1, "kind": "ordinal"}, "`num_labels` to be at least 2"),
        ({"num_labels": 0}, "`num_labels` is expected to be an integer of at least 1"),
        ({"num_labels": 3, "class_weight": {3: 1.0}}, "labels of `class_weight` to be below 3"),
        ({"num_labels": 3, "class_weight": {0: -1}}, "`class_weight` to be a dict of finite"),
    ):
        with pytest.raises(ValueError, match=message):
            models.ClassificationHead(**arguments)
    with pytest.raises(ValueError, match=r"one number for each of the 3 labels.*shape=\(2,\)"):
        losses.MultiLabelCrossEntropy()(np.array([1, 2]), np.zeros((2, 3)))

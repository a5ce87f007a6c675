"""Spans and vectors, their losses and metrics, against NumPy and all spans that there can be."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import losses, metrics, models

SIZE = 13
IDS = np.array([[4, 5, 6, 7, 3], [8, 9, 3, 0, 0], [0, 0, 0, 0, 0]], "int32")


def make_model(*heads, encoder=None):
    heads = {str(place): head for place, head in enumerate(heads)}
    encoder = encoder or models.TransformerEncoder(1, 2, 7)
    model = models.EncoderModel(encoder, heads, source_vocabulary_size=SIZE, embedding_dim=6)
    rng = np.random.default_rng(2)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


def to_numpy(tree):
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def softmax(x):
    powers = np.exp(np.asarray(x, "float64"))
    return powers / powers.sum(axis=-1, keepdims=True)


def expected_span(begin, end, longest):
    """The best of all spans and none, at index 0 of both, by enumeration."""
    spans = {(-1, -1): begin[0] * end[0]}
    for first in range(len(begin) - 1):
        for last in range(first, min(first + longest, len(begin) - 1)):
            spans[first, last] = begin[first + 1] * end[last + 1]
    best = max(spans, key=spans.get)
    return best, spans[best] / sum(spans.values())


@pytest.mark.parametrize("seed", range(3))
def test_the_best_of_all_spans(seed):
    model = make_model(models.SpanHead(), models.SpanHead(longest_span=2, units=3))
    rng = np.random.default_rng(seed)
    ids = np.where(IDS > 0, rng.integers(1, SIZE, IDS.shape), 0).astype("int32")
    values, answers = to_numpy(model.encode(ids))["values"], to_numpy(model.answer(ids))
    for name, longest in (("0", 5), ("1", 2)):
        head, answer = model.heads[name], answers[name]
        pooled = to_numpy(head.pooling(values, mask=ids != 0))
        kernel, bias = map(ops.convert_to_numpy, head.of_none.weights)
        for row, length in enumerate((5, 3, 0)):
            none = pooled[row] @ kernel + bias
            positions = values[row, :length] @ to_numpy(head.pointers.kernel)
            begin, end = softmax(np.concatenate([none[None], positions]).T)
            best, score = expected_span(begin, end, longest)
            assert (answer["begin"][row], answer["end"][row]) == best
            np.testing.assert_allclose(answer["scores"][row], score, rtol=1e-4)
            np.testing.assert_allclose(answer["begin_weights"][row, :length], begin[1:], atol=1e-5)
            np.testing.assert_allclose(answer["end_weights"][row, :length], end[1:], atol=1e-5)
    assert (answers["0"]["begin_weights"][ids == 0] == 0).all()


def test_the_loss_and_accuracy_of_spans():
    logits = np.random.default_rng(0).normal(size=(4, 2, 6)) * 2
    spans = np.array([[0, 4], [-1, -1], [2, 2], [1, 3]])
    probabilities = softmax(logits)
    expected = [
        -np.log([probabilities[row, 0, b + 1], probabilities[row, 1, e + 1]]).mean()
        for row, (b, e) in enumerate(spans)
    ]
    np.testing.assert_allclose(
        float(losses.SpanLoss()(spans, logits)), np.mean(expected), rtol=1e-5
    )
    pairs = zip(probabilities, spans, strict=True)
    right = [expected_span(*x, longest=9)[0] == tuple(span) for x, span in pairs]
    logits[0] = np.where(np.arange(6) == [[1], [5]], 9, 0)  # the first row is right for sure
    metric = metrics.SpanAccuracy()
    metric.update_state(spans, logits)
    np.testing.assert_allclose(float(metric.result()), np.mean([True, *right[1:]]))
    assert np.isnan(float(losses.SpanLoss()(np.array([[0, 7]]), logits[:1])))
    with pytest.raises(ValueError, match=r"spans of shape \(batch, 2\).*shape=\(4,\)"):
        losses.SpanLoss()(spans[:, 0], logits)


def test_vectors_of_one_group_draw_near(tmp_path):
    """Three groups, told apart by one token each; both heads train at once, by plain fit."""
    groups, rng = np.arange(12) % 3, np.random.default_rng(1)
    ids = rng.integers(7, SIZE, (12, 4)).astype("int32")
    place = rng.integers(0, 4, 12)
    ids[np.arange(12), place] = 4 + groups
    encoder = models.RecurrentEncoder(8, cell="gru", bidirectional=False)
    heads = models.EmbeddingHead(5, temperature=0.2), models.SpanHead()
    model = make_model(*heads, encoder=encoder)
    model.compile(keras.optimizers.Adam(0.02))
    labels = {"0": np.tile(groups, 80), "1": np.tile(np.stack([place, place], axis=1), (80, 1))}
    model.fit(np.tile(ids, (80, 1)), labels, batch_size=12, shuffle=False, verbose=0)
    answer = to_numpy(model.answer(ids))
    np.testing.assert_array_equal(answer["1"]["begin"], place)
    vectors = answer["0"]["vectors"]
    np.testing.assert_allclose((vectors**2).sum(axis=1), 1, atol=1e-5)
    same = groups[:, None] == groups
    assert (vectors @ vectors.T)[same].min() > (vectors @ vectors.T)[~same].max()
    nothing = to_numpy(model.answer(np.zeros((1, 2), "int32")))
    assert (nothing["0"]["vectors"] == 0).all() and nothing["1"]["begin"] == -1
    model.save(tmp_path / "model.keras")
    loaded = to_numpy(keras.saving.load_model(tmp_path / "model.keras").answer(ids))
    for one, other in zip(keras.tree.flatten(loaded), keras.tree.flatten(answer), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_contrastive_loss_is_that_of_the_paper():
    """Khosla et al. (2020), equation 2, in loops; a row alone and one without a group are none."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(7, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    groups, weights = np.array([0, 1, 0, 2, 1, 0, -1]), np.array([1, 2, 3, 4, 5, 6, 7.0])
    expected = np.zeros(7)
    for i in range(7):
        others = [a for a in range(7) if a != i]
        total = sum(np.exp(vectors[i] @ vectors[a] / 0.3) for a in others)
        positives = [p for p in others if groups[p] == groups[i] >= 0]
        if positives:
            expected[i] = -np.mean(
                [np.log(np.exp(vectors[i] @ vectors[p] / 0.3) / total) for p in positives]
            )
    has = np.array([1, 1, 1, 0, 1, 1, 0])
    for reduction, result in {
        "sum_over_batch_size": (weights * expected).sum() / 5,
        "mean_with_sample_weight": (weights * expected).sum() / (weights * has).sum(),
        "sum": (weights * expected).sum(),
        None: weights * expected,
    }.items():
        loss = losses.InBatchContrastive(0.3, reduction=reduction)
        found = to_numpy(loss(groups, vectors, weights))
        np.testing.assert_allclose(found, result, rtol=1e-5)
    metric = metrics.NearestAccuracy()
    metric.update_state(groups, vectors)
    cosines = vectors @ vectors.T - 9 * np.eye(7)
    right = groups[cosines.argmax(axis=1)] == groups
    np.testing.assert_allclose(float(metric.result()), right[has == 1].mean(), rtol=1e-6)
    with pytest.raises(ValueError, match="`temperature` to be positive. Received: temperature=0"):
        models.EmbeddingHead(3, temperature=0)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are TensorFlow's")
def test_spans_and_vectors_are_a_graph_of_any_batch_and_length():
    import tensorflow as tf

    convert = pytest.importorskip("keras_attention.export.to_onnx").convert
    onnxruntime = pytest.importorskip("onnxruntime")
    model = make_model(models.SpanHead(longest_span=3), models.EmbeddingHead(4))
    spec = tf.TensorSpec((None, None), "int32", name="source")

    def answers(source):
        parts = model.answer(source)
        vectors = {"vectors": parts["1"]["vectors"], "evidence": parts["1"]["evidence"]}
        return {**parts["0"], **vectors}

    function = tf.function(answers, input_signature=[spec], autograph=False)
    session = onnxruntime.InferenceSession(convert(function, [spec]).SerializeToString())
    for ids in (IDS, IDS[1:2, :2], IDS[2:, :1]):
        expected = to_numpy(answers(ids))
        found = dict(zip(sorted(expected), session.run(None, {"source": ids}), strict=True))
        for name, one in expected.items():
            np.testing.assert_allclose(found[name], one, atol=1e-5)
            np.testing.assert_allclose(to_numpy(function(ids)[name]), one, atol=1e-5)

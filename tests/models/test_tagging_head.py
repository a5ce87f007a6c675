"""Tags of positions and of words, with and without a conditional random field."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import losses, metrics, models
from keras_attention.ops import crf

SIZE, TAGS = 13, 3
IDS = np.array([[4, 5, 6, 7, 3], [8, 9, 3, 0, 0], [0, 0, 0, 0, 0]], "int32")
WORDS = np.array([[1, 0, 1, 1, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)
LABELS = np.array([[2, -1, 0, 1, -1], [1, 2, -1, -1, -1], [-1] * 5])
INPUTS = {"source": IDS, "words": WORDS}


def make_model(crf=True, words=True, encoder=None, allowed=None):
    head = models.TaggingHead(TAGS, crf=crf, words=words, allowed=allowed)
    encoder = encoder or models.RecurrentEncoder(4, cell="gru", bidirectional=False)
    model = models.EncoderModel(encoder, head, source_vocabulary_size=SIZE, embedding_dim=6)
    rng = np.random.default_rng(2)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


# Tag 1 begins a span, 2 goes on with one, 0 is outside.
ALLOWED = {
    "between": [[True, True, False], [True, True, True], [True, True, True]],
    "start": [True, True, False],
    "end": [True, True, True],
}


def to_numpy(tree):
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def check_close(found, expected):
    for name, other in expected.items():
        np.testing.assert_allclose(found[name], other, atol=1e-5)


def every_row(logits, between=0.0, start=0.0, end=0.0):
    """All rows of tags of a chain without holes, and the log-probability of each."""
    between, start, end = (
        np.broadcast_to(x, shape)
        for x, shape in ((between, (TAGS, TAGS)), (start, (TAGS,)), (end, (TAGS,)))
    )
    rows = np.array([*itertools.product(range(TAGS), repeat=len(logits))])
    scores = np.array(
        [
            start[row[0]]
            + end[row[-1]]
            + logits[range(len(row)), row].sum()
            + sum(between[pair] for pair in itertools.pairwise(row))
            for row in rows
        ]
    )
    return rows, scores - np.log(np.exp(scores).sum())


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("is_crf", [False, True])
def test_tags_and_loss_are_those_of_all_rows(is_crf, words):
    model = make_model(is_crf, words)
    inputs = INPUTS if words else IDS
    head, memory = model.heads["answer"], to_numpy(model.encode(IDS))
    kernel, bias = map(ops.convert_to_numpy, head.projection.weights)
    weights = [*map(ops.convert_to_numpy, head.transitions)] if is_crf else []
    answer, output = to_numpy(model.answer(inputs)), model(inputs)
    loss, places = 0.0, WORDS if words else IDS != 0
    for row in range(2):
        place = places[row]
        logits = memory["values"][row, place] @ kernel + bias
        rows, log_probabilities = every_row(logits, *weights)
        best = rows[log_probabilities.argmax()]
        np.testing.assert_array_equal(answer["ids"][row, place], best)
        np.testing.assert_allclose(answer["scores"][row], log_probabilities.max(), atol=1e-5)
        marginals = (np.exp(log_probabilities)[:, None] * (rows == best)).sum(axis=0)
        np.testing.assert_allclose(answer["tag_scores"][row, place], marginals, atol=1e-5)
        labels = LABELS[row, place]
        agree = ((rows == labels) | (labels < 0)).all(axis=1)  # the others are summed over
        loss -= np.log(np.exp(log_probabilities[agree]).sum())
    assert (answer["ids"][~places] == -1).all() and (answer["tag_scores"][~places] == 0).all()
    assert answer["scores"][2] == 0 and answer["ids"].dtype == np.int32
    found = head.make_loss()(LABELS, output)
    np.testing.assert_allclose(float(found), loss / 5, atol=1e-5)
    for metric in head.make_metrics():
        metric.update_state(LABELS, output)
        expected = (answer["ids"] == LABELS)[LABELS >= 0].mean()
        np.testing.assert_allclose(float(metric.result()), expected, atol=1e-6)


def test_a_crf_trains_by_plain_fit_and_comes_back_from_a_file(tmp_path):
    """What the emissions cannot tell, the transitions learn: after a tag always the next one."""
    rng = np.random.default_rng(3)
    ids = np.full((12, 7), 5, "int32")
    labels = (rng.integers(0, TAGS, (12, 1)) + np.arange(7)) % TAGS
    ids[np.arange(12), 3] = 4 + labels[:, 3]  # the token in the middle says where the row stands
    model = make_model(words=False)
    model.compile(keras.optimizers.Adam(0.1))
    first = model.evaluate(ids, labels, batch_size=6, verbose=0)[0]
    many = np.tile(ids, (30, 1)), np.tile(labels, (30, 1))
    model.fit(*many, batch_size=6, shuffle=False, verbose=0)
    last, accuracy = model.evaluate(ids, labels, batch_size=6, verbose=0)
    assert last < 0.05 < first and accuracy == 1
    between = ops.convert_to_numpy(model.heads["answer"].transitions.between)
    np.testing.assert_array_equal(between.argmax(axis=1), [1, 2, 0])

    answer, output = to_numpy(model.answer(ids)), to_numpy(model(ids))
    np.testing.assert_array_equal(answer["ids"], labels)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    check_close(to_numpy(loaded.answer(ids)), answer)
    np.testing.assert_allclose(loaded.predict(ids, verbose=0), output, atol=1e-5)
    assert isinstance(loaded.loss, losses.CRFLoss)


def test_rows_weigh_what_their_sample_weights_say():
    rng = np.random.default_rng(5)
    scores, mask = rng.normal(size=(3, 4, TAGS)), np.ones((3, 4), bool)
    mask[1, 2:] = False
    weights = [rng.normal(size=shape) for shape in ((TAGS, TAGS), (TAGS,), (TAGS,))]
    labels = rng.integers(0, TAGS, (3, 4))
    labels[1, 2:] = -1
    packed, rows = crf.pack(scores, mask, crf.Transitions(*weights)), np.array([2.0, 0.5, 1.0])
    values = []
    for row, one, real in zip(labels, scores, mask, strict=True):
        paths, log_probabilities = every_row(one[real], *weights)
        values.append(-log_probabilities[(paths == row[real]).all(axis=1)][0])
    values, counts = np.array(values), np.array([4, 2, 4])
    for reduction, expected in {
        None: rows * values,
        "sum": (rows * values).sum(),
        "sum_over_batch_size": (rows * values).sum() / 10,
        "mean_with_sample_weight": (rows * values).sum() / (rows * counts).sum(),
    }.items():
        loss = losses.CRFLoss(reduction=reduction)
        found = ops.convert_to_numpy(loss(labels[..., None], packed, rows))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    metric = metrics.CRFAccuracy()
    found, _ = to_numpy(crf.viterbi(scores, crf.Transitions(*weights), mask))
    metric.update_state(labels, packed, rows)
    weight = np.where(mask, rows[:, None], 0)
    expected = ((found == labels) * weight).sum() / weight.sum()
    np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"tags of shape \(3, 4\).*Received: y_true.shape=\(3, 5"):
        losses.CRFLoss()(np.zeros((3, 5)), packed)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are TensorFlow's")
def test_viterbi_and_marginals_are_a_graph_of_any_batch_and_length():
    import tensorflow as tf

    convert = pytest.importorskip("keras_attention.export.to_onnx").convert
    onnxruntime = pytest.importorskip("onnxruntime")
    model = make_model(encoder=models.TransformerEncoder(1, 2, 5))
    names = sorted(model.answer(INPUTS))
    specs = [tf.TensorSpec((None, None), *x) for x in (("int32", "source"), ("bool", "words"))]

    def answer(source, words):
        return model.answer({"source": source, "words": words})

    function = tf.function(answer, input_signature=specs, autograph=False)
    session = onnxruntime.InferenceSession(convert(function, specs).SerializeToString())
    for rows, length in ((slice(None), 5), (slice(1, 2), 2), (slice(2, 3), 1)):
        inputs = {name: x[rows, :length] for name, x in INPUTS.items()}
        expected = to_numpy(model.answer(inputs))
        check_close(to_numpy(function(**inputs)), expected)
        check_close(dict(zip(names, session.run(None, inputs), strict=True)), expected)


def test_words_are_asked_for():
    model = make_model()
    with pytest.raises(ValueError, match=r"a dict with \['source', 'words'\].*Received.*'source'"):
        model.answer(IDS)
    with pytest.raises(ValueError, match=r"`words` to broadcast to \(3, 5\)"):
        model.answer({"source": IDS, "words": WORDS[:, :4]})


@pytest.mark.parametrize("is_crf", [False, True])
def test_an_answer_is_the_best_of_the_rows_that_are_allowed(is_crf):
    free, model = make_model(is_crf), make_model(is_crf, allowed=ALLOWED)
    free.heads["answer"].projection.bias.assign([0.0, 0.0, 2.0])  # Most rows begin with tag 2.
    model.set_weights(free.get_weights())
    head, memory = model.heads["answer"], to_numpy(model.encode(IDS))
    kernel, bias = map(ops.convert_to_numpy, head.projection.weights)
    weights = [*map(ops.convert_to_numpy, head.transitions)] if is_crf else []
    answer, unlimited = to_numpy(model.answer(INPUTS)), to_numpy(free.answer(INPUTS))
    for row in range(2):
        rows, scores = every_row(memory["values"][row, WORDS[row]] @ kernel + bias, *weights)
        fits = [
            ALLOWED["start"][tags[0]]
            and all(ALLOWED["between"][one][two] for one, two in itertools.pairwise(tags))
            for tags in rows
        ]
        best = np.where(fits, scores, -np.inf).argmax()
        np.testing.assert_array_equal(answer["ids"][row, WORDS[row]], rows[best])
        np.testing.assert_allclose(answer["scores"][row], scores[best], atol=1e-4)
    assert (unlimited["ids"] != answer["ids"]).any()  # The limit says something here.
    again = models.TaggingHead.from_config(head.get_config())
    assert again.allowed == ALLOWED
    with pytest.raises(ValueError, match="Expected `allowed` to be a dict of bools"):
        models.TaggingHead(TAGS, allowed={"between": [[True]]})

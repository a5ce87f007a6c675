"""Encoder-only models: what they answer, how they train, and that files give the same."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import models

SIZE, FEATURES, WIDTH = 13, 5, 8
# Ragged; the last row is padding alone.
IDS = np.array([[4, 5, 6, 7, 3], [8, 9, 3, 0, 0], [5, 3, 0, 0, 0], [0, 0, 0, 0, 0]], "int32")


def recurrent():
    return models.RecurrentEncoder(5)


def transformer():
    return models.TransformerEncoder(1, 2, 11)


def hierarchical():
    encoders = models.TransformerEncoder(1, 2, 11), models.TransformerEncoder(1, 4, 7)
    return models.HierarchicalEncoder(6, *encoders, sentence_length=2)


def small():
    return models.RecurrentEncoder(5, cell="gru", bidirectional=False)


def no_encoder():
    """The heads read the embedded source itself."""


def make_model(heads=None, encoder=recurrent, frames=False, **options):
    source = {"source_features": FEATURES} if frames else {"source_vocabulary_size": SIZE}
    heads = models.ClassificationHead(3) if heads is None else heads
    model = models.EncoderModel(encoder(), heads, embedding_dim=WIDTH, **source, **options)
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        if len(weight.shape) == 2:
            weight.assign(rng.normal(size=weight.shape) * 0.6)
    return model


def to_numpy(tree):
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def check_close(found, expected):
    keras.tree.assert_same_structure(found, expected)
    for one, other in zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("encoder", [transformer, hierarchical, recurrent, no_encoder])
def test_a_label_comes_from_the_evidence(encoder):
    """Equations 5 to 7 and 11 of Yang et al. (2016), in NumPy, from the annotations."""
    model = make_model(encoder=encoder)
    answer, memory = to_numpy(model.answer(IDS)), to_numpy(model.encode(IDS))
    head = model.heads["answer"]
    kernel, bias, context = map(ops.convert_to_numpy, head.pooling.weights)
    projection, constant = map(ops.convert_to_numpy, head.projection.weights)
    np.testing.assert_array_equal(memory["mask"], IDS != 0)
    again = models.EncoderModel.from_config(model.get_config())
    assert type(again.encoder) is type(model.encoder)
    for row, length in enumerate((5, 3, 2)):
        values = memory["values"][row, :length]
        weights = softmax(np.tanh(values @ kernel + bias) @ context)
        logits = weights @ values @ projection + constant
        np.testing.assert_allclose(answer["evidence"][row, :length], weights, atol=1e-5)
        np.testing.assert_allclose(answer["probabilities"][row], softmax(logits), atol=1e-5)
        np.testing.assert_allclose(to_numpy(model(IDS))[row], logits, atol=1e-5)
        assert answer["ids"][row] == logits.argmax()
        np.testing.assert_allclose(answer["scores"][row], softmax(logits).max(), atol=1e-5)
    assert (answer["evidence"][IDS == 0] == 0).all()
    np.testing.assert_allclose(answer["probabilities"][3], softmax(constant), atol=1e-5)
    assert answer["ids"].dtype == "int32" and answer["evidence"].dtype == "float32"


@pytest.mark.parametrize("encoder", [transformer, hierarchical, recurrent])
def test_frames_masks_and_padding(encoder):
    """A row alone, without padding, gives what it gives among others; so does a given mask."""
    model = make_model(encoder=encoder, frames=True)
    frames = np.random.default_rng(0).normal(size=(2, 4, FEATURES)).astype("float32")
    frames[0, 1], frames[1, 3] = 0, 0  # a frame of zeros before others, and padding
    answer = to_numpy(model.answer(frames))
    check_close(to_numpy(model.answer({"source": frames}))["evidence"], answer["evidence"])
    alone = to_numpy(model.answer(frames[1:, :3]))
    np.testing.assert_allclose(answer["probabilities"][1:], alone["probabilities"], atol=1e-5)
    mask = np.array([[True, True, True, True], [True, False, False, False]])
    inputs = {"source": frames, "source_mask": mask}
    masked = to_numpy(model.answer(inputs))
    alone = to_numpy(model.answer(frames[1:, :1]))
    np.testing.assert_allclose(masked["probabilities"][1:], alone["probabilities"], atol=1e-5)
    logits = to_numpy(model(inputs))
    np.testing.assert_allclose(softmax(logits), masked["probabilities"], atol=1e-5)
    np.testing.assert_allclose(model.predict(inputs, verbose=0), logits, atol=1e-5)


@pytest.mark.parametrize("length", [5, 4, 1])
def test_words_know_their_sentence(length):
    """Equations 5 to 7 of Yang et al. (2016) in NumPy; the second row ends in a whole sentence."""
    encoder, rng = models.HierarchicalEncoder(6, sentence_length=2), np.random.default_rng(2)
    x = rng.normal(size=(2, length, 3)).astype("float32")
    mask = np.arange(length) < np.array([[length], [2]])
    found = to_numpy(encoder(x, mask=mask))
    kernel, bias, context = map(ops.convert_to_numpy, encoder.word_attention.weights)
    for row in range(2):
        for start in range(0, mask[row].sum(), 2):
            words = x[row, start : start + 2][mask[row, start : start + 2]]
            sentence = softmax(np.tanh(words @ kernel + bias) @ context) @ words
            expected = np.concatenate([words, np.broadcast_to(sentence, words.shape)], axis=-1)
            place = slice(start, start + len(words))
            np.testing.assert_allclose(found[row, place], expected, atol=1e-5)
    assert found.shape == (2, length, 6)


def test_the_hierarchy_comes_back_from_a_file_and_takes_sources_of_nothing(tmp_path):
    model = make_model(encoder=hierarchical)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    check_close(to_numpy(loaded.answer(IDS)), to_numpy(model.answer(IDS)))
    nothing = to_numpy(model.answer(np.zeros((2, 0), "int32")))
    padding = to_numpy(model.answer(np.zeros((2, 3), "int32")))
    np.testing.assert_allclose(nothing["probabilities"], padding["probabilities"], atol=1e-6)
    with pytest.raises(ValueError, match="`word_encoder` to be an instance of `Layer`"):
        models.HierarchicalEncoder(3, word_encoder="gru")


def test_heads_by_name_train_by_their_own_losses_and_come_back_from_a_file(tmp_path):
    heads = {
        "topic": models.ClassificationHead(3, class_weight={1: 2.0}),
        "form": models.ClassificationHead(2, units=3, label_smoothing=0.1),
    }
    model = make_model(heads, small, dropout=0.1)
    model.compile(
        keras.optimizers.Adam(0.05), loss_weights={"topic": 1.0, "form": 0.5}, jit_compile=False
    )
    labels = {"topic": np.array([0, 1, 2, -1]), "form": np.array([0, 1, 0, -1])}
    many = {name: np.tile(x, 25) for name, x in labels.items()}
    history = model.fit(np.tile(IDS, (25, 1)), many, batch_size=4, shuffle=False, verbose=0).history
    assert {"topic_accuracy", "form_accuracy"} <= set(history)
    answer = to_numpy(model.answer(IDS))
    for name in heads:
        np.testing.assert_array_equal(answer[name]["ids"][:3], labels[name][:3])

    logits = to_numpy(model(IDS))
    log_probabilities = np.log(softmax(logits["topic"]))[range(3), labels["topic"][:3]]
    expected = -(log_probabilities * [1, 2, 1]).sum() / 3
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    check_close(to_numpy(loaded.answer(IDS)), answer)
    check_close(to_numpy(loaded(IDS)), logits)
    evaluated = loaded.evaluate(IDS, labels, return_dict=True, verbose=0)
    np.testing.assert_allclose(evaluated["topic_loss"], expected, atol=1e-5)
    assert loaded.optimizer.iterations == 25
    again = models.EncoderModel.from_config(json.loads(json.dumps(model.get_config())))
    assert [head.get_config() for head in again.heads.values()] == [
        head.get_config() for head in model.heads.values()
    ]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are TensorFlow's")
def test_an_answer_is_a_graph_of_any_batch_and_length():
    import tensorflow as tf

    convert = pytest.importorskip("keras_attention.export.to_onnx").convert
    onnxruntime = pytest.importorskip("onnxruntime")
    kinds = "single", "several", "ordinal", "numeric"
    model = make_model({kind: models.ClassificationHead(3, kind) for kind in kinds}, hierarchical)
    spec = tf.TensorSpec((None, None), "int32", name="source")

    def answers(source):
        parts = model.answer(source).items()
        return {f"{kind}_{name}": x for kind, part in parts for name, x in part.items()}

    function = tf.function(answers, input_signature=[spec], autograph=False)
    session = onnxruntime.InferenceSession(convert(function, [spec]).SerializeToString())
    for ids in (IDS, IDS[1:2, :3], np.zeros((2, 1), "int32")):
        expected = to_numpy(answers(ids))
        check_close(to_numpy(function(ids)), expected)
        found = session.run(None, {"source": ids})
        for name, one in zip(sorted(expected), found, strict=True):
            np.testing.assert_allclose(one, expected[name], atol=1e-5)
            assert one.dtype == expected[name].dtype and np.isfinite(one).all()


def test_what_does_not_fit_is_refused():
    head = models.ClassificationHead(3)
    for arguments, message in (
        ({"heads": {}}, r"`heads` to be a head.*Received: heads=\{\}"),
        ({"heads": keras.layers.Dense(3)}, r"`heads` to be a head.*Received: heads="),
        ({"heads": head, "source_features": 3}, "Exactly one of `source_vocabulary_size`"),
        ({"heads": head, "dropout": 1}, r"`dropout` is expected.*Received: dropout=1"),
    ):
        with pytest.raises(ValueError, match=message):
            models.EncoderModel(recurrent(), **{"source_vocabulary_size": SIZE, **arguments})
    with pytest.raises(ValueError, match=r"Expected `kind` to be one of .*Received: kind='some'"):
        models.ClassificationHead(3, kind="some")
    with pytest.raises(ValueError, match=r"`label_smoothing` must be in \[0, 1\)"):
        models.ClassificationHead(3, label_smoothing=1.0)
    model = make_model(head)
    with pytest.raises(ValueError, match=r"a dict with \['source'\].*Received.*\['text'\]"):
        model.answer({"text": IDS})
    with pytest.raises(ValueError, match=r"`source` of shape \(batch, source\)"):
        model.answer(IDS[0])
    model.compile()
    with pytest.raises(ValueError, match=r"ClassificationHead\(class_weight=.*Received"):
        model.fit(IDS, np.zeros(4), class_weight={0: 2.0}, verbose=0)

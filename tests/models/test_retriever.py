"""Stored sources: attention by cosine against NumPy, rows added, files and graphs."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import models

SIZE = 13
SOURCES = np.array([[4, 5, 6], [7, 8, 0], [9, 3, 0], [10, 11, 12], [5, 5, 0]], "int32")
REPLIES = np.array([2, 0, 2, 1, 0])
QUERIES = np.array([[5, 6, 0], [10, 12, 11]], "int32")


def make_retriever(heads=None, **options):
    encoder = models.EncoderModel(
        models.RecurrentEncoder(4, cell="gru", bidirectional=False),
        models.EmbeddingHead(6) if heads is None else heads,
        source_vocabulary_size=SIZE,
        embedding_dim=5,
    )
    return models.Retriever(encoder, **{"capacity": 7, "temperature": 0.3, **options})


def to_numpy(tree):
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def check_close(found, expected):
    assert set(found) == set(expected)
    for name, other in expected.items():
        np.testing.assert_allclose(found[name], other, atol=1e-5)


def test_replies_are_those_of_the_nearest_sources(tmp_path):
    """Vinyals et al. (2016), equations 1 and 2; rows come in twice, and in a file."""
    retriever = make_retriever(num_replies=4, n_best=4)
    retriever.add(SOURCES[:2], REPLIES[:2])
    retriever.add(SOURCES[2:], REPLIES[2:])
    assert retriever.num_rows == 5
    encode = retriever.encoder.predict
    cosines = encode(QUERIES, verbose=0) @ encode(SOURCES, verbose=0).T
    powers = np.exp(cosines / 0.3)
    weights = powers / powers.sum(axis=1, keepdims=True)
    probabilities = weights @ (REPLIES[:, None] == np.arange(4))
    answer = to_numpy(retriever.answer(QUERIES))
    order = np.argsort(-probabilities, axis=1, kind="stable")
    np.testing.assert_array_equal(answer["ids"], order)
    expected = np.take_along_axis(probabilities, order, axis=1)
    np.testing.assert_allclose(answer["scores"], expected, atol=1e-5)
    for row, replies in enumerate(answer["ids"]):
        for place, reply in enumerate(replies):
            rows = np.flatnonzero(reply == REPLIES)
            if not len(rows):  # no source has this reply
                assert answer["rows"][row, place] == -1
                continue
            nearest = rows[cosines[row, rows].argmax()]
            assert answer["rows"][row, place] == nearest
            found = answer["similarities"][row, place]
            np.testing.assert_allclose(found, cosines[row, nearest], atol=1e-5)
    np.testing.assert_allclose(answer["evidence"].sum(axis=1), 1, atol=1e-5)

    check_close(retriever.predict(QUERIES, verbose=0), answer)
    retriever.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    check_close(to_numpy(loaded.answer(QUERIES)), answer)
    # A row more is found at once, by whoever holds the model.
    loaded.add(QUERIES[:1], [3])
    found = to_numpy(loaded.answer(QUERIES))
    place = found["ids"][0].tolist().index(3)
    assert found["rows"][0, place] == 5
    np.testing.assert_allclose(found["similarities"][0, place], 1, atol=1e-5)


def test_one_head_of_several_and_a_reply_to_each_source():
    heads = {"topic": models.ClassificationHead(2), "meaning": models.EmbeddingHead(4)}
    retriever = make_retriever(heads)
    assert retriever.head == "meaning"
    retriever.add(SOURCES)
    answer = to_numpy(retriever.answer(SOURCES))
    np.testing.assert_array_equal(answer["ids"][:, 0], np.arange(5))
    np.testing.assert_array_equal(answer["rows"], answer["ids"])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are TensorFlow's")
def test_a_retriever_is_a_graph_of_any_batch_and_length():
    import tensorflow as tf

    convert = pytest.importorskip("keras_attention.export.to_onnx").convert
    onnxruntime = pytest.importorskip("onnxruntime")
    retriever = make_retriever(num_replies=3, n_best=2)
    retriever.add(SOURCES, REPLIES)
    spec = tf.TensorSpec((None, None), "int32", name="source")
    function = tf.function(retriever.answer, input_signature=[spec], autograph=False)
    session = onnxruntime.InferenceSession(convert(function, [spec]).SerializeToString())
    for ids in (QUERIES, QUERIES[:1, :2]):
        expected = to_numpy(retriever.answer(ids))
        check_close(to_numpy(function(ids)), expected)
        found = session.run(None, {"source": ids})
        check_close(dict(zip(sorted(expected), found, strict=True)), expected)


def test_what_cannot_be_stored_is_refused():
    retriever = make_retriever(num_replies=3)
    with pytest.raises(ValueError, match="Expected stored sources.*Received: none"):
        retriever.answer(QUERIES)
    with pytest.raises(ValueError, match=r"5 numbers from 0 to 2\. Received: replies=\[0 1 2 3 4"):
        retriever.add(SOURCES)
    retriever.add(SOURCES, REPLIES)
    with pytest.raises(ValueError, match="at most 2 more sources.*Received: 5 sources"):
        retriever.add(SOURCES, REPLIES)
    assert retriever.num_rows == 5
    with pytest.raises(ValueError, match="`EncoderModel` with an `EmbeddingHead`.*head='other'"):
        make_retriever(head="other")
    with pytest.raises(ValueError, match="`n_best` to be at most.*Received: n_best=9"):
        make_retriever(n_best=9)

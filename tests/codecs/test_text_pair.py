"""A question and a text as one row of ids, and answers as parts of the text."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attention import codecs

QUESTIONS = ["who?", "", "wo İst"]
TEXTS = ["Ada King, ﬁne", "x", ""]


@pytest.fixture(scope="module")
def pair():
    corpus = [(question, string) for question, string in zip(QUESTIONS, TEXTS, strict=True)]
    return codecs.TextPair.train(corpus, "character", lowercase=True, normalization="nfkc")


def test_ids_segments_and_names(pair):
    ids = pair.encode_source({"question": QUESTIONS, "text": TEXTS})
    names = pair.tokens(ids).numpy().tolist()
    assert b" ".join(names[0]) == b"w h o ? <s> a d a   k i n g ,   f i n e </s>"
    assert names[1][:3] == [b"<s>", b"x", b"</s>"] and set(names[1][3:]) == {b""}
    assert pair.encode((QUESTIONS, TEXTS)).to_list() == [row[:-1] for row in ids.to_list()]
    segments = pair.segments(ids).numpy()
    lengths = ids.row_lengths().numpy()
    for row, length, question in zip(segments, lengths, (4, 0, 7), strict=True):
        expected = [0] * (question + 1) + [1] * (length - question - 1)
        assert row.tolist() == expected + [0] * (len(row) - length)
    decoded = pair.decode(ids)
    assert decoded["question"].numpy().tolist() == [b"who?", b"", "wo i\u0307st".encode()]
    assert decoded["text"].numpy().tolist() == [b"ada king, fine", b"x", b""]


def test_offsets_are_of_one_part(pair):
    raw = {"question": QUESTIONS, "text": TEXTS}
    ligature = [[10, 11], [10, 11], [11, 12], [12, 13], [13, 13]]
    plain = [[place, place + 1] for place in range(10)]
    assert pair.offsets(raw).to_list() == [
        [[-1, -1]] * 5 + plain + ligature,
        [[-1, -1], [0, 1], [1, 1]],
        [[-1, -1]] * 8 + [[0, 0]],
    ]
    question = pair.offsets(raw, of="question").to_list()
    assert question[2] == [[0, 1], [1, 2], [2, 3], [3, 4], [3, 4], [4, 5], [5, 6], [6, 6], [-1, -1]]
    assert [len(row) for row in question] == pair.encode_source(raw).row_lengths().numpy().tolist()


def test_answers_and_their_positions_in_a_graph(pair):
    @tf.function(input_signature=[pair.spec, tf.TensorSpec([None]), tf.TensorSpec([None])])
    def serve(raw, begins, ends):
        return pair.answers(raw, begins, ends)

    raw = {"question": tf.constant(["who?"] * 6), "text": tf.constant(["Ada ﬁne"] * 6)}
    found = serve(raw, np.array([5.0, 9, 10, -1, 0, 12]), np.array([7.0, 9, 13, -1, 7, 40]))
    assert [item.decode() for item in found["answer"].numpy()] == ["Ada", "ﬁ", "ﬁne", "", "", ""]
    assert found["begin"].dtype == tf.int32
    assert found["begin"].numpy().tolist() == [0, 4, 4, -1, -1, -1]
    assert found["end"].numpy().tolist() == [3, 5, 7, -1, -1, -1]
    begins, ends = pair.positions(raw, [0, 4, 5, -1, 3, 4], [3, 5, 7, -1, 3, 7])
    assert begins.numpy().tolist() == [5, 9, 11, -1, -1, 9]
    assert ends.numpy().tolist() == [7, 10, 12, -1, -1, 12]


def test_saved_and_loaded(pair, tmp_path):
    pair.save(tmp_path)
    loaded = codecs.load(tmp_path)
    assert type(loaded) is codecs.TextPair and loaded.vocabulary_size == pair.vocabulary_size
    raw = (QUESTIONS, TEXTS)
    assert loaded.encode_source(raw).to_list() == pair.encode_source(raw).to_list()
    assert not loaded.needs_tensorflow_text


def test_what_is_refused(pair):
    with pytest.raises(ValueError, match="`tokenizer` to be a keras_attention.text.Tokenizer"):
        codecs.TextPair(codecs.Labels(["a"]))
    with pytest.raises(ValueError, match="Expected `of` to be .* of='answer'"):
        pair.offsets((QUESTIONS, TEXTS), of="answer")
    for raw in ({"question": ["a"]}, (["a"],), "ab"):
        with pytest.raises(ValueError, match="`raw` to be a dict of"):
            pair.encode(raw)

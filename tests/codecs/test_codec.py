import json

import numpy as np
import pytest
import tensorflow as tf

from keras_attention import UserError, codecs, text


class Steps(codecs.Codec):
    """Whole numbers as so many frames, each of them `[1.0]`."""

    kind = "steps-of-a-test"
    spec = tf.TensorSpec([None], tf.int32)
    pad_id = 0

    def __init__(self, most=9):
        super().__init__()
        self.most = most

    def encode(self, raw):
        lengths = tf.minimum(raw, self.most)
        return tf.RaggedTensor.from_row_lengths(tf.ones([tf.reduce_sum(lengths), 1]), lengths)

    def get_config(self):
        return {"most": self.most}


def test_a_codec_of_frames_is_padded_and_knows_its_lengths():
    encoded = Steps().encode_source(tf.constant([2, 0, 3]))
    assert Steps().lengths(encoded).numpy().tolist() == [2, 0, 3]
    expected = [[1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0]]
    np.testing.assert_array_equal(Steps().padded(encoded, 4)[..., 0], expected)
    assert Steps().padded(encoded).shape == (3, 3, 1)
    in_a_graph = tf.function(lambda length: Steps().padded(encoded, length))
    assert in_a_graph(tf.constant(5)).shape == (3, 5, 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="longer than `length`"):
        Steps().padded(encoded, 2)


def test_a_codec_is_found_by_its_kind(tmp_path):
    Steps(most=5).save(tmp_path / "codec")
    assert json.loads((tmp_path / "codec" / "codec.json").read_text()) == {
        "format": 1,
        "kind": "steps-of-a-test",
        "most": 5,
    }
    found = codecs.load(tmp_path / "codec")
    assert type(found) is Steps and found.most == 5
    text.ByteTokenizer().save(tmp_path / "text")
    assert type(codecs.load(tmp_path / "text")) is text.ByteTokenizer


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No codec in .*: cannot read codec.json"),
        ('{"format": 1, "kind": "none"}', "Expected a kind of codec among .* Received: 'none'"),
        ('{"format": 2, "kind": "steps-of-a-test"}', "Expected format=1"),
        ('{"format": 1, "kind": "steps-of-a-test", "x": 1}', "codec file .* is broken"),
        ('{"format": 1}', "names no kind of codec"),
    ],
)
def test_folders_that_hold_no_codec(tmp_path, content, message):
    if content is not None:
        (tmp_path / "codec.json").write_text(content)
    with pytest.raises(UserError, match=message):
        codecs.load(tmp_path)


def test_a_source_ends_in_the_end_token():
    tokenizer = text.CharacterTokenizer.train(["abc"])
    rows = tokenizer.encode_source(["ab", ""]).to_list()
    assert rows == [[*tokenizer.encode(["ab"]).to_list()[0], tokenizer.end_id], [tokenizer.end_id]]


def test_a_text_codec_reads_the_lines_of_a_file(tmp_path):
    (tmp_path / "a.txt").write_text("eins\nzwei\u2028drei\n", encoding="utf-8")
    assert text.ByteTokenizer().read(tmp_path / "a.txt") == ["eins", "zwei\u2028drei"]
    with pytest.raises(UserError, match="steps-of-a-test codec reads no files"):
        Steps().read(tmp_path / "a.txt")


def test_a_kind_belongs_to_one_class(tmp_path):
    class Upper(text.WordTokenizer):
        """Has no kind of its own."""

    text.WordTokenizer.train(["a b"]).save(tmp_path)
    assert type(codecs.load(tmp_path)) is type(text.load(tmp_path)) is text.WordTokenizer
    with pytest.raises(ValueError, match="`kind` that no other codec has; Steps has it"):

        class Other(codecs.Codec):
            kind = "steps-of-a-test"

    with pytest.raises(ValueError, match="Expected a `kind`, which names the class"):
        codecs.Codec().save(tmp_path)


def test_a_custom_tokenizer_is_loaded_as_the_others(tmp_path):
    class Reversed(text.ByteTokenizer):
        kind = "reversed-of-a-test"

    Reversed().save(tmp_path)
    assert type(text.load(tmp_path)) is type(codecs.load(tmp_path)) is Reversed

"""Special ids, odd shapes and input that is not text."""

import numpy as np
import pytest
import tensorflow as tf

from keras_attention import text


@pytest.fixture
def letters():
    return text.CharacterTokenizer(["a", "b", "c"])


def test_special_ids(tokenizer):
    assert (tokenizer.pad_id, tokenizer.unknown_id) == (0, 1)
    assert (tokenizer.start_id, tokenizer.end_id) == (2, 3)
    assert tokenizer.tokens([[0, 1, 2, 3]]).numpy().tolist() == [[b"", b"<unk>", b"<s>", b"</s>"]]


def test_only_sentencepiece_needs_tensorflow_text(tokenizer):
    assert tokenizer.needs_tensorflow_text == (tokenizer.kind == "sentencepiece")


def test_decode_stops_at_the_first_end(letters):
    ids = [[2, 4, 0, 5, 3, 6, 3], [3, 4, 4, 4, 4, 4, 4], [4, 5, 6, 0, 0, 0, 0]]
    assert letters.decode(ids).numpy().tolist() == [b"ab", b"", b"abc"]


def test_decode_stops_at_the_end_in_every_kind(tokenizer, dates):
    ids = tokenizer.encode(dates[:11])
    start, end = tf.fill([11, 1], tokenizer.start_id), tf.fill([11, 1], tokenizer.end_id)
    longer = tf.concat([start, ids, end, ids], axis=1)
    assert tokenizer.decode(longer).numpy().tolist() == tokenizer.decode(ids).numpy().tolist()
    assert tokenizer.decode(longer.to_tensor()).numpy().tolist() == (
        tokenizer.decode(ids).numpy().tolist()
    )


def test_decode_of_beams_keeps_their_axis(tokenizer, dates):
    ids = tokenizer.encode(dates[:6]).to_tensor().numpy()
    beams = ids.reshape(2, 3, -1)
    text_of_beams = tokenizer.decode(beams)
    assert text_of_beams.shape == (2, 3)
    flat = tokenizer.decode(ids).numpy().tolist()
    assert text_of_beams.numpy().reshape(-1).tolist() == flat


def test_decode_and_tokens_in_a_graph_of_unknown_shape(tokenizer):
    @tf.function(input_signature=[tf.TensorSpec([None, None, None], tf.int32)])
    def both(ids):
        return tokenizer.decode(ids), tokenizer.tokens(ids)

    ids = np.arange(2 * 3 * 5).reshape(2, 3, 5)
    decoded, tokens = both(ids)
    assert decoded.numpy().tolist() == tokenizer.decode(ids).numpy().tolist()
    assert tokens.numpy().tolist() == tokenizer.tokens(ids).numpy().tolist()


def test_ids_outside_the_vocabulary_are_unknown(tokenizer):
    ids = np.array([[tokenizer.vocabulary_size, -7, 10**6]])
    assert tokenizer.tokens(ids).numpy().tolist() == [[b"<unk>"] * 3]
    assert set(tokenizer.decode(ids).numpy()[0].decode()) <= {"\ufffd", " "}


def test_empty_batches(tokenizer):
    for nothing in ([], np.array([], dtype=object), tf.constant([], tf.string)):
        ids = tokenizer.encode(nothing)
        assert (ids.shape[0], ids.dtype) == (0, tf.int32)
        assert tokenizer.decode(ids).shape == (0,)
    assert tokenizer.decode(np.zeros((0, 7), "int32")).shape == (0,)
    assert tokenizer.decode(np.zeros((3, 0), "int32")).numpy().tolist() == [b"", b"", b""]
    assert tokenizer.decode(np.zeros((2, 0, 5), "int32")).shape == (2, 0)
    assert tokenizer.tokens(np.zeros((0, 7), "int32")).shape == (0, 7)


def test_empty_strings(tokenizer):
    ids = tokenizer.encode(["", ""])
    assert ids.to_list() == [[], []]
    assert tokenizer.decode(ids).numpy().tolist() == [b"", b""]


def test_unknown_characters(core_tokenizer):
    string = "\U0001f600"  # in no date
    ids = core_tokenizer.encode([string]).to_list()[0]
    if core_tokenizer.kind == "byte":
        assert len(ids) == 4
    else:
        assert ids == [1]
        assert core_tokenizer.decode([ids]).numpy().tolist() == ["\ufffd".encode()]


def test_broken_utf8_is_read_as_replacement_characters():
    tokenizer = text.CharacterTokenizer(["a", "\ufffd"])
    # A truncated three-byte character is one error, bytes that begin nothing are one each.
    assert tokenizer.encode([b"a\xe2\x82a\xff\xffa"]).to_list() == [[4, 5, 4, 5, 5, 4]]


def test_lone_surrogates_are_read_as_replacement_characters():
    tokenizer = text.CharacterTokenizer(["a", "\ufffd"])
    assert tokenizer.encode(["a\ud800a", b"a"]).to_list() == [[4, 5, 4], [4]]


def test_bytes_that_spell_nothing_are_decoded_as_replacement_characters():
    assert text.ByteTokenizer().decode([[0xC3 + 4, 0x61 + 4]]).numpy().tolist() == [
        "\ufffda".encode()
    ]


def test_names_of_bytes():
    ids = text.ByteTokenizer().encode(["é \n"])
    assert text.ByteTokenizer().tokens(ids).numpy().tolist() == [
        [b"<0xC3>", b"<0xA9>", b" ", b"<0x0A>"]
    ]


def test_a_single_string_is_not_a_batch(tokenizer):
    with pytest.raises(ValueError, match=r"batch of strings of shape \(batch,\).*shape \(\)"):
        tokenizer.encode("one string")

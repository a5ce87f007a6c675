"""SentencePiece through tensorflow-text."""

import pytest
import sentencepiece
import tensorflow as tf

from keras_attention import text
from keras_attention.errors import UserError


def test_ids_are_those_of_the_library(tokenizers, dates):
    tokenizer = tokenizers["sentencepiece"]
    library = sentencepiece.SentencePieceProcessor(model_proto=tokenizer.model)
    assert (library.pad_id(), library.unk_id(), library.bos_id(), library.eos_id()) == (0, 1, 2, 3)
    assert tokenizer.vocabulary_size == library.vocab_size()
    assert tokenizer.encode(dates).to_list() == library.encode(dates)
    names = tokenizer.tokens(tokenizer.encode(dates[:1])).numpy()[0]
    assert [name.decode() for name in names] == library.encode(dates[0], out_type=str)


def test_two_tokenizers_in_one_graph_that_survive_a_new_seed(dates):
    first = text.train("sentencepiece", dates, vocabulary_size=700)
    second = text.train("sentencepiece", [date[::-1] for date in dates], vocabulary_size=600)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def both(strings):
        return first.encode(strings), second.encode(strings)

    wanted = [first.encode(dates).to_list(), second.encode(dates).to_list()]
    assert wanted[0] != wanted[1]
    assert [ids.to_list() for ids in both(tf.constant(dates))] == wanted
    tf.random.set_seed(7)  # throws away the kernels of eager operations
    assert [ids.to_list() for ids in both(tf.constant(dates))] == wanted
    assert first.encode(dates).to_list() == wanted[0]
    assert first.tokens(first.encode(dates)).shape[0] == len(dates)
    assert second.decode(second.encode(dates)).numpy()[4].decode() == dates[4]


def test_byte_fallback_knows_every_character(dates):
    tokenizer = text.train("sentencepiece", dates, vocabulary_size=1400, byte_fallback=True)
    strings = ["\U0001f600 unknown", "ﬂ"]
    ids = tokenizer.encode(strings)
    assert tokenizer.unknown_id not in ids.flat_values.numpy()
    assert [item.decode() for item in tokenizer.decode(ids).numpy()] == strings


def test_unknown_characters_are_decoded_as_replacement(tokenizers):
    tokenizer = tokenizers["sentencepiece"]
    ids = tokenizer.encode(["\U0001f600"])
    assert tokenizer.unknown_id in ids.to_list()[0]
    assert tokenizer.decode(ids).numpy().tolist() == ["\ufffd".encode()]


def test_learning_is_repeatable(dates):
    first = text.train("sentencepiece", dates, vocabulary_size=700)
    again = text.train("sentencepiece", iter(dates), vocabulary_size=700)
    assert first.model == again.model


def test_a_vocabulary_that_is_too_small_is_one_sentence(dates):
    with pytest.raises(UserError, match="cannot learn vocabulary_size=9 from this text"):
        text.train("sentencepiece", dates, vocabulary_size=9)


def test_saved_model(tokenizers, dates, tmp_path):
    tokenizer = tokenizers["sentencepiece"]
    module = tf.Module()
    module.tokenizer = tokenizer
    module.encode = tf.function(
        tokenizer.encode, input_signature=[tf.TensorSpec([None], tf.string, name="text")]
    )
    tf.saved_model.save(module, tmp_path / "model")
    (tmp_path / "model").rename(tmp_path / "moved")
    loaded = tf.saved_model.load(tmp_path / "moved")
    assert loaded.encode(tf.constant(dates)).to_list() == tokenizer.encode(dates).to_list()

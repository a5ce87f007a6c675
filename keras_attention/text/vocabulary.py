"""Tokenizers whose ids are places in a list of tokens."""

from collections import Counter
from itertools import islice

import tensorflow as tf

from keras_attention.errors import UserError
from keras_attention.text.inputs import UNKNOWN_TEXT, as_strings
from keras_attention.text.normalization import normalize
from keras_attention.text.tokenizer import Tokenizer

FIRST_TEXT_ID = 4
NO_TEXT = "There is no text to learn a tokenizer from: the training text is empty."


class VocabularyTokenizer(Tokenizer):
    """A tokenizer with a written-out vocabulary: token `i` of the list has id `4 + i`.

    The vocabulary is kept in constants of the graph, so a SavedModel that holds the tokenizer
    names no file and can be moved.

    Args:
        vocabulary: the distinct tokens as `str`, without the special ones.
        lowercase: see `Tokenizer`.
        normalization: see `Tokenizer`.
        name: see `Tokenizer`.
    """

    def __init__(self, vocabulary, lowercase=False, normalization="none", name=None):
        super().__init__(lowercase=lowercase, normalization=normalization, name=name)
        self._vocabulary = check_vocabulary(vocabulary)
        with tf.init_scope():
            self._texts = tf.constant(["", UNKNOWN_TEXT, "", "", *self._vocabulary])

    @property
    def vocabulary(self):
        """The tokens in the order of their ids, without the four special ones."""
        return list(self._vocabulary)

    @property
    def vocabulary_size(self):
        """The number of ids, the four special ones included."""
        return FIRST_TEXT_ID + len(self._vocabulary)

    def get_config(self):
        """The arguments of the constructor as JSON values."""
        return {**super().get_config(), "vocabulary": self.vocabulary}

    def _texts_of(self, ids):
        """The text of each id, U+FFFD for ids outside the vocabulary; any shape."""
        inside = (ids >= 0) & (ids < self.vocabulary_size)
        return tf.gather(self._texts, tf.where(inside, ids, self.unknown_id))

    def _printable(self, ids):
        return self._texts_of(ids)


def check_vocabulary(vocabulary):
    """The vocabulary as a tuple of distinct, non-empty strings."""
    vocabulary = tuple(vocabulary)
    if not vocabulary or not all(isinstance(token, str) and token for token in vocabulary):
        raise ValueError("Expected vocabulary to be a list of strings, none of them empty")
    if len(set(vocabulary)) != len(vocabulary):
        twice = next(token for token, count in Counter(vocabulary).items() if count > 1)
        raise ValueError(f"Expected distinct tokens. Received twice: {twice!r}")
    return vocabulary


def id_table(keys, key_dtype):
    """A lookup table from token to id; what it does not hold gets the unknown id."""
    with tf.init_scope():
        ids = tf.range(FIRST_TEXT_ID, FIRST_TEXT_ID + len(keys), dtype=tf.int64)
        initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, key_dtype), ids)
        return tf.lookup.StaticHashTable(initializer, default_value=Tokenizer.unknown_id)


def normalized_batches(strings, lowercase, normalization, batch_size=8192):
    """Lists of normalised `str`, from an iterable of strings."""
    iterator = iter(strings)
    while batch := list(islice(iterator, batch_size)):
        texts = normalize(as_strings(batch), lowercase, normalization)
        yield [text.decode("utf-8") for text in texts.numpy().tolist()]


def most_common(counts, limit=None, minimum_count=1):
    """Tokens by falling frequency, equal ones by code point; an empty result is an error."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    tokens = [token for token, count in ranked if count >= minimum_count]
    if not tokens:
        raise UserError(NO_TEXT)
    return tokens[:limit]

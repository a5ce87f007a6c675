"""The tokenizer whose tokens are Unicode characters."""

from collections import Counter

import tensorflow as tf

from keras_attention.text.offsets import after_space
from keras_attention.text.vocabulary import (
    FIRST_TEXT_ID,
    VocabularyTokenizer,
    id_table,
    most_common,
    normalized_batches,
)


class CharacterTokenizer(VocabularyTokenizer):
    """A tokenizer whose tokens are single Unicode code points.

    Lossless for text of known characters. Core TensorFlow operations only.

    Args:
        vocabulary: the distinct characters, each a `str` of length 1.
        lowercase: whether text is lower-cased first.
        normalization: `"none"`, `"nfc"` or `"nfkc"`.
        name: name of the `tf.Module`.

    Example:

    >>> from keras_attention import text
    >>> tokenizer = text.CharacterTokenizer.train(["3 мая", "3. Mai"])
    >>> tokenizer.decode(tokenizer.encode(["3 Mai"])).numpy().tolist()
    [b'3 Mai']
    """

    kind = "character"

    def __init__(self, vocabulary, lowercase=False, normalization="none", name=None):
        super().__init__(vocabulary, lowercase, normalization, name)
        long = [token for token in self._vocabulary if len(token) != 1]
        if long:
            raise ValueError(f"Expected single characters in vocabulary. Received: {long[0]!r}")
        self._id_of_code_point = id_table([ord(token) for token in self._vocabulary], tf.int64)

    @classmethod
    def train(
        cls,
        strings,
        vocabulary_size=None,
        minimum_count=1,
        lowercase=False,
        normalization="none",
    ):
        """Learn the characters of a corpus, the most frequent first, then by code point.

        Args:
            strings: iterable of `str` or `bytes`, read once.
            vocabulary_size: at most so many ids, the four special ones included; `None`: all.
            minimum_count: how often a character must occur to be kept.
            lowercase: whether text is lower-cased first.
            normalization: `"none"`, `"nfc"` or `"nfkc"`.

        Returns:
            A `CharacterTokenizer`.
        """
        counts = Counter()
        for texts in normalized_batches(strings, lowercase, normalization):
            counts.update("".join(texts))
        limit = vocabulary_size and max(vocabulary_size - FIRST_TEXT_ID, 1)
        return cls(most_common(counts, limit, minimum_count), lowercase, normalization)

    def _encode(self, strings):
        points = tf.strings.unicode_decode(strings, "UTF-8", errors="replace")  # (batch, None)
        ids = self._id_of_code_point.lookup(tf.cast(points.flat_values, tf.int64))
        return points.with_flat_values(tf.cast(ids, tf.int32))

    def _places(self, strings):
        lengths = tf.cast(tf.strings.length(strings, "UTF8_CHAR"), tf.int64)
        places = tf.cast(tf.ragged.range(lengths), tf.int32)
        return places.with_flat_values(tf.stack([places.flat_values, places.flat_values + 1], 1))

    def _begins_word(self, ids):
        return after_space((self._texts_of(ids) == " ") | self._is_special(ids))

    def _decode(self, ids, keep):
        return tf.strings.reduce_join(tf.where(keep, self._texts_of(ids), ""), axis=1)

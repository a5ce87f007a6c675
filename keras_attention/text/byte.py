"""The tokenizer whose tokens are the bytes of UTF-8."""

import tensorflow as tf

from keras_attention.text.inputs import UNKNOWN_TEXT
from keras_attention.text.offsets import SPACE, after_space
from keras_attention.text.tokenizer import Tokenizer

FIRST_BYTE_ID = 4


class ByteTokenizer(Tokenizer):
    """A tokenizer whose tokens are the 256 bytes: byte `b` has id `4 + b`.

    It knows every text and learns nothing. Ids that do not spell valid UTF-8 are decoded with
    U+FFFD in place of what is broken. Core TensorFlow operations only.

    Args:
        lowercase: whether text is lower-cased first.
        normalization: `"none"`, `"nfc"` or `"nfkc"`.
        name: name of the `tf.Module`.

    Example:

    >>> from keras_attention import text
    >>> text.ByteTokenizer().encode(["né"]).to_list()
    [[114, 199, 173]]
    """

    kind = "byte"

    def __init__(self, lowercase=False, normalization="none", name=None):
        super().__init__(lowercase=lowercase, normalization=normalization, name=name)
        with tf.init_scope():
            values = [bytes([value]) for value in range(256)]
            names = [f"<0x{value:02X}>" for value in range(256)]
            names[0x20:0x7F] = [chr(value) for value in range(0x20, 0x7F)]
            self._texts = tf.constant([b"", UNKNOWN_TEXT.encode(), b"", b"", *values])
            self._names = tf.constant(["", "", "", "", *names])

    @property
    def vocabulary_size(self):
        """The number of ids: four special ones and 256 bytes."""
        return FIRST_BYTE_ID + 256

    @classmethod
    def train(cls, strings, lowercase=False, normalization="none"):
        """Make the tokenizer; there is nothing to learn, so `strings` is not read.

        Args:
            strings: ignored.
            lowercase: whether text is lower-cased first.
            normalization: `"none"`, `"nfc"` or `"nfkc"`.

        Returns:
            A `ByteTokenizer`.
        """
        return cls(lowercase=lowercase, normalization=normalization)

    def _encode(self, strings):
        values = tf.io.decode_raw(tf.strings.reduce_join(strings), tf.uint8)
        ids = tf.cast(values, tf.int32) + FIRST_BYTE_ID
        lengths = tf.strings.length(strings, unit="BYTE")
        return tf.RaggedTensor.from_row_lengths(ids, tf.cast(lengths, tf.int64), validate=False)

    def _places(self, strings):
        characters = tf.strings.unicode_split(strings, "UTF-8")
        counts = tf.strings.length(characters.flat_values, "BYTE")
        numbers = tf.ragged.range(characters.row_lengths()).flat_values
        place = tf.cast(tf.repeat(numbers, counts), tf.int32)
        places = tf.stack([place, place + 1], axis=1)
        lengths = tf.cast(tf.strings.length(strings, "BYTE"), tf.int64)
        return tf.RaggedTensor.from_row_lengths(places, lengths, validate=False)

    def _begins_word(self, ids):
        return after_space((ids == FIRST_BYTE_ID + SPACE) | self._is_special(ids))

    def _decode(self, ids, keep):
        inside = (ids >= 0) & (ids < self.vocabulary_size)
        texts = tf.gather(self._texts, tf.where(inside, ids, self.unknown_id))
        joined = tf.strings.reduce_join(tf.where(keep, texts, ""), axis=1)
        return tf.strings.unicode_transcode(joined, "UTF-8", "UTF-8", errors="replace")

    def _printable(self, ids):
        return tf.gather(self._names, ids)

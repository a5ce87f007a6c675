"""A question and the text that answers it, as one row of ids."""

import tensorflow as tf

from keras_attention.codecs.codec import Codec
from keras_attention.codecs.loading import load
from keras_attention.text.inputs import as_ids, as_strings

QUESTION, TEXT = "question", "text"
TOKENIZER_FOLDER = "tokenizer"
NO_PLACE = -1


class TextPair(Codec):
    """A question and the text that answers it, as one row of ids.

        ids        3 16 9 <s>  4 7 7 21 </s>
        segments   0  0 0   0  1 1 1  1    1

    The start token, which no text has, separates the two. Raw pairs are a dict of string tensors,
    `{"question": ..., "text": ...}`, or a tuple of both; an exported endpoint has these two inputs.

    Args:
        tokenizer: `keras_attention.text.Tokenizer` of both.
        name: name of the `tf.Module`.

    Attributes:
        tokenizer: `keras_attention.text.Tokenizer`.
        spec: dict of `tf.TensorSpec`, of `"question"` and `"text"`.
        separator_id: Integer. The id between the two.

    Example:

    >>> from keras_attention import text
    >>> pair = TextPair(text.CharacterTokenizer.train(["who?", "Ada"]))
    >>> raw = (["who?"], ["Ada."])
    >>> ids = pair.encode_source(raw)
    >>> pair.tokens(ids).numpy().tolist()
    [[b'w', b'h', b'o', b'?', b'<s>', b'A', b'd', b'a', b'<unk>', b'</s>']]
    >>> pair.segments(ids).numpy().tolist()
    [[0, 0, 0, 0, 0, 1, 1, 1, 1, 1]]
    >>> pair.answers(raw, begins=[5], ends=[7])["answer"].numpy().tolist()
    [b'Ada']
    """

    kind = "text_pair"
    spec = {QUESTION: tf.TensorSpec([None], tf.string), TEXT: tf.TensorSpec([None], tf.string)}

    def __init__(self, tokenizer, name=None):
        super().__init__(name=name)
        if not hasattr(tokenizer, "start_id"):
            raise ValueError(
                "Expected `tokenizer` to be a keras_attention.text.Tokenizer. "
                f"Received: tokenizer={tokenizer}"
            )
        self.tokenizer = tokenizer

    @property
    def vocabulary_size(self):
        """The number of ids, those of the tokenizer."""
        return self.tokenizer.vocabulary_size

    @property
    def separator_id(self):
        """The id between question and text: the start token of the tokenizer."""
        return self.tokenizer.start_id

    @property
    def needs_tensorflow_text(self):
        """Whether a file that holds the codec needs tensorflow-text to be loaded."""
        return self.tokenizer.needs_tensorflow_text

    @classmethod
    def train(cls, examples, kind="wordpiece", **options):
        """Learn a tokenizer from questions and texts.

        Args:
            examples: iterable of pairs of `str`, read once.
            kind: kind of tokenizer, see `keras_attention.text.train`.
            **options: those of the `train` method of that kind.

        Returns:
            A `TextPair`.
        """
        from keras_attention.text import train  # Tokenizers are built on codecs.

        return cls(train(kind, (part for pair in examples for part in pair), **options))

    def encode(self, raw):
        """Turn pairs into ids: question, separator, text.

        Args:
            raw: dict of `"question"` and `"text"`, or a tuple of both: lists, arrays or tensors of
                strings of shape `(batch,)`.

        Returns:
            An int32 `tf.RaggedTensor` of shape `(batch, None)`.
        """
        question, text = _parts(raw)
        return self._joined(question, self.tokenizer.encode(text))

    def encode_source(self, raw):
        """The same, each row ending in the end token."""
        question, text = _parts(raw)
        return self._joined(question, self.tokenizer.encode_source(text))

    def decode(self, encoded):
        """Turn ids into questions and texts.

        Args:
            encoded: integers of shape `(..., length)`, dense or ragged.

        Returns:
            Dict of string tensors of shape `(...)`, by `"question"` and `"text"`.
        """
        ids = as_ids(encoded, self.tokenizer.pad_id)
        is_text = self.segments(ids) == 1
        pad_id = self.tokenizer.pad_id
        return {
            QUESTION: self.tokenizer.decode(tf.where(is_text, pad_id, ids)),
            TEXT: self.tokenizer.decode(tf.where(is_text, ids, pad_id)),
        }

    def tokens(self, encoded):
        """Name each id for people, as the tokenizer does; the separator is `"<s>"`."""
        return self.tokenizer.tokens(encoded)

    def segments(self, encoded):
        """Which part each id belongs to.

        Args:
            encoded: integers of shape `(..., length)`, dense or ragged (ragged is padded).

        Returns:
            An int32 tensor of the same shape: 1 for the text and its end token, 0 for the question,
            the separator and padding.
        """
        ids = as_ids(encoded, self.tokenizer.pad_id)
        separated = tf.cumsum(tf.cast(ids == self.separator_id, tf.int32), axis=-1, exclusive=True)
        return tf.where(ids == self.tokenizer.pad_id, 0, tf.minimum(separated, 1))

    def offsets(self, raw, of=TEXT):
        """Where each token of `encode_source` stands in the text, or in the question, as given.

        Args:
            raw: as for `encode`.
            of: `"text"` or `"question"`.

        Returns:
            An int32 `tf.RaggedTensor` of shape `(batch, None, 2)`: begin and end in characters, see
            `keras_attention.text.Tokenizer.offsets`; -1 and -1 for tokens of the other part. The
            separator ends the question, as the end token ends the text.
        """
        if of not in self.spec:
            raise ValueError(f'Expected `of` to be "text" or "question". Received: of={of!r}')
        question, text = _parts(raw)
        offsets = self.tokenizer.offsets(question if of == QUESTION else text)
        others = self.tokenizer.encode(text if of == QUESTION else question).row_lengths() + 1
        others = tf.RaggedTensor.from_row_lengths(
            tf.fill([tf.reduce_sum(others), 2], NO_PLACE), others, validate=False
        )
        return tf.concat([offsets, others] if of == QUESTION else [others, offsets], axis=1)

    def answers(self, raw, begins, ends):
        """Parts of the texts, from the positions of their first and last token.

        Args:
            raw: as for `encode`.
            begins: integers of shape `(batch,)`: positions in `encode_source(raw)` of the first
                token of each answer, -1 for none.
            ends: integers of shape `(batch,)`: positions of the last token of each answer.

        Returns:
            Dict of `"answer"`, strings of shape `(batch,)`, and `"begin"` and `"end"`, int32 of
            shape `(batch,)`: the characters of the answer, `text[begin:end]` in Python. Where there
            is no answer, and where a position is none of the text: `""`, -1 and -1.
        """
        _, text = _parts(raw)
        offsets = self.offsets(raw).to_tensor(NO_PLACE)  # (batch, tokens, 2)
        begins, ends = tf.cast(begins, tf.int32), tf.cast(ends, tf.int32)
        begin, end = _at(offsets, begins)[:, 0], _at(offsets, ends)[:, 1]
        exists = (begin >= 0) & (end > begin)
        begin, end = tf.where(exists, begin, NO_PLACE), tf.where(exists, end, NO_PLACE)
        # Bytes that are no UTF-8 are counted as `offsets` counts them.
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
        position = tf.maximum(begin, 0)
        answer = tf.strings.substr(text, position, end - begin, unit="UTF8_CHAR")
        return {"answer": answer, "begin": begin, "end": end}

    def positions(self, raw, begins, ends):
        """Positions of the first and last token of parts of the texts, from their characters.

        Args:
            raw: as for `encode`.
            begins: integers of shape `(batch,)`: the first character of each part, -1 for none.
            ends: integers of shape `(batch,)`: the character behind the last.

        Returns:
            Two int32 tensors of shape `(batch,)`: positions in `encode_source(raw)` of the first
            and the last token that holds a character of the part; -1 and -1 where there is none.
        """
        offsets = self.offsets(raw).to_tensor(NO_PLACE)  # (batch, tokens, 2)
        begins, ends = tf.cast(begins, tf.int32)[:, None], tf.cast(ends, tf.int32)[:, None]
        first, behind = offsets[..., 0], offsets[..., 1]
        inside = (first < ends) & (behind > begins) & (behind > first) & (begins >= 0)
        place = tf.range(tf.shape(inside)[1])
        count = tf.shape(inside)[1]
        earliest = tf.reduce_min(tf.where(inside, place, count), axis=1)
        latest = tf.reduce_max(tf.where(inside, place, NO_PLACE), axis=1)
        return tf.where(latest < 0, NO_PLACE, earliest), latest

    def _joined(self, question, text_ids):
        question_ids = self.tokenizer.encode(question)
        separators = tf.fill([question_ids.nrows(), 1], self.separator_id)
        return tf.concat([question_ids, tf.cast(separators, tf.int32), text_ids], axis=1)

    def _save(self, folder):
        self.tokenizer.save(folder / TOKENIZER_FOLDER)
        return {}

    @classmethod
    def _load(cls, folder, options):
        return cls(load(folder / TOKENIZER_FOLDER), **options)


def _parts(raw):
    """Question and text as string tensors, from a dict or a pair."""
    if isinstance(raw, dict) and set(raw) == {QUESTION, TEXT}:
        raw = raw[QUESTION], raw[TEXT]
    if not isinstance(raw, tuple | list) or len(raw) != 2:
        raise ValueError(
            'Expected `raw` to be a dict of "question" and "text", or a tuple of both. '
            f"Received: raw={raw}"
        )
    return tuple(map(as_strings, raw))


def _at(offsets, positions):
    """The places of one token of each row, -1 for a position that there is not."""
    length = tf.shape(offsets)[1]
    exists = (positions >= 0) & (positions < length)
    places = tf.gather(offsets, tf.where(exists, positions, 0), batch_dims=1)  # (batch, 2)
    return tf.where(exists[:, None], places, NO_PLACE)

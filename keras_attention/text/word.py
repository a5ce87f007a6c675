"""The tokenizer whose tokens are words and punctuation marks."""

from collections import Counter

import tensorflow as tf

from keras_attention.text.offsets import in_order
from keras_attention.text.symbols import split_around_symbols, stand_in
from keras_attention.text.vocabulary import (
    FIRST_TEXT_ID,
    VocabularyTokenizer,
    id_table,
    most_common,
    normalized_batches,
)
from keras_attention.text.words import JOINER, have_joiner, join_words, split_at_spaces, split_words


class WordTokenizer(VocabularyTokenizer):
    """A tokenizer whose tokens are words, punctuation marks and ideographs.

    "##" at the head of a token says that no space stands before it (see `text.words`), so decoding
    gives the text back with every run of white space as one space. Core TensorFlow operations
    only.

    Args:
        vocabulary: the distinct words.
        split_punctuation: `False` splits at white space only, for text that is tokenised already
            (its tokens are joined by spaces again).
        lowercase: whether text is lower-cased first.
        normalization: `"none"`, `"nfc"` or `"nfkc"`.
        name: name of the `tf.Module`.

    Example:

    >>> from keras_attention import text
    >>> tokenizer = text.WordTokenizer.train(["3. Mai 2021", "3. Mai 1989"])
    >>> tokenizer.vocabulary
    ['##.', '3', 'Mai', '1989', '2021']
    >>> tokenizer.decode(tokenizer.encode(["3. Mai  1989"])).numpy().tolist()
    [b'3. Mai 1989']
    """

    kind = "word"

    def __init__(
        self,
        vocabulary,
        split_punctuation=True,
        lowercase=False,
        normalization="none",
        name=None,
    ):
        super().__init__(vocabulary, lowercase, normalization, name)
        self.split_punctuation = bool(split_punctuation)
        self._id_of_word = id_table(self._vocabulary, tf.string)

    @classmethod
    def train(
        cls,
        strings,
        vocabulary_size=None,
        minimum_count=1,
        split_punctuation=True,
        lowercase=False,
        normalization="none",
    ):
        """Learn the words of a corpus, the most frequent first, then by code points.

        Args:
            strings: iterable of `str` or `bytes`, read once.
            vocabulary_size: at most so many ids, the four special ones included; `None`: all.
            minimum_count: how often a word must occur to be kept.
            split_punctuation: whether punctuation is split from words.
            lowercase: whether text is lower-cased first.
            normalization: `"none"`, `"nfc"` or `"nfkc"`.

        Returns:
            A `WordTokenizer`.
        """
        counts = count_words(strings, split_punctuation, lowercase, normalization)
        limit = vocabulary_size and max(vocabulary_size - FIRST_TEXT_ID, 1)
        words = most_common(counts, limit, minimum_count)
        return cls(words, split_punctuation, lowercase, normalization)

    def get_config(self):
        """The arguments of the constructor as JSON values."""
        return {**super().get_config(), "split_punctuation": self.split_punctuation}

    def _split(self, strings):
        return split_words(strings) if self.split_punctuation else split_at_spaces(strings)

    def _places(self, strings):
        words = self._split(strings)
        lengths = tf.strings.length(words.flat_values, "UTF8_CHAR")
        if self.split_punctuation:
            lengths -= tf.where(have_joiner(words.flat_values), len(JOINER), 0)
        return in_order(strings, words.with_flat_values(lengths))

    def _begins_word(self, ids):
        if not self.split_punctuation:
            return tf.fill(tf.shape(ids), True)
        return ~have_joiner(self._texts_of(ids))

    def _encode(self, strings):
        words = self._split(strings)
        ids = self._id_of_word.lookup(words.flat_values)
        return words.with_flat_values(tf.cast(ids, tf.int32))

    def _decode(self, ids, keep):
        words = tf.where(keep, self._texts_of(ids), "")
        return join_words(words, JOINER if self.split_punctuation else None)


def count_words(strings, split_punctuation, lowercase, normalization, symbols=()):
    """How often each word of a corpus occurs, as a `Counter` of `str`; symbols are not counted."""
    counts = Counter()
    for texts in normalized_batches(strings, lowercase, normalization):
        texts = tf.constant(texts)
        words = (
            split_around_symbols(texts, symbols) if split_punctuation else split_at_spaces(texts)
        )
        counts.update(words.flat_values.numpy().tolist())
    places = {stand_in(number) for number in range(len(symbols))}
    decoded = {word.decode("utf-8"): count for word, count in counts.items()}
    return Counter({word: count for word, count in decoded.items() if word[-1] not in places})

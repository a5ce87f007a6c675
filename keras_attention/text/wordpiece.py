"""The tokenizer whose tokens are learnt pieces of words."""

import numpy as np
import tensorflow as tf

from keras_attention.errors import UserError
from keras_attention.text import byte_fallback as fallback
from keras_attention.text.byte_pairs import learn_pieces
from keras_attention.text.code_points import decode_strings
from keras_attention.text.inputs import UNKNOWN_TEXT
from keras_attention.text.offsets import in_order
from keras_attention.text.symbols import check_symbols, split_around_symbols, stand_in
from keras_attention.text.vocabulary import FIRST_TEXT_ID, NO_TEXT, VocabularyTokenizer
from keras_attention.text.word import count_words
from keras_attention.text.words import JOINER, has_joiner, have_joiner, join_words, without_joiner


class WordPieceTokenizer(VocabularyTokenizer):
    """A tokenizer that cuts words into pieces, each time the longest one it knows.

    Words are those of `text.words`; "##" at the head of a piece says that no space stands before
    it, be it inside a word or between a word and its comma. Decoding therefore gives the text back
    with every run of white space as one space. Unlike BERT's, a word with an unknown character is
    not lost: that character alone becomes the unknown token, or its bytes with `byte_fallback`.
    Core TensorFlow operations only.

    The pieces form a trie that all distinct words of a batch walk at the same time, one
    character a step.

    Args:
        vocabulary: the distinct pieces.
        lowercase: whether text is lower-cased first.
        normalization: `"none"`, `"nfc"` or `"nfkc"`.
        name: name of the `tf.Module`.
        byte_fallback: whether characters that no piece spells are spelt as bytes: 257 more ids, of
            the start of a word and of each byte. Ids that spell no UTF-8 are decoded as U+FFFD.
        user_defined_symbols: list of strings without white space, such as `["<br>"]`, that are
            always one token: two more ids each, at the start of a word and inside.

    Example:

    >>> from keras_attention import text
    >>> tokenizer = text.WordPieceTokenizer(["play", "##ing", "##ed", "##,"])
    >>> tokenizer.tokens(tokenizer.encode(["playing, played"])).numpy().tolist()
    [[b'play', b'##ing', b'##,', b'play', b'##ed']]

    Reference:
        Schuster and Nakajima (2012); Wu et al. (2016), section 4.1; Song et al. (2021), Fast
        WordPiece Tokenization (longest match first).
    """

    kind = "wordpiece"

    def __init__(
        self,
        vocabulary,
        lowercase=False,
        normalization="none",
        name=None,
        byte_fallback=False,
        user_defined_symbols=(),
    ):
        super().__init__(vocabulary, lowercase, normalization, name)
        self.byte_fallback = bool(byte_fallback)
        with tf.init_scope():
            symbols = check_symbols(user_defined_symbols, lowercase, normalization)
        self.user_defined_symbols = symbols
        places = [stand_in(number) for number in range(len(symbols))]
        edges, ids, self._inner_root = build_trie([*self._vocabulary, *_both_forms(places)])
        names = [*self._vocabulary, *_both_forms(symbols)]
        texts = [name.encode("utf-8") for name in names]
        self._first_fallback_id = FIRST_TEXT_ID + len(names)
        begins = [True] * FIRST_TEXT_ID + [not has_joiner(piece) for piece in self._vocabulary]
        lengths = [1] * FIRST_TEXT_ID + [len(without_joiner(piece)) for piece in self._vocabulary]
        begins += [True, False] * len(symbols)
        lengths += [len(symbol) for symbol in symbols for _ in range(2)]
        if self.byte_fallback:
            names, texts = names + fallback.NAMES, texts + fallback.TEXTS
            begins += [True] + [False] * 256
            lengths += fallback.LENGTHS
        with tf.init_scope():
            self._texts = tf.constant([b"", UNKNOWN_TEXT.encode(), b"", b"", *texts])
            self._names = tf.constant(["", UNKNOWN_TEXT, "", "", *names])
            self._begins = tf.constant(begins)  # Whether a piece begins a word.
            self._lengths = tf.constant(lengths)  # In characters, without "##".
            initializer = tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(edges), tf.int64), tf.constant(list(edges.values()), tf.int64)
            )
            self._child_of = tf.lookup.StaticHashTable(initializer, default_value=-1)
            self._id_of_node = tf.constant(ids)

    @classmethod
    def train(
        cls,
        strings,
        vocabulary_size=8000,
        minimum_count=2,
        lowercase=False,
        normalization="none",
        byte_fallback=False,
        user_defined_symbols=(),
    ):
        """Learn pieces from a corpus, by byte pair encoding (see `learn_pieces`).

        Args:
            strings: iterable of `str` or `bytes`, read once.
            vocabulary_size: at most so many ids, the special ones, symbols and bytes included; a
                small corpus gives fewer.
            minimum_count: how often a pair of pieces must occur to become one piece.
            lowercase: whether text is lower-cased first.
            normalization: `"none"`, `"nfc"` or `"nfkc"`.
            byte_fallback: whether characters that no piece spells are spelt as bytes.
            user_defined_symbols: list of strings that are always one token.

        Returns:
            A `WordPieceTokenizer`.

        Raises:
            UserError: there is no text, or no room for a piece in `vocabulary_size`.
        """
        symbols = check_symbols(user_defined_symbols, lowercase, normalization)
        counts = count_words(strings, True, lowercase, normalization, symbols)
        if not counts:
            raise UserError(NO_TEXT)
        fixed = FIRST_TEXT_ID + 2 * len(symbols) + (fallback.COUNT if byte_fallback else 0)
        if (byte_fallback or symbols) and vocabulary_size <= fixed:
            raise UserError(
                f"A WordPiece vocabulary with these symbols and bytes has {fixed} ids before the "
                "first piece is learned: take a larger vocabulary size, or fewer symbols, or no "
                "byte fallback. "
                f"Received: vocabulary_size={vocabulary_size}"
            )
        pieces = learn_pieces(counts, max(vocabulary_size - fixed, 1), minimum_count)
        options = {"byte_fallback": byte_fallback, "user_defined_symbols": symbols}
        return cls(pieces, lowercase, normalization, **options)

    @property
    def vocabulary_size(self):
        """The number of ids: special ones, pieces, symbols and bytes."""
        return self._first_fallback_id + (fallback.COUNT if self.byte_fallback else 0)

    def get_config(self):
        """The arguments of the constructor as JSON values."""
        return {
            **super().get_config(),
            "byte_fallback": self.byte_fallback,
            "user_defined_symbols": self.user_defined_symbols,
        }

    def _encode(self, strings):
        words = split_around_symbols(strings, self.user_defined_symbols)  # (batch, None)
        distinct, places = tf.unique(words.flat_values)
        ids = tf.gather(self._cut(distinct), places)  # (words of the batch, None)
        return words.with_flat_values(ids).merge_dims(1, 2)

    def _places(self, strings):
        ids = self._encode(strings)
        lengths = tf.gather(self._lengths, ids.flat_values)
        begins = tf.gather(self._begins, ids.flat_values)
        empty = lengths == 0
        return in_order(strings, ids.with_flat_values(lengths), empty & begins, empty & ~begins)

    def _begins_word(self, ids):
        inside = (ids >= 0) & (ids < self.vocabulary_size)
        return tf.gather(self._begins, tf.where(inside, ids, self.unknown_id))

    def _decode(self, ids, keep):
        text = join_words(tf.where(keep, self._texts_of(ids), ""))
        if not self.byte_fallback:
            return text
        text = tf.strings.regex_replace(text, fallback.TEXTS[0].decode(), "")
        return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")

    def _printable(self, ids):
        return tf.gather(self._names, ids)

    def _cut(self, words):
        """Cut words (count,) into the ids of their pieces (count, None)."""
        points = decode_strings(words)
        lengths = tf.cast(points.row_lengths(), tf.int32)
        points = points.to_tensor(-1)  # (count, longest)
        points = tf.pad(points, [[0, 0], [0, 1]], constant_values=-1)
        # Words that begin with "##" start behind it, where inner pieces start.
        attached = have_joiner(words)
        start = tf.where(attached, len(JOINER), 0)
        node = tf.where(attached, self._inner_root, 0)

        def more(step, start, *_):
            return tf.reduce_any(start < lengths)

        def advance(step, start, here, node, best_id, best_end, emitted):
            point = tf.gather(points, tf.minimum(here, lengths), batch_dims=1)
            child = self._child_of.lookup(edge(tf.cast(node, tf.int64), tf.cast(point, tf.int64)))
            child = tf.cast(child, tf.int32)
            walks = child >= 0
            ends_here = tf.where(walks, tf.gather(self._id_of_node, tf.maximum(child, 0)), 0)
            best_id = tf.where(ends_here > 0, ends_here, best_id)
            best_end = tf.where(ends_here > 0, here + 1, best_end)
            emits = ~walks & (start < lengths)
            emitted = emitted.write(
                step, tf.where(emits, self._or_spelt(best_id, start, points), 0)
            )
            start = tf.where(emits, best_end, start)
            here = tf.where(walks, here + 1, start)
            node = tf.where(walks, child, self._inner_root)
            best_id = tf.where(emits, self.unknown_id, best_id)
            best_end = tf.where(emits, start + 1, best_end)
            return step + 1, start, here, node, best_id, best_end, emitted

        emitted = tf.TensorArray(tf.int32, 1, dynamic_size=True, element_shape=[None])
        emitted = emitted.write(0, tf.zeros_like(start))
        unknown = tf.fill(tf.shape(start), self.unknown_id)
        state = (tf.constant(1), start, start, node, unknown, start + 1, emitted)
        *_, emitted = tf.while_loop(more, advance, state)
        ids = tf.transpose(emitted.stack())  # (count, steps)
        ids = tf.ragged.boolean_mask(ids, ids > 0)
        return fallback.spell(ids, self._first_fallback_id) if self.byte_fallback else ids

    def _or_spelt(self, ids, start, points):
        """Ids (count,), or for unknown ones the characters at `start`, for `spell`."""
        if not self.byte_fallback:
            return ids
        first = tf.gather(points, tf.minimum(start, tf.shape(points)[1] - 1), batch_dims=1)
        # A word that follows another one without a space starts behind its "##".
        return tf.where(ids == self.unknown_id, fallback.to_spell(first, start == 0), ids)


def _both_forms(words):
    """Each word as it begins a word, and as it follows without a space."""
    return [form for word in words for form in (word, JOINER + word)]


def edge(node, point):
    """The key of a trie edge."""
    return node * (1 << 21) + point


def build_trie(pieces):
    """The trie of pieces: edges to child nodes, the id that ends at each node, node of "##"."""
    edges, ids = {}, [0]

    def walk(text):
        node = 0
        for character in text:
            key = edge(node, ord(character))
            if key not in edges:
                edges[key] = len(ids)
                ids.append(0)
            node = edges[key]
        return node

    for number, piece in enumerate(pieces):
        ids[walk(piece)] = FIRST_TEXT_ID + number
    return edges, np.array(ids, np.int32), walk(JOINER)

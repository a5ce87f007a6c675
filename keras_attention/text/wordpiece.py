"""The tokenizer whose tokens are learnt pieces of words."""

import numpy as np
import tensorflow as tf

from keras_attention.errors import UserError
from keras_attention.text.byte_pairs import learn_pieces
from keras_attention.text.code_points import decode_strings
from keras_attention.text.vocabulary import FIRST_TEXT_ID, NO_TEXT, VocabularyTokenizer
from keras_attention.text.word import count_words
from keras_attention.text.words import JOINER, join_words, split_words


class WordPieceTokenizer(VocabularyTokenizer):
    """A tokenizer that cuts words into pieces, each time the longest one it knows.

    Words are those of `text.words`; "##" at the head of a piece says that no space stands before
    it, be it inside a word or between a word and its comma. Decoding therefore gives the text back
    with every run of white space as one space. Unlike BERT's, a word with an unknown character is
    not lost: that character alone becomes the unknown token. Core TensorFlow operations only.

    The pieces form a trie that all distinct words of a batch walk at the same time, one
    character a step.

    Args:
        vocabulary: the distinct pieces.
        lowercase: whether text is lower-cased first.
        normalization: `"none"`, `"nfc"` or `"nfkc"`.
        name: name of the `tf.Module`.

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

    def __init__(self, vocabulary, lowercase=False, normalization="none", name=None):
        super().__init__(vocabulary, lowercase, normalization, name)
        edges, ids, self._inner_root = build_trie(self._vocabulary)
        with tf.init_scope():
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
    ):
        """Learn pieces from a corpus, by byte pair encoding (see `learn_pieces`).

        Args:
            strings: iterable of `str` or `bytes`, read once.
            vocabulary_size: at most so many ids, the four special ones included; a small corpus
                gives fewer.
            minimum_count: how often a pair of pieces must occur to become one piece.
            lowercase: whether text is lower-cased first.
            normalization: `"none"`, `"nfc"` or `"nfkc"`.

        Returns:
            A `WordPieceTokenizer`.
        """
        counts = count_words(strings, True, lowercase, normalization)
        if not counts:
            raise UserError(NO_TEXT)
        pieces = learn_pieces(counts, max(vocabulary_size - FIRST_TEXT_ID, 1), minimum_count)
        return cls(pieces, lowercase, normalization)

    def _encode(self, strings):
        words = split_words(strings)  # (batch, None)
        distinct, places = tf.unique(words.flat_values)
        ids = tf.gather(self._cut(distinct), places)  # (words of the batch, None)
        return words.with_flat_values(ids).merge_dims(1, 2)

    def _decode(self, ids, keep):
        return join_words(tf.where(keep, self._texts_of(ids), ""))

    def _cut(self, words):
        """Cut words (count,) into the ids of their pieces (count, None)."""
        points = decode_strings(words)
        lengths = tf.cast(points.row_lengths(), tf.int32)
        points = points.to_tensor(-1)  # (count, longest)
        points = tf.pad(points, [[0, 0], [0, 1]], constant_values=-1)
        # Words that begin with "##" start behind it, where inner pieces start.
        attached = tf.strings.regex_full_match(words, f"{JOINER}.+")
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
            emitted = emitted.write(step, tf.where(emits, best_id, 0))
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
        return tf.ragged.boolean_mask(ids, ids > 0)


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

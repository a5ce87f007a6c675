"""Where the pieces of a tokenizer stand in the user's text, in characters (code points).

A tokenizer says where its pieces stand in the text as it reads it, which is normalised and maybe of
lower case; `in_source` moves that to the text as the user wrote it. Places are counted in each text
from 0, and rows of places have the shape `(batch, pieces, 2)`: begin and end of each piece.
"""

import tensorflow as tf

from keras_attention.text import unicode_tables as tables
from keras_attention.text.code_points import decode_strings, member

SPACE = 0x20
NO_WORD = -1


def in_order(strings, lengths, starts=None, continues=None):
    """Where pieces stand that follow each other, with nothing but white space between them.

    Args:
        strings: string tensor of shape `(batch,)`, valid UTF-8.
        lengths: int32 `tf.RaggedTensor` of shape `(batch, None)`. Characters of each piece; those
            of a text are as many as it has without its white space.
        starts: bool tensor of as many values. Pieces of no length that belong to the character
            behind them, if there are any.
        continues: bool tensor, as `starts`. Pieces that belong to the character before them.

    Returns:
        An int32 `tf.RaggedTensor` of shape `(batch, None, 2)`.
    """
    points = decode_strings(strings)
    solid = ~member(points.flat_values, tables.white_space_boundaries())
    solid = tf.cast(tf.where(solid)[:, 0], tf.int32)  # Places over the whole batch.
    ends = tf.cumsum(lengths.flat_values)
    begins = ends - lengths.flat_values
    if starts is not None:
        ends += tf.cast(starts, tf.int32)
        begins -= tf.cast(continues, tf.int32)
    pairs = tf.stack([tf.gather(solid, begins), tf.gather(solid, ends - 1) + 1], axis=1)
    return in_rows(lengths.with_flat_values(pairs), points)


def in_rows(pairs, points):
    """Places over the whole batch as places in each text.

    Args:
        pairs: int32 `tf.RaggedTensor` of shape `(batch, None, 2)`.
        points: ragged code points of the texts, `(batch, None)`.
    """
    return pairs.with_flat_values(pairs.flat_values - first_places(pairs, points))


def first_places(rows, points):
    """For each value of `rows` the place over the whole batch of the first character of its text.

    Args:
        rows: `tf.RaggedTensor` of shape `(batch, None, ...)`.
        points: ragged code points of the texts, `(batch, None)`.

    Returns:
        An int32 tensor of shape `(values, 1)`.
    """
    starts = tf.gather(points.row_starts(), rows.value_rowids())
    return tf.cast(starts, tf.int32)[:, None]


def in_source(pairs, normalized, source):
    """Places in normalised texts as places in the user's texts.

    Args:
        pairs: int32 `tf.RaggedTensor` of shape `(batch, None, 2)`.
        normalized: `Sourced` of the texts.
        source: ragged code points of the user's texts, `(batch, None)`.

    Returns:
        An int32 `tf.RaggedTensor` of shape `(batch, None, 2)`.
    """
    places = pairs.flat_values + first_places(pairs, normalized.points)
    begin, end = places[:, 0], places[:, 1]
    last = tf.reduce_sum(source.row_lengths())
    begins = tf.gather(tf.concat([normalized.begins, [tf.cast(last, tf.int32)]], 0), begin)
    ends = tf.gather(tf.concat([normalized.ends, [0]], 0), tf.maximum(end - 1, 0))
    moved = tf.stack([begins, tf.where(end > begin, ends, begins)], axis=1)
    return in_rows(pairs.with_flat_values(moved), source)


def without_spaces(pairs, points):
    """Places without the spaces at the ends of a piece; one that is nothing else stays.

    Args:
        pairs: int32 `tf.RaggedTensor` of shape `(batch, None, 2)`.
        points: ragged code points of the texts, `(batch, None)`.
    """
    places = pairs.flat_values + first_places(pairs, points)
    solid, ranks = _solid(points)
    first, last = tf.gather(ranks, places[:, 0]), tf.gather(ranks, places[:, 1]) - 1
    trimmed = tf.stack([_take(solid, first), _take(solid, last) + 1], axis=1)
    trimmed = tf.where((first <= last)[:, None], trimmed, places)
    return in_rows(pairs.with_flat_values(trimmed), points)


def numbers_of_words(pairs, points):
    """The number of the word that each piece begins.

    Words stand between single spaces (U+0020): `text.split(" ")`. A piece begins a word if it is
    the first one that holds a character of it.

    Args:
        pairs: int32 `tf.RaggedTensor` of shape `(batch, None, 2)`, places in the user's text.
        points: ragged code points of the user's texts, `(batch, None)`.

    Returns:
        An int32 `tf.RaggedTensor` of shape `(batch, None)`, -1 for a piece that begins none.
    """
    starts = first_places(pairs, points)
    places = pairs.flat_values + starts
    solid, ranks = _solid(points)
    rank = tf.gather(ranks, places[:, 0])
    has_characters = rank < tf.gather(ranks, places[:, 1])
    first = _take(solid, rank)
    spaces = first - rank  # Spaces before the character, in all texts of the batch.
    spaces -= starts[:, 0] - tf.gather(ranks, starts[:, 0])  # In its own text alone.
    kept = tf.cast(tf.where(has_characters), tf.int32)  # (kept, 1)
    words = tf.gather(spaces, kept[:, 0])
    keys = tf.stack([tf.gather(tf.cast(pairs.value_rowids(), tf.int32), kept[:, 0]), words], axis=1)
    same = tf.reduce_all(keys[1:] == keys[:-1], axis=1)
    is_first = tf.concat([tf.ones_like(words[:1], tf.bool), ~same], 0)
    numbers = tf.fill(tf.shape(spaces), NO_WORD)
    numbers = tf.tensor_scatter_nd_update(numbers, kept, tf.where(is_first, words, NO_WORD))
    return pairs.with_flat_values(numbers)


def _solid(points):
    """Places of what is no space, and how many of them stand before each place; over the batch."""
    solid = points.flat_values != SPACE
    ranks = tf.concat([[0], tf.cumsum(tf.cast(solid, tf.int32))], 0)
    return tf.cast(tf.where(solid)[:, 0], tf.int32), ranks


def _take(values, places):
    """Values at places; anything where there is none."""
    return tf.gather(tf.concat([values, [0]], 0), tf.clip_by_value(places, 0, tf.size(values)))


def after_space(spaces):
    """Whether each position is no space and stands behind one, or at the head of a row.

    Args:
        spaces: bool tensor of shape `(batch, length)`.
    """
    return ~spaces & tf.pad(spaces[:, :-1], [[0, 0], [1, 0]], constant_values=True)

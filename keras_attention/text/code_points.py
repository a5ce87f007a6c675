"""Graph operations on ragged code points: look up, replace, keep."""

import tensorflow as tf


def decode_strings(strings):
    """Strings (batch,) to ragged int32 code points (batch, None); broken bytes give U+FFFD."""
    return tf.strings.unicode_decode(strings, "UTF-8", errors="replace")


def encode_strings(points):
    """Ragged code points (batch, None) to strings (batch,)."""
    return tf.strings.unicode_encode(points, "UTF-8")


def member(points, boundaries):
    """Whether each code point lies in one of the ranges between even and odd boundaries."""
    return tf.searchsorted(tf.constant(boundaries), points, side="right") % 2 == 1


def find(keys, wanted):
    """The place of each wanted number among sorted keys, and whether it is there at all."""
    keys = tf.constant(keys)
    place = tf.minimum(tf.searchsorted(keys, wanted), tf.size(keys) - 1)
    return place, tf.gather(keys, place) == wanted


def look_up(mapping, wanted, default):
    """The value of each wanted number, or the default."""
    place, found = find(mapping.keys, wanted)
    return tf.where(found, tf.gather(tf.constant(mapping.values), place), default)


def expand(points, expansions):
    """Replace ragged code points by what the table gives for them, one or several each.

    Returns:
        The new ragged code points, and for each of them the flat place of the one it comes from.
    """
    flat = points.flat_values  # (total,)
    place, found = find(expansions.keys, flat)
    lengths = tf.where(found, tf.gather(tf.constant(expansions.lengths), place), 1)
    starts = tf.gather(tf.constant(expansions.starts), place)
    ends = tf.cumsum(lengths)
    source = tf.repeat(tf.range(tf.size(flat)), lengths)  # (new total,)
    offset = tf.range(tf.size(source)) - tf.gather(ends - lengths, source)
    # What is not in the table has length 1 and offset 0: its place in `values` exists, unused.
    replaced = tf.gather(tf.constant(expansions.values), tf.gather(starts, source) + offset)
    new = tf.where(tf.gather(found, source), replaced, tf.gather(flat, source))
    splits = tf.gather(tf.concat([[0], ends], 0), points.row_splits)
    new = tf.RaggedTensor.from_row_splits(new, tf.cast(splits, tf.int64), validate=False)
    return new, source


def keep_only(points, kept):
    """Drop the code points whose place in the flat bool vector `kept` is False."""
    ends = tf.concat([[0], tf.cumsum(tf.cast(kept, tf.int64))], 0)
    splits = tf.gather(ends, points.row_splits)
    flat = tf.boolean_mask(points.flat_values, kept)
    return tf.RaggedTensor.from_row_splits(flat, splits, validate=False)


def starts_row(points):
    """A flat bool vector: whether each code point is the first of its row."""
    count = tf.size(points.flat_values, tf.int64)
    hits = tf.math.unsorted_segment_sum(
        tf.ones_like(points.row_splits), points.row_splits, count + 1
    )
    return hits[:-1] > 0

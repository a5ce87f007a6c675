"""Unicode Normalization Forms C and KC as graph operations on whole batches.

The algorithm of Unicode Standard Annex 15, complete: canonical or compatibility decomposition,
canonical ordering, canonical composition. Nothing loops over characters: all segments of a batch (a
character and the marks that follow it) take a step of the composition together.
"""

from typing import NamedTuple

import tensorflow as tf

from keras_attention.text import unicode_tables as tables
from keras_attention.text.code_points import expand, keep_only, look_up, member, starts_row

SYLLABLE, LEAD, VOWEL, TAIL = 0xAC00, 0x1100, 0x1161, 0x11A7
SYLLABLES, LEADS, VOWELS, TAILS = 11172, 19, 21, 28


class Sourced(NamedTuple):
    """Code points, and which characters of a text each of them comes from.

    Places are counted over the whole batch, from the first character of the first text.
    """

    points: tf.RaggedTensor  # (batch, None)
    begins: tf.Tensor  # (all code points,) int32: the first of its characters
    ends: tf.Tensor  # (all code points,) int32: the one behind the last of its characters


def composed(points, form):
    """Normalise ragged code points.

    Args:
        points: int32 `tf.RaggedTensor` of shape `(batch, None)`.
        form: `"NFC"` or `"NFKC"`.

    Returns:
        A `Sourced`: the same in that Unicode Normalization Form, and which characters each code
        point comes from. Text that cannot change costs one look-up.

    Reference:
        Unicode Standard Annex 15 and The Unicode Standard, sections 3.11 and 3.12.
    """

    def change():
        expanded, source = expand(points, tables.decompositions(form))
        ordered, order = reorder(expanded)
        source = tf.gather(source, order)
        whole, owners = compose(ordered)
        return whole, *sources(owners, source, tf.size(whole.flat_values))

    def leave():
        return points, *unchanged(points)

    changeable = member(points.flat_values, tables.changeable_boundaries(form))
    return Sourced(*tf.cond(tf.reduce_any(changeable), change, leave))


def unchanged(points):
    """The `begins` and `ends` of code points that are those of the text."""
    places = tf.range(tf.size(points.flat_values))
    return places, places + 1


def sources(owners, source, count):
    """The `begins` and `ends` of composed code points.

    A mark that stands between two others which have changed their order, or joined its letter, has
    an interval inside theirs; it is widened so that begins and ends never decrease along a text.

    Args:
        owners: int32 tensor `(decomposed,)`, the place of the code point that each became part of.
        source: int32 tensor `(decomposed,)`, the place in the text that each comes from.
        count: scalar, how many code points there are after composition.
    """
    begins = tf.math.unsorted_segment_min(source, owners, count)
    ends = tf.math.unsorted_segment_max(source + 1, owners, count)
    return -running_maximum(-begins[::-1])[::-1], running_maximum(ends)


def running_maximum(values):
    """The largest of the values up to each place, in as many steps as their number has bits."""
    count = tf.size(values)

    def advance(step, values):
        return 2 * step, tf.maximum(values, tf.concat([values[:step], values[:-step]], 0))

    return tf.while_loop(
        lambda step, _: step < count,
        advance,
        (tf.constant(1), values),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None])),
    )[1]


def reorder(points):
    """Sort each run of marks by combining class, equal ones in their order (D108, D109).

    Returns:
        The sorted ragged code points, and the flat place where each one was.
    """
    flat = points.flat_values
    classes = tf.cast(look_up(tables.combining_classes(), flat, 0), tf.int64)
    count = tf.size(flat, tf.int64)
    run = tf.cumsum(tf.cast((classes == 0) | starts_row(points), tf.int64))
    order = tf.argsort((run * 256 + classes) * count + tf.range(count))  # distinct keys
    return points.with_flat_values(tf.gather(flat, order)), order


def compose(points):
    """Join each starter with the marks behind it that are not blocked (D115, D117).

    Returns:
        The ragged composed code points, and for each one of `points` the flat place among them of
        what it is part of.
    """
    flat = points.flat_values
    count = tf.size(flat)
    classes = look_up(tables.combining_classes(), flat, 0)
    heads = tf.where(~member(flat, tables.composable_boundaries()) | starts_row(points))[:, 0]
    heads = tf.cast(heads, tf.int32)  # (segments,)
    lengths = tf.concat([heads[1:], [count]], 0)[: tf.size(heads)] - heads

    def more(step, *_):
        return step < tf.reduce_max(tf.concat([[0], lengths], 0))

    def advance(step, flat, owners, starters, last_classes):
        segments = tf.where(lengths > step)  # (active, 1)
        places = tf.gather_nd(heads, segments) + step
        starter = tf.gather_nd(starters, segments)
        last_class = tf.gather_nd(last_classes, segments)
        own_class = tf.gather(classes, places)
        whole = composite(tf.gather(flat, starter), tf.gather(flat, places))
        joined = (whole >= 0) & ((last_class == 0) | (last_class < own_class))
        flat = tf.tensor_scatter_nd_update(
            flat, tf.boolean_mask(starter, joined)[:, None], tf.boolean_mask(whole, joined)
        )
        owner = tf.where(joined, starter, places)
        owners = tf.tensor_scatter_nd_update(owners, places[:, None], owner)
        new_starter = tf.where(~joined & (own_class == 0), places, starter)
        new_class = tf.where(joined, last_class, own_class)
        starters = tf.tensor_scatter_nd_update(starters, segments, new_starter)
        last_classes = tf.tensor_scatter_nd_update(last_classes, segments, new_class)
        return step + 1, flat, owners, starters, last_classes

    state = (tf.constant(1), flat, tf.range(count), heads, tf.zeros_like(heads))
    _, flat, owners, _, _ = tf.while_loop(more, advance, state)
    kept = owners == tf.range(count)
    place = tf.cumsum(tf.cast(kept, tf.int32)) - 1
    return keep_only(points.with_flat_values(flat), kept), tf.gather(place, owners)


def composite(first, second):
    """The code point that two adjacent ones make, or -1 (vectors of equal length)."""
    key = tf.cast(first, tf.int64) * (1 << 21) + tf.cast(second, tf.int64)
    whole = look_up(tables.compositions(), key, -1)

    lead, vowel, tail = first - LEAD, second - VOWEL, second - TAIL
    with_vowel = (lead >= 0) & (lead < LEADS) & (vowel >= 0) & (vowel < VOWELS)
    whole = tf.where(with_vowel, SYLLABLE + (lead * VOWELS + vowel) * TAILS, whole)

    syllable = first - SYLLABLE
    open_syllable = (syllable >= 0) & (syllable < SYLLABLES) & (syllable % TAILS == 0)
    with_tail = open_syllable & (tail > 0) & (tail < TAILS)
    return tf.where(with_tail, first + tail, whole)

"""Unicode Normalization Forms C and KC as graph operations on whole batches.

The algorithm of Unicode Standard Annex 15, complete: canonical or compatibility decomposition,
canonical ordering, canonical composition. Nothing loops over characters: all segments of a batch (a
character and the marks that follow it) take a step of the composition together.
"""

import tensorflow as tf

from keras_attention.text import unicode_tables as tables
from keras_attention.text.code_points import expand, keep_only, look_up, member, starts_row

SYLLABLE, LEAD, VOWEL, TAIL = 0xAC00, 0x1100, 0x1161, 0x11A7
SYLLABLES, LEADS, VOWELS, TAILS = 11172, 19, 21, 28


def composed(points, form):
    """Normalise ragged code points.

    Args:
        points: int32 `tf.RaggedTensor` of shape `(batch, None)`.
        form: `"NFC"` or `"NFKC"`.

    Returns:
        The same in that Unicode Normalization Form. Text that cannot change costs one look-up.

    Reference:
        Unicode Standard Annex 15 and The Unicode Standard, sections 3.11 and 3.12.
    """

    def change():
        return compose(reorder(expand(points, tables.decompositions(form))))

    def leave():
        return points

    changeable = member(points.flat_values, tables.changeable_boundaries(form))
    return tf.cond(tf.reduce_any(changeable), change, leave)


def reorder(points):
    """Sort each run of marks by combining class, equal ones in their order (D108, D109)."""
    flat = points.flat_values
    classes = tf.cast(look_up(tables.combining_classes(), flat, 0), tf.int64)
    count = tf.size(flat, tf.int64)
    run = tf.cumsum(tf.cast((classes == 0) | starts_row(points), tf.int64))
    order = tf.argsort((run * 256 + classes) * count + tf.range(count))  # distinct keys
    return points.with_flat_values(tf.gather(flat, order))


def compose(points):
    """Join each starter with the marks behind it that are not blocked (D115, D117)."""
    flat = points.flat_values
    count = tf.size(flat)
    classes = look_up(tables.combining_classes(), flat, 0)
    heads = tf.where(~member(flat, tables.composable_boundaries()) | starts_row(points))[:, 0]
    heads = tf.cast(heads, tf.int32)  # (segments,)
    lengths = tf.concat([heads[1:], [count]], 0)[: tf.size(heads)] - heads

    def more(step, *_):
        return step < tf.reduce_max(tf.concat([[0], lengths], 0))

    def advance(step, flat, kept, starters, last_classes):
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
        kept = tf.tensor_scatter_nd_update(kept, places[:, None], ~joined)
        new_starter = tf.where(~joined & (own_class == 0), places, starter)
        new_class = tf.where(joined, last_class, own_class)
        starters = tf.tensor_scatter_nd_update(starters, segments, new_starter)
        last_classes = tf.tensor_scatter_nd_update(last_classes, segments, new_class)
        return step + 1, flat, kept, starters, last_classes

    state = (tf.constant(1), flat, tf.fill([count], True), heads, tf.zeros_like(heads))
    _, flat, kept, _, _ = tf.while_loop(more, advance, state)
    return keep_only(points.with_flat_values(flat), kept)


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

"""Characters that a vocabulary lacks, spelt as the bytes of UTF-8."""

import tensorflow as tf

from keras_attention.text.words import BOUNDARY, JOINER

# The first of the ids says that a space stands before the bytes that follow, which are joined.
WORD_START = "▁"
COUNT = 1 + 256
NAMES = [WORD_START, *(f"<0x{value:02X}>" for value in range(256))]
# White space never reaches a vocabulary, so that this one is free to stand for nothing.
TEXTS = [BOUNDARY.encode(), *(JOINER.encode() + bytes([value]) for value in range(256))]
# In characters: the first of the bytes that spell one counts it.
LENGTHS = [0, *(0 if value // 0x40 == 2 else 1 for value in range(256))]
_SPELT = 1 << 22  # Beyond all ids and code points.
_STARTS = 1 << 23


def to_spell(points, starts):
    """Numbers that `spell` reads, among ids, as characters to spell.

    Args:
        points: int32 tensor of code points.
        starts: bool tensor of the same shape, whether a space stands before the character.

    Returns:
        An int32 tensor of the same shape.
    """
    return points + _SPELT + tf.where(starts, _STARTS, 0)


def spell(ids, first_id):
    """Ragged ids with the bytes of each character to spell in its place.

    Args:
        ids: int32 `tf.RaggedTensor` of shape `(batch, None)`, ids and what `to_spell` returned.
        first_id: the id of the start of a word; those of the bytes follow.

    Returns:
        An int32 `tf.RaggedTensor` of shape `(batch, None)`.
    """
    flat = ids.flat_values
    spelt, starts = flat >= _SPELT, flat >= _STARTS
    points = tf.where(spelt, flat % _SPELT, -1)
    values = utf8(points) + first_id + 1  # (ids, 4)
    start = tf.fill(tf.shape(flat), first_id)
    columns = tf.concat([tf.where(spelt, start, flat)[:, None], values], axis=1)  # (ids, 5)
    lengths = tf.cast(points >= 0, tf.int32)
    for limit in (0x80, 0x800, 0x10000):
        lengths += tf.cast(points >= limit, tf.int32)
    kept = tf.concat([(~spelt | starts)[:, None], tf.range(4) < lengths[:, None]], axis=1)
    return ids.with_flat_values(tf.ragged.boolean_mask(columns, kept)).merge_dims(1, 2)


def utf8(points):
    """The bytes of code points.

    Args:
        points: int32 tensor of shape `(count,)`.

    Returns:
        An int32 tensor of shape `(count, 4)`; where a character has fewer bytes, they come first.
    """

    zero = tf.zeros_like(points)
    last, third, second = (0x80 + points // 0x40**place % 0x40 for place in range(3))
    of_length = [
        (0x80, [points, zero, zero, zero]),
        (0x800, [0xC0 + points // 0x40, last, zero, zero]),
        (0x10000, [0xE0 + points // 0x40**2, third, last, zero]),
    ]
    values = tf.stack([0xF0 + points // 0x40**3, second, third, last], axis=1)
    for limit, columns in reversed(of_length):
        values = tf.where(points[:, None] < limit, tf.stack(columns, axis=1), values)
    return values

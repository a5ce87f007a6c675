"""Masks: bool, True = may attend, shaped `(batch, query, key)` once combined."""

from functools import reduce

from keras import ops


def padding_mask(ids, pad_id=0):
    """The positions that hold a token and not padding.

    Args:
        ids: Integer tensor of shape `(batch, length)`.
        pad_id: The id that fills up short rows.

    Returns:
        Bool tensor of shape `(batch, length)`.

    Example:

    >>> from keras_attention.ops import padding_mask
    >>> [bool(real) for real in padding_mask([[7, 5, 0]])[0]]
    [True, True, False]
    """
    return ops.not_equal(ids, pad_id)


def causal_mask(query_length, key_length):
    """The past and the present: position `i` attends to `j <= i`.

    Args:
        query_length: Number of query positions, an integer or a scalar tensor.
        key_length: Number of key positions, likewise.

    Returns:
        Bool tensor of shape `(1, query, key)`.
    """
    rows = ops.expand_dims(ops.arange(query_length, dtype="int32"), axis=-1)
    columns = ops.arange(key_length, dtype="int32")
    return ops.expand_dims(ops.greater_equal(rows, columns), axis=0)  # (1, query, key)


def combine_masks(query_mask=None, key_mask=None, attention_mask=None, causal=None):
    """The one mask that lets through what every given mask lets through.

    A query that `query_mask` rules out becomes a row that may attend to nothing; the normalisers
    turn such a row into zero weights.

    Args:
        query_mask: Bool tensor of shape `(batch, query)`, or None.
        key_mask: Bool tensor of shape `(batch, key)`, or None.
        attention_mask: Bool tensor of shape `(batch, query, key)` or `(query, key)`, or None.
        causal: Bool tensor of shape `(1, query, key)` as `causal_mask` makes it, or None.

    Returns:
        Bool tensor that broadcasts to `(batch, query, key)`, or None where no mask was given.
    """
    masks = []
    if query_mask is not None:
        masks.append(ops.expand_dims(_as_bool(query_mask), axis=-1))  # (batch, query, 1)
    if key_mask is not None:
        masks.append(ops.expand_dims(_as_bool(key_mask), axis=-2))  # (batch, 1, key)
    if attention_mask is not None:
        masks.append(_with_batch_axis(_as_bool(attention_mask)))  # (batch, query, key)
    if causal is not None:
        masks.append(_as_bool(causal))  # (1, query, key)
    return reduce(ops.logical_and, masks) if masks else None


def _as_bool(mask):
    return ops.cast(mask, "bool")


def _with_batch_axis(mask):
    return ops.expand_dims(mask, axis=0) if len(mask.shape) == 2 else mask

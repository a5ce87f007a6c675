"""Masks: bool, True = may attend, shaped `(batch, query, key)` once combined."""

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from keras import ops


@dataclass(frozen=True)
class Masks:
    """What rules positions out, each mask in its own small shape until all are needed as one.

    Cheap paths of attention never make the whole `(batch, query, key)` block; they read the parts.

    Args:
        query: Bool tensor of shape `(batch, query)`, or None. The context of a query that is False
            is zero.
        key: Bool tensor of shape `(batch, key)`, or None.
        attention: Bool tensor of shape `(batch, query, key)`, `(query, key)`, or with a heads axis
            second `(batch, heads, query, key)`, or None.
        causal: Whether query position `i` may attend to no key position after `i`.
    """

    query: Any = None
    key: Any = None
    attention: Any = None
    causal: bool = False

    def with_keys(self, key_mask):
        """The same masks, and `key_mask` with them.

        Args:
            key_mask: Bool tensor of shape `(batch, key)`, or None.

        Returns:
            A `Masks`.
        """
        if key_mask is None:
            return self
        key_mask = _as_bool(key_mask)
        return replace(
            self,
            key=key_mask if self.key is None else ops.logical_and(_as_bool(self.key), key_mask),
        )

    def dense(self, query_length, key_length, heads=False):
        """All masks as one.

        Args:
            query_length: Number of query positions, an integer or a scalar tensor.
            key_length: Number of key positions, likewise.
            heads: Whether to give the mask a heads axis second.

        Returns:
            Bool tensor that broadcasts to `(batch, query, key)`, or with `heads` to
            `(batch, heads, query, key)`; None where nothing is ruled out.
        """
        causal = causal_mask(query_length, key_length) if self.causal else None
        attention, parts = self.attention, []
        if attention is not None and len(attention.shape) == 4:
            parts, attention = [_as_bool(attention)], None
        mask = combine_masks(self.query, self.key, attention, causal)
        if mask is not None:
            parts.append(ops.expand_dims(mask, axis=1) if heads or parts else mask)
        return reduce(ops.logical_and, parts) if parts else None

    def at(self, query_positions, key_length):
        """The masks of chosen queries.

        Args:
            query_positions: Int32 tensor of shape `(chosen,)`.
            key_length: Number of key positions.

        Returns:
            A `Masks` for queries of length `chosen`.
        """
        query, attention = self.query, self.attention
        if query is not None:
            query = ops.take(query, query_positions, axis=1)
        if attention is not None:
            attention = ops.take(attention, query_positions, axis=-2)
        if self.causal:
            past = ops.expand_dims(query_positions, -1) >= ops.arange(key_length, dtype="int32")
            attention = past if attention is None else ops.logical_and(past, _as_bool(attention))
        return Masks(query, self.key, attention)

    def rows(self, query_length, key_length):
        """Which queries may attend to anything at all, without ever making the whole mask.

        Args:
            query_length: Number of query positions, an integer or a scalar tensor.
            key_length: Number of key positions, likewise.

        Returns:
            Bool tensor that broadcasts to `(batch, query)`, or None where every query may.
        """
        if self.attention is not None:
            mask = self.dense(query_length, key_length)  # the caller made a block as large already
            mask = mask if len(mask.shape) == 3 else ops.any(mask, axis=1)
            return ops.any(mask, axis=-1)
        rows = None
        if self.key is not None:
            rows = ops.any(_as_bool(self.key), axis=-1, keepdims=True)  # (batch, 1)
            if self.causal:
                first = ops.argmax(ops.cast(self.key, "int32"), axis=-1, keepdims=True)
                rows = ops.logical_and(rows, ops.arange(query_length) >= ops.cast(first, "int32"))
        if self.query is not None:
            query = _as_bool(self.query)
            rows = query if rows is None else ops.logical_and(rows, query)
        return rows


NO_MASKS = Masks()


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

"""Masks: bool, True = may attend, shaped `(batch, query, key)` once combined."""

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from keras import ops

from keras_attention.ops.fitting import as_bool, check_fits
from keras_attention.ops.relative_positions import past_mask


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
        causal: Whether a query may attend to no key position after its own.
        query_positions: Int32 tensor of shape `(query,)` or `(batch, query)`, where queries stand
            if `causal`, keys standing at 0, 1, ...; at 0, 1, ... too if None.
    """

    query: Any = None
    key: Any = None
    attention: Any = None
    causal: bool = False
    query_positions: Any = None

    @property
    def is_only_causal(self):
        """Whether there is no mask but `causal`, from the first key on, or none at all."""
        stand = self.query_positions if self.causal else None
        return all(mask is None for mask in (self.query, self.key, self.attention, stand))

    def with_keys(self, key_mask):
        """The same masks, and `key_mask` with them.

        Args:
            key_mask: Bool tensor of shape `(batch, key)`, or None.

        Returns:
            A `Masks`.
        """
        if key_mask is None:
            return self
        key_mask = as_bool(key_mask, "key_mask")
        if self.key is None:
            return replace(self, key=key_mask)
        check_fits("key_mask", key_mask, self.key.shape)
        return replace(self, key=ops.logical_and(as_bool(self.key, "value_mask"), key_mask))

    def fitted(self, scores_shape):
        """The same masks, none of which is of another length than the scores.

        Args:
            scores_shape: `(batch, heads, query, key)`, each an integer or a scalar tensor.

        Returns:
            A `Masks`, its `key` as long as there are keys.

        Raises:
            ValueError: If a mask does not broadcast to the scores, as far as sizes are known.
        """
        batch, _, query_length, key_length = scores_shape
        if self.query is not None:
            check_fits("query_mask", self.query, (batch, query_length))
        if self.key is not None:
            check_fits("value_mask", self.key, (batch, key_length))
        if self.attention is not None:
            shapes = {2: (query_length, key_length), 3: (batch, query_length, key_length)}
            whole = shapes.get(len(self.attention.shape), scores_shape)
            check_fits("attention_mask", self.attention, whole)
        if self.key is None or self.key.shape[-1] != 1:
            return self
        everywhere = ops.ones((1, key_length), dtype="bool")
        return replace(self, key=ops.logical_and(as_bool(self.key, "value_mask"), everywhere))

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
        attention, parts = self.attention, []
        if not self.causal and self.query is None and self.key is None and attention is None:
            return None
        causal = self._past(query_length, key_length) if self.causal else None
        if attention is not None and len(attention.shape) == 4:
            parts, attention = [as_bool(attention, "attention_mask")], None
        mask = combine_masks(self.query, self.key, attention, causal)
        if mask is not None:
            parts.append(ops.expand_dims(mask, axis=1) if heads or parts else mask)
        return reduce(ops.logical_and, parts) if parts else None

    def _past(self, query_length, key_length):
        if self.query_positions is None:
            return causal_mask(query_length, key_length)
        return past_mask(self.query_positions, ops.arange(key_length, dtype="int32"))

    def at(self, query_positions):
        """The masks of chosen queries.

        Args:
            query_positions: Int32 tensor of shape `(chosen,)`.

        Returns:
            A `Masks` for queries of length `chosen`, causal by where these stand.
        """
        stand = query_positions
        if self.query_positions is not None:
            stand = ops.take(self.query_positions, query_positions, axis=-1)
        return replace(
            self,
            query=rows_at(self.query, query_positions, axis=-1),
            attention=rows_at(self.attention, query_positions, axis=-2),
            query_positions=stand,
        )

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
            key = as_bool(self.key, "value_mask")
            rows = ops.any(key, axis=-1, keepdims=True)  # (batch, 1)
            if self.causal:
                first = ops.expand_dims(leading_padding(key), axis=-1)
                stand = self.query_positions
                stand = ops.arange(query_length, dtype="int32") if stand is None else stand
                rows = ops.logical_and(rows, stand >= first)
        if self.query is not None:
            query = as_bool(self.query, "query_mask")
            rows = query if rows is None else ops.logical_and(rows, query)
        return rows


NO_MASKS = Masks()


def rows_at(x, query_positions, axis):
    """The entries that belong to chosen queries.

    Args:
        x: Tensor with the queries, or one entry for all of them, along an axis; or None.
        query_positions: Int32 tensor of shape `(chosen,)`.
        axis: The number of the axis.

    Returns:
        Tensor with the chosen queries along the axis, or still one entry for all; None for None.
    """
    if x is None or x.shape[axis] == 1:
        return x
    return ops.take(x, query_positions, axis=axis)


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


def frames_mask(frames):
    """The positions up to the last frame that is not all zeros.

    Args:
        frames: Float tensor of shape `(batch, length, features)`, padded with zeros at the end. A
            frame of zeros before others is a frame.

    Returns:
        Bool tensor of shape `(batch, length)`.

    Example:

    >>> from keras_attention.ops.masks import frames_mask
    >>> [bool(real) for real in frames_mask(np.array([[[0.0], [7.0], [0.0]]]))[0]]
    [True, True, False]
    """
    filled = ops.cast(ops.any(ops.not_equal(frames, 0), axis=-1), "int32")  # (batch, length)
    before = ops.cumsum(filled, axis=-1) - filled
    return before < ops.sum(filled, axis=-1, keepdims=True)


def leading_padding(mask):
    """How many positions stand before the first real one.

    Args:
        mask: Bool tensor of shape `(batch, length)`, True = real.

    Returns:
        Int32 tensor of shape `(batch,)`; the length where no position is real.
    """
    before = ops.cumsum(ops.cast(as_bool(mask, "mask"), "int32"), axis=-1) == 0
    return ops.sum(ops.cast(before, "int32"), axis=-1)


def rolled(x, steps):
    """Rows moved to the left, each by its own number of steps; what falls out comes in behind.

    Args:
        x: Tensor of shape `(batch, length)` or `(batch, length, features)`.
        steps: Int32 tensor of shape `(batch,)` or `(1,)`, of numbers down to minus the length.

    Returns:
        Tensor of the shape of `x`.
    """
    batch, length = ops.shape(x)[:2]
    places = ops.expand_dims(steps, axis=-1) + ops.arange(length, dtype="int32")
    places = (places + length) % length + ops.arange(batch, dtype="int32")[:, None] * length
    moved = ops.take(ops.reshape(x, (-1, *x.shape[2:])), places, axis=0)
    return ops.reshape(moved, (batch, length, *x.shape[2:]))  # as JAX forgets of an empty batch


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
        masks.append(
            ops.expand_dims(as_bool(query_mask, "query_mask"), axis=-1)
        )  # (batch, query, 1)
    if key_mask is not None:
        masks.append(ops.expand_dims(as_bool(key_mask, "value_mask"), axis=-2))  # (batch, 1, key)
    if attention_mask is not None:
        masks.append(
            _with_batch_axis(as_bool(attention_mask, "attention_mask"))
        )  # (batch, query, key)
    if causal is not None:
        masks.append(as_bool(causal, "causal"))  # (1, query, key)
    return reduce(ops.logical_and, masks) if masks else None


def _with_batch_axis(mask):
    return ops.expand_dims(mask, axis=0) if len(mask.shape) == 2 else mask

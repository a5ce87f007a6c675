"""The scores of one block of rows: products, bias, masks and dropout."""

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops


@dataclass(frozen=True)
class BlockScores:
    """What makes scores of queries and keys, and drops weights, a block at a time.

    Args:
        masks: Bool tensors that broadcast to the scores, each axis of size 1 or that of the scores.
        causal: Whether query position `i` may attend to no key position after `i`.
        dropout: Share of the weights that are dropped.
        drawn: The seed that was drawn for it, or None.
        queries: Number of query positions in all, an integer or a scalar tensor.
    """

    masks: tuple
    causal: bool
    dropout: float
    drawn: Any
    queries: Any

    @property
    def tensors(self):
        """The masks and the seed, without those that are None."""
        return self.masks if self.drawn is None else (*self.masks, self.drawn)

    def with_tensors(self, tensors):
        """The same, with other tensors.

        Args:
            tensors: As `tensors` returns them.

        Returns:
            A `BlockScores`.
        """
        masks, (drawn, *_) = tensors[: len(self.masks)], (*tensors[len(self.masks) :], None)
        return replace(self, masks=masks, drawn=drawn)

    def __call__(self, blocks, index, query, key, value, bias=None):
        """The scores of a block.

        Args:
            blocks: A `RowBlocks`.
            index: Integer or scalar tensor, the number of the block.
            query: Scaled queries, float tensor of shape `(batch, all heads, query, dim)`.
            key: Float tensor of shape `(batch, all heads, key, dim)`.
            value: Not needed.
            bias: Float tensor that broadcasts to the scores, as the masks do, or None.

        Returns:
            Finite tensor of shape `(1, heads, rows, keys)`.
        """
        key = ops.swapaxes(blocks.memory(key, index), -2, -1)
        scores = ops.matmul(blocks.queries(query, index), key)  # (1, heads, rows, keys)
        if bias is not None:
            scores = scores + blocks.scores(bias, index)
        _, ruled_out, lowest = limits(scores)
        scores = ops.clip(scores, lowest, -lowest)
        for mask in self._masks(blocks, index):
            scores = ops.where(mask, scores, ruled_out)
        return scores

    def _masks(self, blocks, index):
        yield from (blocks.scores(mask, index) for mask in self.masks)
        if self.causal:
            rows = blocks.place(index)[2] + ops.arange(blocks.rows, dtype="int32")
            yield ops.expand_dims(rows, axis=-1) >= ops.arange(blocks.keys, dtype="int32")

    def dropping(self, blocks, index, scores):
        """The function that drops some of a block's weights, each time it is made the same ones.

        Args:
            blocks: A `RowBlocks`.
            index: Integer or scalar tensor, the number of the block.
            scores: The scores of the block; only their shape matters.

        Returns:
            Function of a tensor of the scores' shape that returns another one.
        """
        if not self.dropout:
            return lambda weights: weights
        number = ops.cast(index * self.queries + blocks.start, self.drawn.dtype)
        # Far enough apart that no block draws what another one draws in a later call.
        seed = ops.stack([self.drawn[0] + number * 1_000_003, self.drawn[1]])
        draws = keras.random.uniform(ops.shape(scores), seed=_Drawn(seed))
        kept = ops.cast(draws >= self.dropout, scores.dtype) / (1.0 - self.dropout)
        return lambda weights: weights * kept


class _Drawn(keras.random.SeedGenerator):
    """A seed that was drawn already: each who asks for it gets the same one."""

    def __init__(self, seed):
        self.seed = seed

    def next(self, ordered=True):
        return self.seed


def limits(scores):
    """Three low numbers whose differences are finite still.

    Args:
        scores: Float tensor.

    Returns:
        The lowest number there is, that of a score which is ruled out, and the lowest of all other
        scores (as in `normalizers`).
    """
    lowest = float(np.finfo(keras.backend.standardize_dtype(scores.dtype)).min)
    return lowest, lowest / 2, lowest / 4

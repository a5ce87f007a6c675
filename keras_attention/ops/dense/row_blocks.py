"""A matrix of scores in blocks of rows."""

import math
from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_attention.ops.accelerator import piece_bytes

# The scores of one block; they are read and written several times and should stay in a cache.
BLOCK_BYTES = 4 * 2**20
# Fewer rows would leave the matrix products too thin, whatever the number of keys.
LEAST_ROWS = 64
# Each stretch of rows skips the keys behind its last row, and is compiled once more.
CAUSAL_STRETCHES = 4


@dataclass(frozen=True)
class RowBlocks:
    """Query rows in blocks of equal size, all of which see the same keys.

    A block is `(1, heads, rows, keys)` of the scores `(batch, all heads, query, key)`. It is known
    by its index: the row counts fastest, then the group of heads, then the sentence.

    Args:
        start: The first query position.
        rows: Number of query positions of a block, an integer or a scalar tensor.
        blocks: Number of blocks behind one another.
        keys: Number of keys that are seen, the first ones, an integer or a scalar tensor.
        heads: Number of heads of a block.
        groups: Number of groups of so many heads.
    """

    start: int
    rows: Any
    blocks: int
    keys: Any
    heads: int
    groups: int

    def count(self, batch):
        """The number of blocks in all.

        Args:
            batch: Number of sentences, an integer or a scalar tensor.

        Returns:
            An integer or a scalar tensor.
        """
        return batch * self.groups * self.blocks

    def place(self, index):
        """Where a block begins.

        Args:
            index: Integer or scalar tensor below `count`.

        Returns:
            Triple of sentence, head and query position.
        """
        row = self.start + (index % self.blocks) * self.rows
        group = (index // self.blocks) % self.groups
        return index // (self.blocks * self.groups), group * self.heads, row

    def queries(self, x, index):
        """The block's part of the queries, or of what has one entry for each query.

        Args:
            x: Tensor of shape `(batch, all heads, query, dim)`.
            index: Integer or scalar tensor below `count`.

        Returns:
            Tensor of shape `(1, heads, rows, dim)`.
        """
        return ops.slice(x, (*self.place(index), 0), (1, self.heads, self.rows, x.shape[-1]))

    def memory(self, x, index):
        """The block's part of the keys or values.

        Args:
            x: Tensor of shape `(batch, all heads, key, dim)`.
            index: Integer or scalar tensor below `count`.

        Returns:
            Tensor of shape `(1, heads, keys, dim)`.
        """
        batch, head, _ = self.place(index)
        return ops.slice(x, (batch, head, 0, 0), (1, self.heads, self.keys, x.shape[-1]))

    def scores(self, x, index):
        """The block's part of what broadcasts to the scores.

        Args:
            x: Tensor of rank 4 that broadcasts to `(batch, all heads, query, key)`.
            index: Integer or scalar tensor below `count`.

        Returns:
            Tensor that broadcasts to `(1, heads, rows, keys)`.
        """
        sizes = (1, self.heads, self.rows, self.keys)
        sizes = [1 if whole == 1 else size for whole, size in zip(x.shape, sizes, strict=True)]
        return ops.slice(x, self._start_in(x, index), sizes)

    def add_to_queries(self, x, index, update):
        """Adds what `queries` would read.

        Args:
            x: Tensor of shape `(batch, all heads, query, dim)`.
            index: Integer or scalar tensor below `count`.
            update: Tensor of shape `(1, heads, rows, dim)`.

        Returns:
            Tensor of the shape of `x`.
        """
        return _add(x, (*self.place(index), 0), update)

    def add_to_memory(self, x, index, update):
        """Adds to keys or values that lie with their positions last.

        Args:
            x: Tensor of shape `(batch, all heads, dim, key)`.
            index: Integer or scalar tensor below `count`.
            update: Tensor of shape `(1, heads, dim, keys)`.

        Returns:
            Tensor of the shape of `x`.
        """
        batch, head, _ = self.place(index)
        return _add(x, (batch, head, 0, 0), update)

    def add_to_scores(self, x, index, update):
        """Adds what `scores` would read, summed along the axes that broadcast.

        Args:
            x: Tensor of rank 4 that broadcasts to `(batch, all heads, query, key)`.
            index: Integer or scalar tensor below `count`.
            update: Tensor of shape `(1, heads, rows, keys)`.

        Returns:
            Tensor of the shape of `x`.
        """
        axes = [axis for axis, size in enumerate(x.shape) if size == 1]
        if axes:
            update = ops.sum(update, axis=axes, keepdims=True)
        return _add(x, self._start_in(x, index), update)

    def join(self, x, batch):
        """Results of all blocks, side by side as the rows are.

        Args:
            x: Tensor of shape `(count, heads, rows, dim)`.
            batch: Number of sentences, an integer or a scalar tensor.

        Returns:
            Tensor of shape `(batch, all heads, rows of all blocks, dim)`.
        """
        dim = x.shape[-1]
        x = ops.reshape(x, (batch, self.groups, self.blocks, self.heads, self.rows, dim))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (batch, self.groups * self.heads, self.blocks * self.rows, dim))

    def _start_in(self, x, index):
        return [
            0 if whole == 1 else place
            for whole, place in zip(x.shape, (*self.place(index), 0), strict=True)
        ]


def _add(x, start, update):
    return ops.slice_update(x, start, ops.slice(x, start, ops.shape(update)) + update)


def cut_rows(heads, query_length, key_length, causal=False):
    """All rows of a matrix of scores, cut into blocks.

    With `causal`, the rows are cut into a few stretches first; each sees no key behind its last
    row, so that 3/8 of the work is saved. Where a length is not known before the run, one block is
    one head.

    Args:
        heads: Number of heads.
        query_length: Number of query positions, an integer or a scalar tensor.
        key_length: Number of key positions, likewise.
        causal: Whether query position `i` attends to no key position after `i`.

    Returns:
        List of `RowBlocks`, in the order of the rows.
    """
    if not (isinstance(query_length, int) and isinstance(key_length, int)):
        return [RowBlocks(0, query_length, 1, key_length, 1, heads)]
    stretches = min(CAUSAL_STRETCHES, query_length) if causal else 1
    edges = [query_length * number // stretches for number in range(stretches + 1)]
    cuts = []
    for start, stop in zip(edges, edges[1:], strict=False):
        cuts += _cut_stretch(start, stop, min(stop, key_length) if causal else key_length, heads)
    return cuts


def _cut_stretch(start, stop, keys, heads):
    """Blocks of nearly equal size; what is left over is a block of its own."""
    fitting = max(LEAST_ROWS, piece_bytes(BLOCK_BYTES) // (4 * keys))
    length = stop - start
    rows = math.ceil(length / math.ceil(length / fitting))
    at_once = max(n for n in range(1, heads + 1) if heads % n == 0 and n <= max(1, fitting // rows))
    cut = RowBlocks(start, rows, length // rows, keys, at_once, heads // at_once)
    rest = start + cut.blocks * rows
    return [cut] if rest == stop else [cut, *_cut_stretch(rest, stop, keys, heads)]

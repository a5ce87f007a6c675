"""Attention of queries in blocks, each block to some parts of the keys."""

from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_attention.ops.fitting import as_bool
from keras_attention.ops.sparse.pattern_call import cut_or_filled


@dataclass(frozen=True)
class Part:
    """Some keys of each query: their scores, which of them count, and their values.

    Queries are in groups that share their keys: a block of neighbours, all queries, or all queries
    at one place of their blocks.

    Args:
        scores: Float tensor of shape `(batch, heads, groups, size, keys)`.
        mask: Bool tensor of shape `(batch or 1, 1, groups, size, keys)`.
        value: Float tensor of shape `(batch, heads, groups, keys, value_dim)`.
        across: Whether a group holds one query of each block, and not a block.
    """

    scores: Any
    mask: Any
    value: Any
    across: bool = False

    def rows(self, x):
        """Groups laid out in the order of the queries.

        Args:
            x: Tensor of shape `(batch, heads, groups, size, dim)`.

        Returns:
            Tensor of shape `(batch, heads, query, dim)`.
        """
        x = ops.swapaxes(x, 2, 3) if self.across else x
        batch, heads, groups, size, dim = ops.shape(x)
        return ops.reshape(x, (batch, heads, groups * size, dim))

    def groups(self, x):
        """The inverse of `rows`.

        Args:
            x: Tensor of shape `(batch, heads, query, dim)`.

        Returns:
            Tensor of shape `(batch, heads, groups, size, dim)`.
        """
        batch, heads, _, dim = ops.shape(x)
        groups, size = ops.shape(self.scores)[2:4]
        shape = (size, groups) if self.across else (groups, size)
        x = ops.reshape(x, (batch, heads, *shape, dim))
        return ops.swapaxes(x, 2, 3) if self.across else x

    def context(self, weights):
        """The sum of the values, each times its weight.

        Args:
            weights: Float tensor of shape `(batch, heads, query, keys)`.

        Returns:
            Tensor of shape `(batch, heads, query, value_dim)`.
        """
        weights = self.groups(ops.cast(weights, self.value.dtype))
        return self.rows(ops.matmul(weights, self.value))


class Blocks:
    """The queries of a `PatternCall` in blocks, and the parts of its keys in which they look.

    `attend` is attention to several parts at once. Parts may hold the same key twice: `counts`, a
    function of query and key positions, says where a key counts, so that each counts once.

    Args:
        call: A `PatternCall`.
        size: Number of positions in a block; the last block is filled up.
    """

    def __init__(self, call, size):
        self.call = call
        self.size = size
        self.count = (call.query_length + size - 1) // size
        self.queries = split_blocks(call.query, size, self.count)
        first = ops.expand_dims(ops.arange(self.count, dtype="int32"), axis=-1) * size
        first = first + call.query_start
        self.positions = first + ops.arange(size, dtype="int32")  # (blocks, size)

    def neighbours(self, left, right, counts=None):
        """The keys of the block itself and of those around it.

        Args:
            left: How many blocks before it.
            right: How many blocks behind it.
            counts: See the class.

        Returns:
            A `Part`.
        """
        call = self.call
        width = ops.arange((left + 1 + right) * self.size, dtype="int32") - left * self.size
        return self._part(
            (self.queries, self.positions),
            lambda x: neighbouring_blocks(x, self.size, self.count, left, right, halo=call.halo),
            self.positions[:, :1] + width,
            counts,
            is_even=True,
        )

    def chosen(self, numbers, counts=None):
        """The keys of other blocks, which each block chooses.

        Args:
            numbers: Int32 tensor of shape `(blocks, chosen)`. A block that is not there counts
                nowhere.
            counts: See the class.

        Returns:
            A `Part`.
        """
        there = ops.clip(numbers, 0, self._key_blocks - 1)
        positions = ops.expand_dims(numbers * self.size, -1) + ops.arange(self.size, dtype="int32")
        return self._part(
            (self.queries, self.positions),
            lambda x: chosen_blocks(self._split_keys(x), there),
            ops.reshape(positions, (self.count, numbers.shape[1] * self.size)),
            counts,
            source=self.call.whole,
        )

    def first(self, number, counts=None):
        """The first keys of all, for every query.

        Args:
            number: How many keys.
            counts: See the class.

        Returns:
            A `Part`.
        """
        whole = self.call.whole
        return self._part(
            self._all_queries(),
            lambda x: x[:, :, None, :number],
            ops.arange(whole.key_length, dtype="int32")[None, :number],
            counts,
            is_even=True,
            source=whole,
        )

    def ends(self, number, counts=None):
        """The last keys of each block, for every query.

        Args:
            number: How many keys of a block.
            counts: See the class.

        Returns:
            A `Part`.
        """
        first = ops.expand_dims(ops.arange(self._key_blocks, dtype="int32"), -1) * self.size
        positions = first + ops.arange(self.size - number, self.size, dtype="int32")
        return self._part(
            self._all_queries(),
            lambda x: merge_blocks(self._split_keys(x)[:, :, :, self.size - number :]),
            ops.reshape(positions, (1, self._key_blocks * number)),
            counts,
            source=self.call.whole,
        )

    def columns(self, counts=None):
        """The keys that stand in their block where the query stands in its own.

        Args:
            counts: See the class.

        Returns:
            A `Part`.
        """
        first = ops.arange(self._key_blocks, dtype="int32") * self.size
        positions = ops.expand_dims(ops.arange(self.size, dtype="int32"), axis=-1) + first
        return self._part(
            (ops.swapaxes(self.queries, 2, 3), ops.transpose(self.positions)),
            lambda x: ops.swapaxes(self._split_keys(x), 2, 3),
            positions,
            counts,
            across=True,
        )

    def attend(self, parts):
        """Attention to the keys of all parts together.

        Args:
            parts: List of `Part`s.

        Returns:
            Pair of context `(batch, heads, query, value_dim)` and which queries may attend to
            anything, a bool tensor that broadcasts to `(batch, query)`.
        """
        scores = [part.rows(part.scores) for part in parts]
        scores = scores[0] if len(parts) == 1 else ops.concatenate(scores, axis=-1)
        mask = [part.rows(part.mask) for part in parts]
        mask = mask[0] if len(parts) == 1 else ops.concatenate(mask, axis=-1)
        weights = self.call.weigh(scores, mask)  # (batch, heads, blocks * size, keys)
        context, start = 0, 0
        for part in parts:
            stop = start + ops.shape(part.scores)[4]
            context = context + part.context(weights[..., start:stop])
            start = stop
        length = self.call.query_length
        return context[:, :, :length], ops.any(mask, axis=(1, 3))[:, :length]

    @property
    def _key_blocks(self):
        return (self.call.whole.key_length + self.size - 1) // self.size

    def _split_keys(self, x):
        return split_blocks(x, self.size, self._key_blocks)

    def _all_queries(self):
        """All queries as one group."""
        positions = ops.reshape(self.positions, (1, self.count * self.size))
        return merge_blocks(self.queries), positions

    def _part(
        self, queries, choose, key_positions, counts, across=False, is_even=False, source=None
    ):
        """A `Part` of the keys that `choose` takes from a call, this one if not given.

        Args:
            queries: Pair of queries `(batch, heads, groups, size, dim)` and their positions
                `(groups, size)`.
            choose: Function from `(batch, heads, key, dim)` to
                `(batch, heads, groups or 1, keys, dim)`.
            key_positions: Int32 tensor of shape `(groups or 1, keys)`.
            is_even: Whether positions count without gaps, and distances are alike in all groups.
        """
        call, (query, query_positions) = source or self.call, queries
        rows, columns = query_positions[:, :, None], key_positions[:, None]
        mask = call.visible(rows, columns)
        if counts is not None:
            mask = ops.logical_and(mask, counts(rows, columns))
        mask = mask[None, None]  # (1, 1, groups, size, keys)
        if call.masks.key is not None:
            key_mask = ops.cast(as_bool(call.masks.key, "value_mask"), "int32")
            key_mask = choose(key_mask[:, None, :, None])
            key_mask = ops.cast(ops.swapaxes(key_mask, 3, 4), "bool")
            mask = ops.logical_and(mask, key_mask)  # (batch, 1, groups, size, keys)
        scores = call.scores(query, choose(call.key))  # (batch, heads, groups, size, keys)
        if call.bias is not None:
            bias = group_bias(call.bias, query, query_positions, key_positions, is_even)
            scores = scores if bias is None else scores + ops.cast(bias, scores.dtype)
        return Part(scores, mask, choose(call.value), across)


def group_bias(bias, query, query_positions, key_positions, is_even):
    """What positions add to the scores of groups of queries.

    Args:
        bias: Function `(query, query_positions, key_positions)`, as `Position.bias`.
        query: Float tensor of shape `(batch, heads, groups, size, dim)`.
        query_positions: Int32 tensor of shape `(groups, size)`.
        key_positions: Int32 tensor of shape `(groups or 1, keys)`.
        is_even: Whether positions count without gaps, and distances are alike in all groups.

    Returns:
        Float tensor that broadcasts to `(batch, heads, groups, size, keys)`, or None.
    """
    batch, heads, groups, size, dim = ops.shape(query)
    # To the function, groups are a batch.
    query = ops.reshape(ops.swapaxes(query, 1, 2), (batch * groups, heads, size, dim))
    if is_even:
        positions = query_positions[0], key_positions[0]
    else:
        positions = (_of_all(x, batch, groups) for x in (query_positions, key_positions))
    result = bias(query, *positions)
    if result is None:
        return None
    if result.shape[0] == 1:
        return ops.expand_dims(result, axis=2)  # (1, heads, 1, size, keys)
    result = ops.reshape(result, (batch, groups, *ops.shape(result)[1:]))
    return ops.swapaxes(result, 1, 2)  # (batch, heads, groups, size, keys)


def _of_all(positions, batch, groups):
    """`(groups or 1, length)` as `(batch * groups, length)`."""
    length = ops.shape(positions)[1]
    positions = ops.broadcast_to(positions[None], (batch, groups, length))
    return ops.reshape(positions, (batch * groups, length))


def split_blocks(x, size, count):
    """A sequence in blocks.

    Args:
        x: Tensor of shape `(batch, heads, length, dim)`.
        size: Length of a block.
        count: Number of blocks, an integer or a scalar tensor; what is missing is filled up with
            zeros, what is too much is left out.

    Returns:
        Tensor of shape `(batch, heads, count, size, dim)`.
    """
    x = cut_or_filled(x, 0, count * size)
    batch, heads, _, dim = ops.shape(x)
    return ops.reshape(x, (batch, heads, count, size, dim))


def merge_blocks(x):
    """All blocks as one.

    Args:
        x: Tensor of shape `(batch, heads, count, size, dim)`.

    Returns:
        Tensor of shape `(batch, heads, 1, count * size, dim)`.
    """
    batch, heads, count, size, dim = ops.shape(x)
    return ops.reshape(x, (batch, heads, 1, count * size, dim))


def neighbouring_blocks(x, size, count, left, right, halo=0):
    """Each block together with those around it.

    Args:
        x: Tensor of shape `(batch, heads, length, dim)`.
        size, count: As in `split_blocks`.
        left: How many blocks before it.
        right: How many blocks behind it.
        halo: Where in `x` the first block begins.

    Returns:
        Tensor of shape `(batch, heads, count, (left + 1 + right) * size, dim)`, zeros for what lies
        outside of the sequence.
    """
    total = left + count + right
    blocks = split_blocks(cut_or_filled(x, left * size - halo, total * size), size, total)
    views = [blocks[:, :, shift : shift + count] for shift in range(left + 1 + right)]
    return views[0] if len(views) == 1 else ops.concatenate(views, axis=3)


def chosen_blocks(blocks, numbers):
    """For each block, other blocks side by side.

    Args:
        blocks: Tensor of shape `(batch, heads, all, size, dim)`.
        numbers: Int32 tensor of shape `(count, chosen)`, numbers of blocks.

    Returns:
        Tensor of shape `(batch, heads, count, chosen * size, dim)`.
    """
    batch, heads, _, size, dim = ops.shape(blocks)
    count, chosen = ops.shape(numbers)
    taken = ops.take(blocks, numbers, axis=2)  # (batch, heads, count, chosen, size, dim)
    return ops.reshape(taken, (batch, heads, count, chosen * size, dim))

"""Attention in the strided and the fixed pattern of sparse transformers."""

from keras import ops

from keras_attention.ops.masks import NO_MASKS
from keras_attention.ops.normalizers import softmax
from keras_attention.ops.sparse.blocks import Blocks
from keras_attention.ops.sparse.pattern_call import PatternCall, attend_in_stretches, pattern_mask


def strided_allowed(query_positions, key_positions, stride):
    """The strided pattern: positions nearer than the stride, and every `stride`-th from the query.

    `|i - j| <= stride`, or `(i - j) mod stride = 0`.

    Args:
        query_positions: Int32 tensor of positions `i`.
        key_positions: Int32 tensor of positions `j`, which broadcasts against them.
        stride: A positive integer, best near the square root of the length.

    Returns:
        Bool tensor, True = may attend.

    Reference:
        Child et al., 2019, "Generating Long Sequences with Sparse Transformers", section 4.3: with
        a causal mask beside it, the union of both of its sets.
    """
    distance = ops.abs(query_positions - key_positions)
    return ops.logical_or(distance <= stride, ops.equal(distance % stride, 0))


def strided_mask(query_length, key_length, stride):
    """The mask of the strided pattern.

    Args:
        query_length: Number of query positions, an integer or a scalar tensor.
        key_length: Number of key positions, likewise.
        stride: See `strided_allowed`.

    Returns:
        Bool tensor of shape `(1, query, key)`.
    """
    return pattern_mask(lambda i, j: strided_allowed(i, j, stride), query_length, key_length)


def strided_attention(
    query,
    key,
    value,
    stride,
    masks=NO_MASKS,
    scale=None,
    weigh=softmax,
    bias=None,
    return_rows=False,
):
    """Attention of each position to those nearer than the stride, and to every `stride`-th.

    Equal to dense attention under `strided_mask`. Written in rows of `stride` positions, a query
    looks at its row, at those around it, and at its column: `3 * stride + key / stride` scores a
    query, which a stride near the square root of the length makes least.

    Where that would save nothing, or `masks.attention` is given, the whole block is computed.

    Args:
        query, key, value, masks, scale, weigh, bias, return_rows: See `window_attention`.
        stride: A positive integer.

    Returns:
        As `window_attention`.

    Example:

    >>> from keras import random
    >>> from keras_attention.ops import Masks, strided_attention
    >>> x = random.normal((2, 5, 31, 7))
    >>> tuple(strided_attention(x, x, x, 5, Masks(causal=True), scale=7**-0.5).shape)
    (2, 5, 31, 7)

    Reference:
        Child et al., 2019, "Generating Long Sequences with Sparse Transformers", section 4.3, both
        sets as one (equation 7).
    """

    def allowed(query_positions, key_positions):
        return strided_allowed(query_positions, key_positions, stride)

    def in_other_rows(query_positions, key_positions):
        rows = key_positions // stride - query_positions // stride
        return (rows < -1) | (rows > right)

    right = 0 if masks.causal else 1
    call = PatternCall(query, key, value, allowed, masks, scale, weigh, bias)
    if call.is_dense(keys=(2 + right) * stride) or stride == 1:
        return call.result(*call.dense_rows(), return_rows)
    blocks = Blocks(call, stride)
    parts = [blocks.neighbours(1, right), blocks.columns(counts=in_other_rows)]
    return call.result(*blocks.attend(parts), return_rows)


def fixed_allowed(query_positions, key_positions, block_length, summary_length=1):
    """The fixed pattern: the query's own block, and the last positions of every block.

    `i div block_length = j div block_length`, or
    `j mod block_length >= block_length - summary_length`.

    Args:
        query_positions: Int32 tensor of positions `i`.
        key_positions: Int32 tensor of positions `j`, which broadcasts against them.
        block_length: A positive integer, best near the square root of the length.
        summary_length: How many positions at the end of a block all others may attend to.

    Returns:
        Bool tensor, True = may attend.

    Reference:
        Child et al., 2019, "Generating Long Sequences with Sparse Transformers", section 4.3: with
        a causal mask beside it, the union of both of its sets.
    """
    own_block = ops.equal(query_positions // block_length, key_positions // block_length)
    summary = key_positions % block_length >= block_length - summary_length
    return ops.logical_or(own_block, summary)


def fixed_mask(query_length, key_length, block_length, summary_length=1):
    """The mask of the fixed pattern.

    Args:
        query_length: Number of query positions, an integer or a scalar tensor.
        key_length: Number of key positions, likewise.
        block_length, summary_length: See `fixed_allowed`.

    Returns:
        Bool tensor of shape `(1, query, key)`.
    """
    return pattern_mask(
        lambda i, j: fixed_allowed(i, j, block_length, summary_length), query_length, key_length
    )


def fixed_attention(
    query,
    key,
    value,
    block_length,
    summary_length=1,
    masks=NO_MASKS,
    scale=None,
    weigh=softmax,
    bias=None,
    return_rows=False,
    at_once=False,
):
    """Attention of each position to its own block, and to the end of every block.

    Equal to dense attention under `fixed_mask`: `block_length + summary_length * key /
    block_length` scores a query.

    Where that would save nothing, or `masks.attention` is given, the whole block is computed.

    Args:
        query, key, value, masks, scale, weigh, bias, return_rows, at_once: See `window_attention`.
        block_length: A positive integer, best near the square root of the length.
        summary_length: How many positions at the end of a block all others may attend to.

    Returns:
        As `window_attention`.

    Example:

    >>> from keras import random
    >>> from keras_attention.ops import Masks, fixed_attention
    >>> x = random.normal((2, 5, 31, 7))
    >>> tuple(fixed_attention(x, x, x, 5, 2, Masks(causal=True), scale=7**-0.5).shape)
    (2, 5, 31, 7)

    Reference:
        Child et al., 2019, "Generating Long Sequences with Sparse Transformers", section 4.3, both
        sets as one (equation 7).
    """

    def allowed(query_positions, key_positions):
        return fixed_allowed(query_positions, key_positions, block_length, summary_length)

    def in_other_blocks(query_positions, key_positions):
        return key_positions // block_length != query_positions // block_length

    def attend(call):
        blocks = Blocks(call, block_length)
        ends = blocks.ends(summary_length, counts=in_other_blocks)
        return blocks.attend([blocks.neighbours(0, 0), ends])

    call = PatternCall(query, key, value, allowed, masks, scale, weigh, bias)
    keys = block_length + summary_length * (call.key_length // block_length)
    if call.is_dense(keys):
        return call.result(*call.dense_rows(), return_rows)
    context, rows = attend_in_stretches(call, attend, block_length, 0, 0, keys, at_once)
    return call.result(context, rows, return_rows)

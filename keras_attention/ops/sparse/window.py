"""Attention in a sliding window, and to global tokens."""

from keras import ops

from keras_attention.ops.masks import NO_MASKS
from keras_attention.ops.normalizers import softmax
from keras_attention.ops.sparse.blocks import Blocks
from keras_attention.ops.sparse.pattern_call import PatternCall, attend_in_stretches, pattern_mask

# Below this size of a block, products of matrices are no faster.
SMALLEST_BLOCK = 16


def window_reach(window):
    """How far a window reaches.

    Args:
        window: An integer, the window's size as Beltagy et al. count it: `window // 2` positions to
            each side. Or a pair, the numbers of positions before and after the query.

    Returns:
        Pair of integers: how many positions before and how many after the query.

    Raises:
        ValueError: If a number is negative, or not an integer.
    """
    sides = (window // 2,) * 2 if isinstance(window, int) and window > 0 else window
    is_pair = isinstance(sides, tuple | list) and len(sides) == 2
    if not is_pair or not all(isinstance(side, int) and side >= 0 for side in sides):
        raise ValueError(
            "Expected `window` to be a positive integer, or a pair of integers that are not "
            f"negative. Received: window={window!r}"
        )
    return tuple(sides)


def window_allowed(query_positions, key_positions, window, global_tokens=0):
    """The sliding window: near positions, and the first tokens, which see and are seen by all.

    `-before <= j - i <= after`, or `i < global_tokens`, or `j < global_tokens`.

    Args:
        query_positions: Int32 tensor of positions `i`.
        key_positions: Int32 tensor of positions `j`, which broadcasts against them.
        window: See `window_reach`.
        global_tokens: How many positions at the start are global.

    Returns:
        Bool tensor, True = may attend.

    Reference:
        Beltagy, Peters and Cohan, 2020, "Longformer: The Long-Document Transformer", section 3.1.
    """
    before, after = window_reach(window)
    distance = key_positions - query_positions
    allowed = ops.logical_and(distance >= -before, distance <= after)
    if global_tokens == 0:
        return allowed
    is_global = ops.logical_or(query_positions < global_tokens, key_positions < global_tokens)
    return ops.logical_or(allowed, is_global)


def window_mask(query_length, key_length, window, global_tokens=0):
    """The mask of the sliding window.

    Args:
        query_length: Number of query positions, an integer or a scalar tensor.
        key_length: Number of key positions, likewise.
        window, global_tokens: See `window_allowed`.

    Returns:
        Bool tensor of shape `(1, query, key)`.

    Example:

    >>> from keras import ops
    >>> from keras_attention.ops import window_mask
    >>> ops.convert_to_numpy(ops.cast(window_mask(3, 4, window=2), "int32")).tolist()
    [[[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1]]]
    """
    return pattern_mask(
        lambda i, j: window_allowed(i, j, window, global_tokens), query_length, key_length
    )


def window_attention(
    query,
    key,
    value,
    window,
    global_tokens=0,
    masks=NO_MASKS,
    scale=None,
    weigh=softmax,
    bias=None,
    return_rows=False,
    at_once=False,
):
    """Attention of each position to those near it, in time and memory linear in the length.

    Equal to dense attention under `window_mask`. Queries are taken in blocks, keys in the blocks
    around them: of the `query * key` scores only about `3 / 2 * window` a query are computed.
    Global tokens add a block of `global_tokens` scores to every query, and a full row each.

    Where the window covers all keys, or `masks.attention` is given, the whole block is computed.

    Args:
        query: Float tensor of shape `(batch, heads, query, dim)`.
        key: Float tensor of shape `(batch, key_heads, key, dim)`.
        value: Float tensor of shape `(batch, key_heads, key, value_dim)`.
        window: The window's size, `window // 2` positions to each side, or a pair of how many
            positions before and after the query.
        global_tokens: How many positions at the start attend to all and are attended to by all.
        masks: `keras_attention.ops.Masks`.
        scale: A number that multiplies the scores, or None.
        weigh: Function `(scores, mask) -> weights` over the last axis of
            `(batch, heads, query, some keys)`, such as the normalisers.
        bias: Function `(query, query_positions, key_positions)` of what is added to the scores, as
            `keras_attention.layers.Position.bias`, or None.
        return_rows: Whether to return which queries may attend to anything as well.
        at_once: Whether to attend from all queries at once. Otherwise long inputs of known length
            are computed one stretch after the other, which is faster and smaller forwards, slower
            backwards, and not for a `weigh` that draws random numbers.

    Returns:
        Context of shape `(batch, heads, query, value_dim)`, and with `return_rows` a bool tensor
        that broadcasts to `(batch, query)`.

    Example:

    >>> from keras import random
    >>> from keras_attention.ops import window_attention
    >>> query, memory = random.normal((2, 5, 31, 7)), random.normal((2, 5, 31, 7))
    >>> tuple(window_attention(query, memory, memory, window=4, scale=7**-0.5).shape)
    (2, 5, 31, 7)

    Reference:
        Beltagy, Peters and Cohan, 2020, "Longformer: The Long-Document Transformer", section 3.1.
    """

    def allowed(query_positions, key_positions):
        return window_allowed(query_positions, key_positions, window, global_tokens)

    before, after = window_reach(window)
    after = 0 if masks.causal else after
    size = max(SMALLEST_BLOCK, (before + after + 1) // 2)
    left, right = -(-before // size), -(-after // size)  # blocks to each side that hold the window
    call = PatternCall(query, key, value, allowed, masks, scale, weigh, bias)
    width = (left + 1 + right) * size + global_tokens
    if call.is_dense(width):
        return call.result(*call.dense_rows(), return_rows)

    def attend(call):
        blocks = Blocks(call, size)
        if global_tokens == 0:
            return blocks.attend([blocks.neighbours(left, right)])
        near = blocks.neighbours(left, right, counts=lambda i, j: j >= global_tokens)
        return blocks.attend([blocks.first(global_tokens), near])

    context, rows = attend_in_stretches(call, attend, size, left, right, width, at_once)
    if global_tokens:
        context, rows = call.with_first_rows(context, rows, global_tokens)
    return call.result(context, rows, return_rows)

"""Attention of blocks to near, global and random blocks."""

from keras import ops

from keras_attention.ops.masks import NO_MASKS
from keras_attention.ops.normalizers import softmax
from keras_attention.ops.sparse.blocks import Blocks
from keras_attention.ops.sparse.pattern_call import PatternCall, attend_in_stretches, pattern_mask
from keras_attention.ops.sparse.random_blocks import random_key_block
from keras_attention.ops.sparse.window import window_allowed


def check_window_blocks(window_blocks):
    """Refuses a window of blocks without a middle.

    Args:
        window_blocks: How many blocks the window holds, the query's own in the middle.

    Raises:
        ValueError: If the number is even.
    """
    if window_blocks % 2 == 0:
        raise ValueError(
            "Expected `window_blocks` to be odd: the query's own block is in the middle. "
            f"Received: window_blocks={window_blocks}"
        )


def block_sparse_allowed(
    query_positions,
    key_positions,
    block_length,
    window_blocks=3,
    global_blocks=1,
    random_blocks=0,
    random_seed=0,
):
    """The pattern of BigBird: blocks of positions that see near, global and random blocks.

    With `a` the block of the query and `b` that of the key: `|a - b| <= window_blocks // 2`, or
    `a < global_blocks`, or `b < global_blocks`, or `b` is one of the random blocks of `a`.

    Args:
        query_positions: Int32 tensor of positions `i`.
        key_positions: Int32 tensor of positions `j`, which broadcasts against them.
        block_length: Number of positions in a block.
        window_blocks: How many blocks the window holds, the query's own in the middle: an odd
            number.
        global_blocks: How many blocks at the start are global.
        random_blocks: How many blocks each block draws; see `random_key_block`.
        random_seed: Integer that chooses them.

    Returns:
        Bool tensor, True = may attend.

    Reference:
        Zaheer et al., 2020, "Big Bird: Transformers for Longer Sequences", section 2 and appendix D
        (BigBird-ITC).
    """
    check_window_blocks(window_blocks)
    query_block, key_block = query_positions // block_length, key_positions // block_length
    allowed = window_allowed(query_block, key_block, window_blocks, global_blocks)
    for slot in range(random_blocks):
        drawn = random_key_block(query_block, slot, window_blocks, random_seed)
        allowed = ops.logical_or(allowed, ops.equal(key_block, drawn))
    return allowed


def block_sparse_mask(query_length, key_length, block_length, **blocks):
    """The mask of BigBird's pattern.

    Args:
        query_length: Number of query positions, an integer or a scalar tensor.
        key_length: Number of key positions, likewise.
        block_length: Number of positions in a block.
        **blocks: `window_blocks`, `global_blocks`, `random_blocks` and `random_seed`, see
            `block_sparse_allowed`.

    Returns:
        Bool tensor of shape `(1, query, key)`.
    """
    return pattern_mask(
        lambda i, j: block_sparse_allowed(i, j, block_length, **blocks), query_length, key_length
    )


def block_sparse_attention(
    query,
    key,
    value,
    block_length,
    window_blocks=3,
    global_blocks=1,
    random_blocks=0,
    random_seed=0,
    masks=NO_MASKS,
    scale=None,
    weigh=softmax,
    bias=None,
    return_rows=False,
    at_once=False,
):
    """Attention of blocks of positions to the blocks around them, the first, and random ones.

    Equal to dense attention under `block_sparse_mask`, in time and memory linear in the length:
    `(window_blocks + global_blocks + random_blocks) * block_length` scores a query, and full rows
    for the queries of global blocks.

    Where that covers all keys, or `masks.attention` is given, the whole block is computed.

    Args:
        query, key, value, masks, scale, weigh, bias, return_rows, at_once: See `window_attention`.
        block_length: Number of positions in a block.
        window_blocks, global_blocks, random_blocks, random_seed: See `block_sparse_allowed`.

    Returns:
        As `window_attention`.

    Example:

    >>> from keras import random
    >>> from keras_attention.ops import block_sparse_attention
    >>> x = random.normal((2, 5, 31, 7))
    >>> tuple(block_sparse_attention(x, x, x, block_length=3, random_blocks=2).shape)
    (2, 5, 31, 7)

    Reference:
        Zaheer et al., 2020, "Big Bird: Transformers for Longer Sequences", section 2 and appendix D
        (BigBird-ITC).
    """
    near = {"window_blocks": window_blocks, "global_blocks": global_blocks}

    def allowed(query_positions, key_positions):
        drawn = {"random_blocks": random_blocks, "random_seed": random_seed}
        return block_sparse_allowed(query_positions, key_positions, block_length, **near, **drawn)

    def behind_global(query_positions, key_positions):
        return key_positions >= global_blocks * block_length

    left = window_blocks // 2
    right = 0 if masks.causal else left
    # Half of the draws look ahead: under a causal mask they need not be computed.
    slots = range(0, random_blocks, 2 if masks.causal else 1)
    keys = (left + 1 + right + global_blocks + len(slots)) * block_length
    call = PatternCall(query, key, value, allowed, masks, scale, weigh, bias)
    if call.is_dense(keys):
        return call.result(*call.dense_rows(), return_rows)

    def attend(call):
        blocks = Blocks(call, block_length)
        parts = [blocks.neighbours(left, right, counts=behind_global)]
        if global_blocks:
            parts.insert(0, blocks.first(global_blocks * block_length))
        if slots:
            parts.append(_random_part(blocks, slots, near, random_seed))
        return blocks.attend(parts)

    context, rows = attend_in_stretches(call, attend, block_length, left, right, keys, at_once)
    if global_blocks:
        context, rows = call.with_first_rows(context, rows, global_blocks * block_length)
    return call.result(context, rows, return_rows)


def _random_part(blocks, slots, near, random_seed):
    """The keys of the random blocks, where no other part and no earlier draw has them."""
    numbers = blocks.positions[:, 0] // blocks.size
    draws = [random_key_block(numbers, slot, near["window_blocks"], random_seed) for slot in slots]
    numbers = ops.stack(draws, axis=-1)  # (blocks, chosen)
    before = ops.expand_dims(ops.arange(len(slots)), -1) > ops.arange(len(slots))
    same = ops.equal(ops.expand_dims(numbers, -1), ops.expand_dims(numbers, -2))
    repeated = ops.any(ops.logical_and(same, before), axis=-1)  # (blocks, chosen)
    is_new = ops.repeat(ops.logical_not(repeated), blocks.size, axis=-1)[:, None]

    def counts(query_positions, key_positions):
        queries, keys = query_positions // blocks.size, key_positions // blocks.size
        return ops.logical_and(
            is_new, ops.logical_not(block_sparse_allowed(queries, keys, 1, **near))
        )

    return blocks.chosen(numbers, counts)

"""Sparse patterns: which query attends to which key, by their positions alone.

`<name>_allowed` is the definition of a pattern, elementwise: two int32 tensors of positions that
broadcast against each other, and a bool tensor, True = may attend. `<name>_mask` is the same for
all positions of two lengths, `(1, query, key)`. `<name>_attention` in `window`, `strided` and
`block_sparse` computes only what a pattern allows.

No pattern here is causal by itself; a causal mask beside it makes it so.
"""

from keras import ops

from keras_attention.ops.random_blocks import random_key_block


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
    if not _are_counts(sides):
        raise ValueError(
            "Expected `window` to be a positive integer, or a pair of integers that are not "
            f"negative. Received: window={window!r}"
        )
    return tuple(sides)


def _are_counts(sides):
    is_pair = isinstance(sides, tuple | list) and len(sides) == 2
    return is_pair and all(isinstance(side, int) and side >= 0 for side in sides)


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


def pattern_mask(allowed, query_length, key_length):
    """A pattern's mask for the positions 0, 1, ... of queries and keys.

    Args:
        allowed: Function of query and key positions, such as `window_allowed`.
        query_length: Number of query positions, an integer or a scalar tensor.
        key_length: Number of key positions, likewise.

    Returns:
        Bool tensor of shape `(1, query, key)`.
    """
    rows = ops.expand_dims(ops.arange(query_length, dtype="int32"), axis=-1)
    columns = ops.arange(key_length, dtype="int32")
    return ops.expand_dims(allowed(rows, columns), axis=0)


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

"""Sequences cut into blocks, and blocks put side by side."""

from keras import ops


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


def cut_or_filled(x, before, total):
    """A sequence brought to another length.

    Args:
        x: Tensor of shape `(batch, heads, length, dim)`.
        before: How many zeros to put in front.
        total: The length of the result, an integer or a scalar tensor. Zeros fill up what is
            missing at the end, and what is too much is left out.

    Returns:
        Tensor of shape `(batch, heads, total, dim)`.
    """
    after = total - before - ops.shape(x)[2]
    is_known = isinstance(after, int)
    after = max(after, 0) if is_known else ops.maximum(after, 0)
    if not is_known or before or after:
        x = ops.pad(x, ((0, 0), (0, 0), (before, after), (0, 0)))
    return x[:, :, :total]

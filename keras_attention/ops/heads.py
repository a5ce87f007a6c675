"""Splitting features into heads, and heads that share keys and values."""

from keras import ops

from keras_attention.ops.projection import is_known, known_shape


def split_heads(x, num_heads, like=None):
    """Features to heads.

    Args:
        x: Tensor of shape `(batch, length, num_heads * dim)`.
        num_heads: Number of heads.
        like: A tensor with the first two axes of `x`, `x` itself if not given. Of the product of a
            tensor and a matrix, tf2onnx 1.17 takes the shape for that of the flattened product:
            then the factor is given here.

    Returns:
        Tensor of shape `(batch, num_heads, length, dim)`.
    """
    like, dim = x if like is None else like, x.shape[-1] // num_heads
    if like.shape[1] == 1 and is_known(like.shape[:2]):  # a step of a decoder: nothing to transpose
        return ops.reshape(x, (*known_shape(like.shape[:1]), num_heads, 1, dim))
    batch, length, _ = ops.shape(like)
    return ops.transpose(ops.reshape(x, (batch, length, num_heads, dim)), (0, 2, 1, 3))


def join_heads(x):
    """The inverse of `split_heads`.

    Args:
        x: Tensor of shape `(batch, heads, length, dim)`.

    Returns:
        Tensor of shape `(batch, length, heads * dim)`.
    """
    heads, dim = x.shape[1], x.shape[3]
    if x.shape[2] == 1 and is_known(x.shape[:1]):
        return ops.reshape(x, (*known_shape(x.shape[:1]), 1, heads * dim))
    batch, _, length, _ = ops.shape(x)
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (batch, length, heads * dim))


def repeat_heads(x, num_heads):
    """Key and value heads, each repeated for the query heads that share it.

    Args:
        x: Tensor of shape `(batch, key_value_heads, key, dim)`.
        num_heads: Number of query heads, a multiple of `key_value_heads`.

    Returns:
        Tensor of shape `(batch, num_heads, key, dim)`; `x` itself where nothing is shared.
    """
    repeats = num_heads // x.shape[1]
    return x if repeats == 1 else ops.repeat(x, repeats, axis=1)


def group_rows(x, num_groups):
    """Heads that share a key head, written as one head with more rows: no copy is made.

    Args:
        x: Tensor of shape `(batch, heads, query, dim)`.
        num_groups: Number of key heads.

    Returns:
        Tensor of shape `(batch, num_groups, heads / num_groups * query, dim)`.
    """
    return _with_heads(x, num_groups)


def ungroup_rows(x, num_heads):
    """The inverse of `group_rows`.

    Args:
        x: Tensor of shape `(batch, num_groups, heads / num_groups * query, dim)`.
        num_heads: Number of query heads.

    Returns:
        Tensor of shape `(batch, num_heads, query, dim)`.
    """
    return _with_heads(x, num_heads)


def _with_heads(x, heads):
    """The same numbers with another number of heads, and as many rows less or more."""
    batch, before, rows, dim = ops.shape(x)
    if before == heads:
        return x
    # Of an empty tensor a reshape cannot find the rows out.
    rows = rows * before // heads if 0 in tuple(x.shape) else -1
    return ops.reshape(x, (batch, heads, rows, dim))

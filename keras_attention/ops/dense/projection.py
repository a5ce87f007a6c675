"""Projections, and their features as heads."""

from keras import ops


def project(x, kernel, bias=None):
    """`x kernel + bias` at every position.

    Where all sizes but one are known, the positions are made one axis here: TensorFlow would else
    look the shape up in the run, in more operations than there are in the rest of a decoder's step.
    From rank 4 on `tensordot` does it where they are not: on processors with AVX-512, TensorFlow
    2.21 (oneDNN) writes past the end of its memory where a tensor of shape
    `(batch, 1, length, dim)` is multiplied by one matrix.

    Args:
        x: Float tensor of shape `(..., dim)`.
        kernel: Float tensor of shape `(dim, features)`.
        bias: Float tensor of shape `(features,)`, or None. Runtimes add it in the product.

    Returns:
        Float tensor of shape `(..., features)`.
    """
    leading = x.shape[:-1]
    is_flat = (
        len(leading) > 1
        and list(leading).count(None) <= 1
        and 0 not in leading
        and None not in (x.shape[-1], *kernel.shape)
    )
    if is_flat:
        product = ops.matmul(ops.reshape(x, (-1, x.shape[-1])), kernel)
    elif len(leading) < 3:
        product = ops.matmul(x, kernel)
    else:
        product = ops.tensordot(x, kernel, axes=1)
    if bias is not None:
        product = product + bias
    if not is_flat:
        return product
    sizes = [-1 if size is None else size for size in leading]
    return ops.reshape(product, (*sizes, kernel.shape[-1]))


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
    batch, length = like.shape[:2]
    if length == 1 and batch != 0:  # a step of a decoder: nothing to transpose
        return ops.reshape(x, (-1 if batch is None else batch, num_heads, 1, dim))
    batch, length, _ = ops.shape(like)
    return ops.transpose(ops.reshape(x, (batch, length, num_heads, dim)), (0, 2, 1, 3))


def join_heads(x):
    """The inverse of `split_heads`.

    Args:
        x: Tensor of shape `(batch, heads, length, dim)`.

    Returns:
        Tensor of shape `(batch, length, heads * dim)`.
    """
    batch, heads, length, dim = x.shape
    if length == 1 and batch != 0:
        return ops.reshape(x, (-1 if batch is None else batch, 1, heads * dim))
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

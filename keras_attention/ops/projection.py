"""One matrix for every position."""

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
    features_known = None not in (x.shape[-1], *kernel.shape)
    if len(leading) > 1 and features_known and is_known(leading):
        product = _add(ops.matmul(ops.reshape(x, (-1, x.shape[-1])), kernel), bias)
        return ops.reshape(product, (*known_shape(leading), kernel.shape[-1]))
    return _add(
        ops.matmul(x, kernel) if len(leading) < 3 else ops.tensordot(x, kernel, axes=1), bias
    )


def _add(x, bias):
    return x if bias is None else x + bias


def is_known(shape):
    """Whether a reshape needs no size that only the run knows: `known_shape` gives its target.

    Args:
        shape: Sizes, integers or None.

    Returns:
        A bool.
    """
    return list(shape).count(None) <= 1 and 0 not in shape


def known_shape(shape):
    """The sizes, the one that is not known as -1.

    Args:
        shape: Sizes, integers or None, of which `is_known`.

    Returns:
        A list of integers.
    """
    return [-1 if size is None else size for size in shape]

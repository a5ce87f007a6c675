"""What keeps scores from being computed roughly."""

import keras
from keras import ops


def at_least_float32(x):
    """`x` in float32, or in float64 where it comes in float64.

    Scores leave the range of float16 early: 16 products of 64 x 64 already reach its largest
    number. Sums and exponentials of scores therefore never run in half precision.

    Args:
        x: Float tensor of any shape.

    Returns:
        Tensor of the same shape, float32 or float64.
    """
    x = ops.convert_to_tensor(x)
    dtype = keras.backend.standardize_dtype(x.dtype)
    # Cast in every case: it also turns a variable into its value, which custom gradients need.
    return ops.cast(x, "float64" if dtype == "float64" else "float32")


def direction(x):
    """`x` divided by its length over the last axis; zeros stay zeros.

    Unlike `keras.ops.normalize` it does not overflow in float16, and its gradient at zero is zero.

    Args:
        x: Float tensor of shape `(..., dim)`.

    Returns:
        Tensor of the same shape, at least float32, of length one.
    """
    x = at_least_float32(x)
    squares = ops.sum(ops.square(x), axis=-1, keepdims=True)
    # A root of zero would have an infinite gradient, and its inverse none at all.
    return x * ops.rsqrt(ops.where(squares > 0, squares, ops.ones_like(squares)))

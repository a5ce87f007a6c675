"""The floating point type in which scores are computed."""

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

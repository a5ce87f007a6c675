"""The largest number, of empty tensors too."""

from keras import ops


def largest(x, axis=-1, keepdims=False):
    """`keras.ops.max`, which refuses a tensor without numbers even where no maximum is missing.

    Args:
        x: Float tensor.
        axis: Integer or tuple of integers.
        keepdims: Bool.

    Returns:
        Tensor of the shape that `keras.ops.max` gives; zero where there is nothing to compare and
        the shape is known.
    """
    if 0 in tuple(x.shape):
        return ops.sum(x, axis=axis, keepdims=keepdims)
    return ops.max(x, axis=axis, keepdims=keepdims)

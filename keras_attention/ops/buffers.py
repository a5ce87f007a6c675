"""Arrays of a fixed size that a loop fills, step by step."""

from keras import ops


def write_row(buffer, t, row):
    """The buffer with one row written.

    Args:
        buffer: tensor `(steps, ...)`.
        t: int32 scalar, the step.
        row: tensor `(...)`.

    Returns:
        Tensor `(steps, ...)`.
    """
    if 0 in tuple(buffer.shape):  # TensorFlow writes into no empty tensor
        return buffer
    return ops.scatter_update(buffer, ops.reshape(t, (1, 1)), row[None])

"""One matrix for every position."""

from keras import ops


def project(x, kernel):
    """`x kernel` at every position.

    On processors with AVX-512, TensorFlow 2.21 (oneDNN) writes past the end of its memory where a
    tensor of shape `(batch, 1, length, dim)` is multiplied by one matrix: from rank 4 on, the
    positions are therefore made one axis.

    Args:
        x: Float tensor of shape `(..., dim)`.
        kernel: Float tensor of shape `(dim, features)`.

    Returns:
        Float tensor of shape `(..., features)`.
    """
    return ops.matmul(x, kernel) if len(x.shape) < 4 else ops.tensordot(x, kernel, axes=1)

"""Where things stand, absolutely: counting, sinusoids and rotations.

Angles are always computed in float32 at least: float16 knows no odd number beyond 2048 and bfloat16
none beyond 256, so that later neighbours would share a position.
"""

import numpy as np
from keras import ops

from keras_attention.ops.precision import at_least_float32


def count_from(start, length):
    """The positions `start, start + 1, ...`.

    Args:
        start: An integer, a scalar int32 tensor, or one of shape `(batch,)` where each row starts
            at a position of its own.
        length: How many, an integer or a scalar tensor.

    Returns:
        Int32 tensor of shape `(length,)`, or `(batch, length)` where rows start differently.
    """
    start = ops.cast(start, "int32")
    return ops.expand_dims(start, axis=-1) + ops.arange(length, dtype="int32")


def sinusoid_frequencies(dim, base=10000.0):
    """How fast each sine and cosine turns: `base ** (-2 i / dim)` for the pair `i`.

    Args:
        dim: Number of sines and cosines together.
        base: About a sixth of the longest wave length.

    Returns:
        NumPy float64 array of shape `(ceil(dim / 2),)`.
    """
    return float(base) ** (-2.0 * np.arange((dim + 1) // 2) / dim)


def sinusoids(positions, dim, base=10000.0, dtype="float32"):
    """Sines and cosines of a position at geometrically falling frequencies.

    `PE(position, 2 i) = sin(position / base ** (2 i / dim))`, the cosine of the same angle at
    `2 i + 1` (Vaswani et al., 2017, section 3.5). Where `dim` is odd, the last sine has no cosine.

    Args:
        positions: Int32 tensor of any shape; may be negative.
        dim: How many numbers describe a position.
        base: About a sixth of the longest wave length.
        dtype: "float32" or "float64".

    Returns:
        Float tensor of shape `(*positions.shape, dim)`.

    Example:

    >>> import numpy as np
    >>> from keras_attention.ops.positions import sinusoids
    >>> print(np.array(sinusoids([0, 1], dim=4)).round(2))
    [[0.   1.   0.   1.  ]
     [0.84 0.54 0.01 1.  ]]
    """
    frequencies = np.repeat(sinusoid_frequencies(dim, base), 2)[:dim]
    angles = _angles(positions, frequencies, dtype)  # (..., dim)
    return ops.where(np.arange(dim) % 2 == 0, ops.sin(angles), ops.cos(angles))


def rotate(x, positions, frequencies, magnitude=1.0):
    """Each pair of features turned by an angle in proportion to the position.

    `(a, b) -> (a cos(m f) - b sin(m f), a sin(m f) + b cos(m f))` at position `m` for the pair of
    frequency `f` (Su et al., 2021, equation 34), so that the dot product of two rotated vectors
    depends on their distance alone.

    Feature `i` is paired with feature `i + dim / 2`, not with its neighbour as in the paper: two
    halves are two slices, where neighbours are a shuffle. As the order of a learned projection's
    columns is arbitrary, it is the same model; weights trained on neighbours need their columns
    reordered, evens first.

    Args:
        x: Float tensor of shape `(batch, heads, length, dim)`, `dim` even.
        positions: Int32 tensor of shape `(length,)` or `(batch, length)`.
        frequencies: NumPy array of shape `(dim / 2,)`.
        magnitude: A number that multiplies the result.

    Returns:
        Float tensor of the shape and dtype of `x`.
    """
    x = ops.convert_to_tensor(x)
    wide = at_least_float32(x)
    if len(positions.shape) == 2:
        positions = ops.expand_dims(positions, axis=1)  # (batch, 1, length)
    angles = _angles(positions, frequencies, wide.dtype)  # (..., length, dim / 2)
    cosine, sine = magnitude * ops.cos(angles), magnitude * ops.sin(angles)
    half = len(frequencies)
    first, second = wide[..., :half], wide[..., half:]
    turned = [first * cosine - second * sine, first * sine + second * cosine]
    return ops.cast(ops.concatenate(turned, axis=-1), x.dtype)


def _angles(positions, frequencies, dtype):
    """`(*positions.shape, frequency)`."""
    positions = ops.expand_dims(ops.cast(positions, dtype), axis=-1)
    return positions * ops.convert_to_tensor(frequencies, dtype=dtype)

"""Positive random features, whose dot products estimate the exponentials of softmax."""

import math

import keras
from keras import ops

from keras_attention.ops.dense.projection import project
from keras_attention.ops.precision import at_least_float32

# The distance below the highest logarithm of a row from which on features count as equal: the
# product of one feature at it and one of 1 is still a number of float32.
LOWEST_LOG = -60.0


def orthogonal_gaussian(rows, dim, seed=None):
    """Random directions that are orthogonal in blocks, each as long as a Gaussian vector.

    Each row by itself is a standard Gaussian vector; the rows of one block of `dim` are at right
    angles, which lowers the variance of what is estimated with them.

    Args:
        rows: Number of vectors.
        dim: Their size.
        seed: Integer that makes the draw repeatable.

    Returns:
        Tensor of shape `(rows, dim)`, float32.

    Reference:
        Choromanski et al., 2021, "Rethinking Attention with Performers", section 2.4.
    """
    blocks = math.ceil(rows / dim)
    draw = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
    gaussian = draw((2, blocks, dim, dim), dtype="float32")
    q, r = ops.qr(gaussian[0])
    # Without the signs of r the directions would not be uniform.
    signs = ops.where(ops.diagonal(r, axis1=-2, axis2=-1) < 0.0, -1.0, 1.0)
    directions = ops.swapaxes(q * ops.expand_dims(signs, axis=-2), -2, -1)
    lengths = ops.sqrt(ops.sum(ops.square(gaussian[1]), axis=-1, keepdims=True))
    return ops.reshape(directions * lengths, (blocks * dim, dim))[:rows]


def log_random_features(x, projection):
    """The logarithms of the positive random features of the softmax kernel.

    `log phi(x)[i] = projection[i] . x - |x|^2 / 2 - log(m) / 2`, for `m` rows of the projection;
    the mean of `phi(x) . phi(y)` over projections is `exp(x . y)`.

    Args:
        x: Float tensor of shape `(..., dim)`; queries and keys each times `scale ** 0.5`.
        projection: What `orthogonal_gaussian` drew, `(features, dim)`.

    Returns:
        Float tensor of shape `(..., features)`, at least float32.

    Reference:
        Choromanski et al., 2021, equation 5 and lemma 1 (equation 7).
    """
    x = at_least_float32(x)
    projection = ops.cast(projection, x.dtype)
    exponents = project(x, ops.transpose(projection))  # (..., features)
    half_square = ops.sum(ops.square(x), axis=-1, keepdims=True) / 2.0
    return exponents - half_square - math.log(projection.shape[0]) / 2.0


def stable_exp(logs, top):
    """`exp(logs - top)`, never zero.

    Attention divides by the sum of its weights, so that a factor common to all keys, or to one
    query, cancels; without it the exponentials would leave float32.

    Args:
        logs: Float tensor of any shape.
        top: Tensor that broadcasts to `logs`, the highest of them, or higher.

    Returns:
        Float tensor of the shape of `logs`.
    """
    return ops.exp(ops.maximum(logs - top, LOWEST_LOG))

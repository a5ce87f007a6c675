"""The algebra of choosing positions: windows, Gaussians around a point, Gumbel noise."""

import keras
import numpy as np
from keras import ops

from keras_attention.ops.fitting import as_bool


def positions_in_window(centers, positions, window):
    """The positions at most `window` away from each query's centre.

    Args:
        centers: Tensor of shape `(batch, query)`, or `(1, query)` where all rows are alike.
        positions: Tensor of shape `(batch, key)` or `(1, key)`, of the same dtype.
        window: A number, Luong's `D`.

    Returns:
        Bool tensor of shape `(batch, query, key)` or `(1, query, key)`.

    Reference:
        Luong, Pham and Manning, 2015, section 3.2: the window `[p_t - D, p_t + D]`.
    """
    return ops.abs(_distances(centers, positions)) <= window


def gaussian(centers, positions, deviation):
    """A bell over the positions around each query's centre, one at the centre itself.

    Args:
        centers: Float tensor of shape `(batch, query)` or `(1, query)`.
        positions: Float tensor of shape `(batch, key)` or `(1, key)`.
        deviation: The standard deviation `sigma`.

    Returns:
        Float tensor of shape `(batch, query, key)` or `(1, query, key)`,
        `exp(-(position - center)^2 / (2 sigma^2))`.

    Reference:
        Luong, Pham and Manning, 2015, equation 10.
    """
    return ops.exp(-0.5 * ops.square(_distances(centers, positions) / deviation))


def real_positions(mask, length, dtype="float32"):
    """Positions counted over the real ones alone, and how many there are.

    Args:
        mask: Bool tensor of shape `(batch, key)`, True = a real position, or None where all are.
        length: Number of positions, an integer or a scalar tensor.
        dtype: Dtype of the result.

    Returns:
        Pair of positions 0, 1, ... of shape `(batch, key)` and of their number, of shape
        `(batch, 1)`; `batch` is one without a mask. A position that is not real has the number of
        the last real one before it.
    """
    real = ops.ones((1, length), dtype="bool") if mask is None else as_bool(mask)
    real = ops.cast(real, dtype)
    return ops.cumsum(real, axis=-1) - 1, ops.sum(real, axis=-1, keepdims=True)


def gumbel_noise(shape, dtype, seed):
    """Numbers drawn from the Gumbel distribution: the highest noisy score is a softmax sample.

    `-log(-log(u))`, `u` uniform between 0 and 1.

    Args:
        shape: The shape to fill.
        dtype: "float32" or "float64".
        seed: Integer or `keras.random.SeedGenerator`.

    Returns:
        Float tensor of that shape, all finite.

    Reference:
        Maddison, Mnih and Teh, 2017, section 3.1; Jang, Gu and Poole, 2017, equation 1.
    """
    lowest = float(np.finfo(dtype).tiny)  # the logarithm of zero is no number
    uniform = keras.random.uniform(shape, minval=lowest, maxval=1.0, dtype=dtype, seed=seed)
    return -ops.log(-ops.log(uniform))


def _distances(centers, positions):
    """How far each position lies behind each centre, `(batch, query, key)`."""
    return ops.expand_dims(positions, axis=1) - ops.expand_dims(centers, axis=2)

"""Feature maps: statistics over positions or over channels, and gates for either.

A map is `(batch, positions..., channels)` or, with `data_format="channels_first"`,
`(batch, channels, positions...)`; an image has two axes of positions. A mask is bool, True = a real
position, of shape `(batch, positions...)` in both formats. What is behind it counts for nothing.
"""

import keras
import numpy as np
from keras import ops

from keras_attention.ops.fitting import as_bool
from keras_attention.ops.largest import largest
from keras_attention.ops.precision import at_least_float32

DATA_FORMATS = ("channels_last", "channels_first")


def standardize_data_format(data_format=None):
    """The data format, that of Keras' configuration where none is given.

    Args:
        data_format: "channels_last", "channels_first", or None.

    Returns:
        One of the two names.

    Raises:
        ValueError: If it is another name.
    """
    data_format = data_format or keras.config.image_data_format()
    if data_format not in DATA_FORMATS:
        raise ValueError(
            f"Expected `data_format` to be one of {DATA_FORMATS}. "
            f"Received: data_format={data_format!r}"
        )
    return data_format


def channel_axis(data_format):
    """Which axis of a map holds the channels.

    Args:
        data_format: "channels_last" or "channels_first".

    Returns:
        1 or -1.
    """
    return 1 if data_format == "channels_first" else -1


def standardize_map_mask(mask, x):
    """The mask of a map as bool.

    Args:
        mask: Tensor of shape `(batch, positions...)`, or None.
        x: The map.

    Returns:
        Bool tensor of the same shape, or None.

    Raises:
        ValueError: If the mask has another number of axes.
    """
    if mask is None:
        return None
    if len(mask.shape) != len(x.shape) - 1:
        raise ValueError(
            "Expected `mask` to have an axis for each of `inputs` but the channels. "
            f"Received: mask.shape={mask.shape}, inputs.shape={x.shape}"
        )
    return as_bool(mask)


def mean_over_positions(x, mask=None, data_format="channels_last"):
    """The mean of each channel over the real positions; zero where there is none.

    Args:
        x: Float tensor, a map.
        mask: Bool tensor of shape `(batch, positions...)`, or None.
        data_format: "channels_last" or "channels_first".

    Returns:
        Tensor of shape `(batch, channels)`, at least float32.
    """
    axes, x = _position_axes(x, data_format), at_least_float32(x)
    if mask is None and 0 not in tuple(x.shape):
        return ops.mean(x, axis=axes)
    if mask is None:
        return ops.sum(x, axis=axes)
    mask = ops.expand_dims(mask, channel_axis(data_format))
    count = ops.sum(ops.cast(mask, x.dtype), axis=axes)  # (batch, 1)
    return ops.sum(ops.where(mask, x, 0.0), axis=axes) / ops.maximum(count, 1.0)


def max_over_positions(x, mask=None, data_format="channels_last"):
    """The largest value of each channel at a real position; zero where there is none.

    Args:
        x: Float tensor, a map.
        mask: Bool tensor of shape `(batch, positions...)`, or None.
        data_format: "channels_last" or "channels_first".

    Returns:
        Tensor of shape `(batch, channels)`, at least float32.
    """
    axes, x = _position_axes(x, data_format), at_least_float32(x)
    if mask is None:
        return largest(x, axis=axes)
    mask = ops.expand_dims(mask, channel_axis(data_format))
    lowest = float(np.finfo(keras.backend.standardize_dtype(x.dtype)).min)
    highest = largest(ops.where(mask, x, lowest), axis=axes)
    return ops.where(ops.any(mask, axis=axes), highest, 0.0)


def gate_channels(x, gates, mask=None, data_format="channels_last"):
    """Each channel times its gate.

    Args:
        x: Float tensor, a map.
        gates: Float tensor of shape `(batch, channels)`.
        mask: Bool tensor of shape `(batch, positions...)`, or None.
        data_format: "channels_last" or "channels_first".

    Returns:
        Tensor of the shape of `x`, zero where the mask is False.
    """
    for axis in _position_axes(x, data_format):
        gates = ops.expand_dims(gates, axis)
    gated = x * gates
    if mask is None:
        return gated
    return ops.where(ops.expand_dims(mask, channel_axis(data_format)), gated, 0.0)


def gate_positions(x, gates, data_format="channels_last"):
    """Each position times its gate.

    Args:
        x: Float tensor, a map.
        gates: Float tensor of shape `(batch, positions...)`.
        data_format: "channels_last" or "channels_first".

    Returns:
        Tensor of the shape of `x`.
    """
    return x * ops.expand_dims(gates, channel_axis(data_format))


def _position_axes(x, data_format):
    first = 2 if data_format == "channels_first" else 1
    return tuple(range(first, first + len(x.shape) - 2))

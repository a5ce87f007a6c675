"""Encoders that a pooling layer holds: any layer from sequences to sequences, or none."""

import inspect

import keras
from keras import ops


def build_once(layer, shape):
    """Builds a layer that is not built yet.

    Args:
        layer: A layer.
        shape: The shape of its input.
    """
    if not layer.built:  # Keras builds the layers inside a saved model by itself
        layer.build(shape)


def build_encoder(encoder, name, shape):
    """Builds an encoder.

    Args:
        encoder: Layer from sequences to sequences, or None.
        name: The argument's name.
        shape: The shape of its input.

    Returns:
        The shape of its output, a tuple.

    Raises:
        ValueError: If it does not return a sequence.
    """
    if encoder is not None:
        build_once(encoder, shape)
    encoded = encoded_shape(encoder, shape)
    if len(encoded) != 3:
        raise ValueError(
            f"Expected `{name}` to return a vector for each position, such as a GRU with "
            f"return_sequences=True. Received: {name} that makes {encoded} of {shape}"
        )
    return encoded


def encoded_shape(encoder, shape):
    """The shape of what an encoder makes of a shape; the same without an encoder."""
    if encoder is None:
        return shape
    return tuple(encoder.compute_output_spec(keras.KerasTensor(shape)).shape)


def encode(encoder, x, mask):
    """What an encoder makes of sequences.

    Args:
        encoder: Layer from sequences to sequences, or None.
        x: Float tensor of shape `(batch, length, dim)`.
        mask: Bool tensor of shape `(batch, length)`, or None.

    Returns:
        Float tensor of shape `(batch, length, encoded_dim)`, or `x` without an encoder.
    """
    if encoder is None:
        return x
    if 0 in tuple(x.shape):  # recurrent layers take no empty tensors
        return ops.zeros(encoded_shape(encoder, tuple(x.shape)), dtype=x.dtype)
    if mask is None or "mask" not in inspect.signature(encoder.call).parameters:
        return encoder(x)
    return encoder(x, mask=_never_empty(mask))


def _never_empty(mask):
    """The mask, and of an empty sequence the first position.

    cuDNN takes no empty sequence. What the encoder makes of it has no weight afterwards.
    """
    empty = ops.logical_not(ops.any(mask, axis=-1, keepdims=True))
    first = ops.equal(ops.arange(ops.shape(mask)[1], dtype="int32"), 0)
    return ops.logical_or(mask, ops.logical_and(empty, first))

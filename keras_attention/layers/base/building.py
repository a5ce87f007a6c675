"""What several layers do alike when they are built."""

import keras


def add_scaled_weight(layer, name, shape, fan_in, **options):
    """A new weight of a layer, that keeps the scale of what it multiplies.

    Args:
        layer: The layer that will own it.
        name: The weight's name.
        shape: Its shape.
        fan_in: How many numbers each output sums up: the standard deviation is `fan_in ** -0.5`.
        **options: Further ones of `keras.layers.Layer.add_weight`.

    Returns:
        The weight.
    """
    initializer = keras.initializers.RandomNormal(stddev=fan_in**-0.5)
    return layer.add_weight(name=name, shape=shape, initializer=initializer, **options)


def check_same_size(query_shape, key_shape):
    """Refuses queries and keys that cannot be multiplied.

    Args:
        query_shape: `(batch, query, dim)`.
        key_shape: `(batch, key, dim)`.

    Raises:
        ValueError: If their last dimensions differ.
    """
    if query_shape[-1] != key_shape[-1]:
        raise ValueError(
            "Expected query and key to have the same last dimension. "
            f"Received: query_shape={query_shape}, key_shape={key_shape}"
        )

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

"""Rotary positions."""

import keras

from keras_attention.layers.base.argument_checks import as_python, get_object
from keras_attention.layers.positions.position import Position
from keras_attention.layers.positions.rotary_scaling import RotaryScaling
from keras_attention.ops.positions import rotate


@keras.saving.register_keras_serializable("keras_attention")
class RotaryPosition(Position):
    """Queries and keys turned by angles in proportion to their positions.

    Each pair of features turns by `position * base ** (-2 i / key_dim)` (Su et al., 2021, equation
    34), so that the score of a query and a key depends on their distance (equation 16). No
    weights; angles are computed in float32 whatever the dtype.

    Feature `i` is paired with `i + key_dim / 2`, where the paper pairs neighbours: the same model
    with the columns of the learned projections in another order (see
    `keras_attention.ops.positions.rotate`).

    For inputs longer than a model was trained with, give a `scaling`: `LinearScaling(factor)`,
    `NTKScaling(factor)` or `YaRNScaling(factor, original_length)`.

    Args:
        base: About a sixth of the longest wave length.
        scaling: A `RotaryScaling`, or None for the paper's frequencies.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Raises:
        ValueError: If the size of the heads' queries and keys is odd.

    Example:

    >>> import keras
    >>> from keras_attention.layers import MultiHeadAttention, RotaryPosition, YaRNScaling
    >>> position = RotaryPosition(scaling=YaRNScaling(4.0, original_length=512))
    >>> x = keras.random.normal((2, 3, 7))
    >>> tuple(MultiHeadAttention(2, 6, position=position)(x, x).shape)
    (2, 3, 7)

    Reference:
        Su et al., 2021, "RoFormer: Enhanced Transformer with Rotary Position Embedding".
    """

    def __init__(self, base=10000.0, scaling=None, **kwargs):
        super().__init__(**kwargs)
        base = as_python(base)
        if base <= 1:
            raise ValueError(f"Expected `base` above 1. Received: base={base}")
        self.base = base
        self.scaling = get_object("scaling", scaling, RotaryScaling)

    def build(self, query_shape, key_shape, value_shape):
        if query_shape[-1] % 2:
            raise ValueError(
                f"Expected an even `key_dim`, to rotate pairs. Received: key_dim={query_shape[-1]}"
            )

    def rotate(self, x, positions):
        """Equation 34; see `Position.rotate`."""
        scaling = RotaryScaling() if self.scaling is None else self.scaling
        frequencies = scaling.frequencies(x.shape[-1], self.base)
        return rotate(x, positions, frequencies, scaling.magnitude)

    def get_config(self):
        scaling = keras.saving.serialize_keras_object(self.scaling)
        return {**super().get_config(), "base": self.base, "scaling": scaling}

    @classmethod
    def from_config(cls, config):
        scaling = keras.saving.deserialize_keras_object(config["scaling"])
        return cls(**{**config, "scaling": scaling})

"""Rotary positions for longer inputs than a model was trained with."""

from dataclasses import asdict, dataclass

import keras

from keras_attention.layers.number_checks import as_python
from keras_attention.ops.positions import sinusoid_frequencies


@keras.saving.register_keras_serializable("keras_attention")
@dataclass(frozen=True)
class RotaryScaling:
    """How `RotaryPosition` turns each pair of features; this base class is the paper's own way.

    Subclasses slow rotation down, so that a model trained with `length` positions can read
    `factor * length`: `LinearScaling`, `NTKScaling` and `YaRNScaling`. One of your own overrides
    `frequencies`.

    Args:
        factor: How many times longer inputs become, `s` in the papers.
    """

    factor: float = 1.0

    def __post_init__(self):
        for name, value in vars(self).items():
            object.__setattr__(self, name, as_python(value))
        if self.factor < 1:
            raise ValueError(f"Expected `factor` of at least 1. Received: factor={self.factor}")

    def frequencies(self, dim, base):
        """The angle by which each pair of features turns from one position to the next.

        Args:
            dim: Size of a head's queries and keys.
            base: The base of the rotary position.

        Returns:
            NumPy float64 array of shape `(dim / 2,)`.
        """
        return sinusoid_frequencies(dim, base)

    @property
    def magnitude(self):
        """The number that multiplies rotated queries and keys, both."""
        return 1.0

    def get_config(self):
        """The arguments that make this object again."""
        return asdict(self)

    @classmethod
    def from_config(cls, config):
        """An object made from what `get_config` returned.

        Args:
            config: A dict.

        Returns:
            An object of this class.
        """
        return cls(**config)

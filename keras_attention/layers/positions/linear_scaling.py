"""Position interpolation."""

from dataclasses import dataclass

import keras

from keras_attention.layers.positions.rotary_scaling import RotaryScaling
from keras_attention.ops.positions import sinusoid_frequencies


@keras.saving.register_keras_serializable("keras_attention")
@dataclass(frozen=True)
class LinearScaling(RotaryScaling):
    """Position interpolation: positions are divided by `factor`.

    `f'(x, m) = f(x, m / s)` (Chen et al., 2023, equation 4), which is all frequencies divided.
    It asks for some further training.

    Args:
        factor: How many times longer inputs become, `s`.

    Reference:
        Chen et al., 2023, "Extending Context Window of Large Language Models via Positional
        Interpolation".
    """

    def frequencies(self, dim, base):
        """See `RotaryScaling.frequencies`."""
        return sinusoid_frequencies(dim, base) / self.factor

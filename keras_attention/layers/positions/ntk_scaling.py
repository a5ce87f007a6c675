"""NTK-aware interpolation."""

from dataclasses import dataclass

import keras

from keras_attention.layers.positions.rotary_scaling import RotaryScaling
from keras_attention.ops.positions import sinusoid_frequencies


@keras.saving.register_keras_serializable("keras_attention")
@dataclass(frozen=True)
class NTKScaling(RotaryScaling):
    """NTK-aware interpolation: a larger base, which slows the slow frequencies and not the fast.

    `b' = b s ** (dim / (dim - 2))` (bloc97, 2023; Peng et al., 2023, section 3.1, definition 1).
    The fastest frequency stays as it is and the slowest is divided by `s`. It works without further
    training.

    Args:
        factor: How many times longer inputs become, `s`.

    Reference:
        Peng et al., 2023, "YaRN: Efficient Context Window Extension of Large Language Models".
    """

    def frequencies(self, dim, base):
        """See `RotaryScaling.frequencies`."""
        if dim <= 2:
            raise ValueError(f"Expected more than one pair of features. Received: dim={dim}")
        return sinusoid_frequencies(dim, base * self.factor ** (dim / (dim - 2)))

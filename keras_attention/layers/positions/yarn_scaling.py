"""YaRN: interpolation by parts, and a temperature."""

import math
from dataclasses import dataclass, field

import keras
import numpy as np

from keras_attention.layers.positions.rotary_scaling import RotaryScaling
from keras_attention.ops.positions import sinusoid_frequencies


@keras.saving.register_keras_serializable("keras_attention")
@dataclass(frozen=True)
class YaRNScaling(RotaryScaling):
    """YaRN: slow frequencies are interpolated, fast ones kept, and scores sharpened.

    `h(f) = (1 - g(r)) f / s + g(r) f`, where `r = L f / (2 pi)` is how often a pair turned around
    within the original length `L`, and the ramp `g` is 0 below `slow` turns, 1 above `fast` turns
    and linear between them (Peng et al., 2023, section 3.2, definition 2). Scores are divided by
    the temperature `t`, `sqrt(1 / t) = 0.1 ln(s) + 1` (section 3.4), by multiplying rotated queries
    and keys with that root.

    The ramp is linear in `r`, as the paper writes it; the authors' code has one that is linear in
    the pair's number, between the rounded numbers at which `r` passes its limits.

    Args:
        factor: How many times longer inputs become, `s`.
        original_length: The number of positions the model was trained with, `L`.
        slow: Pairs that turn less often are interpolated, `alpha`.
        fast: Pairs that turn more often are kept, `beta`.

    Reference:
        Peng et al., 2023, "YaRN: Efficient Context Window Extension of Large Language Models".
    """

    original_length: int = field(kw_only=True)
    slow: float = 1.0
    fast: float = 32.0

    def __post_init__(self):
        super().__post_init__()
        if self.original_length < 1 or not self.slow < self.fast:
            raise ValueError(
                "Expected `original_length` to be positive and `slow` below `fast`. Received: "
                f"original_length={self.original_length}, slow={self.slow}, fast={self.fast}"
            )

    def frequencies(self, dim, base):
        """See `RotaryScaling.frequencies`."""
        kept = sinusoid_frequencies(dim, base)
        turns = self.original_length * kept / (2.0 * np.pi)
        ramp = np.clip((turns - self.slow) / (self.fast - self.slow), 0.0, 1.0)
        return (1.0 - ramp) * kept / self.factor + ramp * kept

    @property
    def magnitude(self):
        """`sqrt(1 / t)`."""
        return 0.1 * math.log(self.factor) + 1.0

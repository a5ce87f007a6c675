"""How rotary positions turn, and how they are slowed down for longer inputs."""

import math
from dataclasses import asdict, dataclass, field

import keras
import numpy as np

from keras_attention.layers.base.argument_checks import as_python
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
        return asdict(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config)


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


@keras.saving.register_keras_serializable("keras_attention")
@dataclass(frozen=True)
class YaRNScaling(RotaryScaling):
    """YaRN: slow frequencies are interpolated, fast ones kept, and scores sharpened.

    `h(f) = (1 - g) f / s + g f`, where the ramp `g` is 0 for pairs of features that turn around
    less than `slow` times within the original length `L`, 1 for those that do so more than `fast`
    times, and linear between them (Peng et al., 2023, section 3.2). Scores are divided by the
    temperature `t`, `sqrt(1 / t) = 0.1 ln(s) + 1` (section 3.4), by multiplying rotated queries and
    keys with that root.

    - `ramp="pairs"`: linear in the pair's number `i`, `g = 1 - (i - low) / (high - low)`. Pair
      `i` turns around `r` times where `i = dim ln(L / (2 pi r)) / (2 ln base)`; `low` is that of
      `fast`, rounded down, and `high` that of `slow`, rounded up. So do the authors' code and most
      models released with YaRN; those whose configuration says `"truncate": false`, such as
      gpt-oss, leave the rounding out, which is not offered here.
    - `ramp="turns"`: linear in the number of turns `r`, as the paper writes it (definition 2). The
      frequencies differ by up to a factor of 1.7.

    Args:
        factor: How many times longer inputs become, `s`.
        original_length: The number of positions the model was trained with, `L`.
        slow: Pairs that turn less often are interpolated, `alpha`.
        fast: Pairs that turn more often are kept, `beta`.
        ramp: "pairs" or "turns". A configuration that does not say was written before there was a
            choice, and means "turns".

    Example:

    >>> from keras_attention.layers import YaRNScaling
    >>> scaling = YaRNScaling(4.0, original_length=512)
    >>> [round(float(f), 4) for f in scaling.frequencies(dim=8, base=10000.0)]
    [1.0, 0.0625, 0.0025, 0.0003]

    Reference:
        Peng et al., 2023, "YaRN: Efficient Context Window Extension of Large Language Models".
    """

    original_length: int = field(kw_only=True)
    slow: float = 1.0
    fast: float = 32.0
    ramp: str = "pairs"

    def __post_init__(self):
        super().__post_init__()
        if self.original_length < 1 or not self.slow < self.fast:
            raise ValueError(
                "Expected `original_length` to be positive and `slow` below `fast`. Received: "
                f"original_length={self.original_length}, slow={self.slow}, fast={self.fast}"
            )
        if self.ramp not in RAMPS:
            raise ValueError(
                f"Expected `ramp` to be one of {sorted(RAMPS)}. Received: ramp={self.ramp!r}"
            )

    def frequencies(self, dim, base):
        """See `RotaryScaling.frequencies`."""
        kept = sinusoid_frequencies(dim, base)
        ramp = np.clip(RAMPS[self.ramp](self, kept, dim, base), 0.0, 1.0)
        return (1.0 - ramp) * kept / self.factor + ramp * kept

    def _ramp_of_pairs(self, kept, dim, base):
        low, high = (
            dim * math.log(self.original_length / (2.0 * math.pi * turns)) / (2.0 * math.log(base))
            for turns in (self.fast, self.slow)
        )
        low, high = max(math.floor(low), 0), min(math.ceil(high), dim - 1)
        high = high if high != low else high + 0.001  # no ramp: a step
        return 1.0 - (np.arange(len(kept)) - low) / (high - low)

    def _ramp_of_turns(self, kept, dim, base):
        turns = self.original_length * kept / (2.0 * np.pi)
        return (turns - self.slow) / (self.fast - self.slow)

    @classmethod
    def from_config(cls, config):
        # An old configuration, which names no ramp, means the paper's.
        return super().from_config({"ramp": "turns", **config})

    @property
    def magnitude(self):
        """`sqrt(1 / t)`."""
        return 0.1 * math.log(self.factor) + 1.0


RAMPS = {"pairs": YaRNScaling._ramp_of_pairs, "turns": YaRNScaling._ramp_of_turns}

"""Learning-rate schedules with a linear warm-up."""

import math

import keras
from keras import ops

DEFAULT_WARMUP_STEPS = 200
DEFAULT_WARMUP_SHARE = 0.1
LONG_WARMUP_SHARE = 0.25  # From here on the user is warned.


@keras.saving.register_keras_serializable("keras_attention")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise, then half a cosine down to a share of the peak (Loshchilov & Hutter, 2017, eq.
    5).

    Args:
        peak: float. Highest learning rate.
        warmup_steps: int. Steps of the rise.
        total_steps: int. Step at which the lowest rate is reached.
        floor: float. Lowest rate as a share of the peak.
    """

    def __init__(self, peak, warmup_steps, total_steps, floor=0.02):
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.floor = floor

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rise = (step + 1) / max(self.warmup_steps, 1)
        progress = (step - self.warmup_steps) / max(self.total_steps - self.warmup_steps, 1)
        cosine = 0.5 * (1 + ops.cos(math.pi * ops.clip(progress, 0.0, 1.0)))
        return self.peak * ops.minimum(rise, self.floor + (1 - self.floor) * cosine)

    def get_config(self):
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "floor": self.floor,
        }


@keras.saving.register_keras_serializable("keras_attention")
class WarmupInverseSqrt(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise, then decay by the square root of the step (Vaswani et al., 2017, eq. 3).

    Args:
        peak: float. Highest learning rate, reached after the rise.
        warmup_steps: int. Steps of the rise.
    """

    def __init__(self, peak, warmup_steps):
        self.peak = peak
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1
        warmup = float(max(self.warmup_steps, 1))
        return self.peak * ops.minimum(step / warmup, ops.sqrt(warmup / step))

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable("keras_attention")
class WarmupConstant(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise, then constant.

    Args:
        peak: float. Learning rate after the rise.
        warmup_steps: int. Steps of the rise.
    """

    def __init__(self, peak, warmup_steps):
        self.peak = peak
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        rise = (ops.cast(step, "float32") + 1) / max(self.warmup_steps, 1)
        return self.peak * ops.minimum(rise, 1.0)

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


def warmup_steps(options, total_steps):
    """Steps of the warm-up that `FitOptions` ask for in a run of `total_steps`."""
    steps, share = options.warmup_steps, options.warmup_share
    if share is None:
        share = DEFAULT_WARMUP_SHARE if steps is None else math.inf
    if steps is None:
        steps = DEFAULT_WARMUP_STEPS
    return int(min(steps, share * total_steps))


def describe_warmup(options, total_steps):
    """A sentence for the user about a warm-up that was shortened, or that is long; or None."""
    asked, steps = options.warmup_steps, warmup_steps(options, total_steps)
    if steps < (DEFAULT_WARMUP_STEPS if asked is None else asked):
        share = options.warmup_share or DEFAULT_WARMUP_SHARE
        return (
            f"Steps of the warm-up: {steps:,}, {share:.0%} of the {total_steps:,} of the run; "
            "--warmup-steps asks for another number."
        )
    if steps > LONG_WARMUP_SHARE * total_steps:
        highest = options.learning_rate * min(1, total_steps / steps)
        return (
            f"Warning: the learning rate rises in {steps:,} of the {total_steps:,} steps of the "
            f"run, to {highest:.3g}; little may be learned. Try a smaller --warmup-steps or more "
            "--epochs."
        )
    return None


def make_schedule(options, total_steps):
    """The schedule that `FitOptions` name.

    Args:
        options: `FitOptions`.
        total_steps: int. Steps of the whole run.
    """
    peak, warmup = options.learning_rate, warmup_steps(options, total_steps)
    makers = {
        "constant": lambda: WarmupConstant(peak, warmup),
        "cosine": lambda: WarmupCosine(peak, warmup, total_steps),
        "inverse-sqrt": lambda: WarmupInverseSqrt(peak, warmup),
    }
    return makers[options.schedule]()

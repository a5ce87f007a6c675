"""Learning-rate schedules with a linear warm-up."""

import math

import keras
from keras import ops


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


def make_schedule(options, total_steps):
    """The schedule that `FitOptions` name.

    Args:
        options: `FitOptions`.
        total_steps: int. Steps of the whole run.
    """
    peak, warmup_steps = options.learning_rate, options.warmup_steps
    makers = {
        "constant": lambda: WarmupConstant(peak, warmup_steps),
        "cosine": lambda: WarmupCosine(peak, warmup_steps, total_steps),
        "inverse-sqrt": lambda: WarmupInverseSqrt(peak, warmup_steps),
    }
    return makers[options.schedule]()

import math
import re

import keras
import numpy as np
import pytest

from keras_attention.training import FitOptions, WarmupConstant, WarmupCosine, WarmupInverseSqrt
from keras_attention.training.schedules import describe_warmup, make_schedule, warmup_steps

PEAK, WARMUP, TOTAL, FLOOR = 0.3, 7, 29, 0.1
SCHEDULES = {
    "constant": WarmupConstant(PEAK, WARMUP),
    "cosine": WarmupCosine(PEAK, WARMUP, TOTAL, FLOOR),
    "inverse-sqrt": WarmupInverseSqrt(PEAK, WARMUP),
}


def closed_form(name, step):
    """The rate at `step`, counted from 0."""
    if step < WARMUP:
        return PEAK * (step + 1) / WARMUP
    if name == "constant":
        return PEAK
    if name == "inverse-sqrt":
        return PEAK * math.sqrt(WARMUP / (step + 1))
    angle = math.pi * min((step - WARMUP) / (TOTAL - WARMUP), 1)
    return PEAK * (FLOOR + (1 - FLOOR) * (1 + math.cos(angle)) / 2)


@pytest.mark.parametrize("name", SCHEDULES)
def test_closed_form(name):
    steps = range(TOTAL + 5)
    rates = [float(SCHEDULES[name](step)) for step in steps]
    np.testing.assert_allclose(rates, [closed_form(name, step) for step in steps], rtol=1e-5)
    assert max(rates) == pytest.approx(PEAK)


@pytest.mark.parametrize("name", SCHEDULES)
def test_config_round_trip_in_an_optimizer(name):
    optimizer = keras.optimizers.Adam(SCHEDULES[name])
    content = keras.saving.serialize_keras_object(optimizer)
    restored = keras.saving.deserialize_keras_object(content)
    schedule = restored._learning_rate
    assert type(schedule) is type(SCHEDULES[name])
    assert schedule.get_config() == SCHEDULES[name].get_config()


@pytest.mark.parametrize("name", SCHEDULES)
def test_without_warmup_the_peak_comes_first(name):
    options = FitOptions(learning_rate=PEAK, warmup_steps=0, schedule=name)
    assert float(make_schedule(options, TOTAL)(0)) == pytest.approx(PEAK)


def test_make_schedule():
    for name, expected in SCHEDULES.items():
        options = FitOptions(learning_rate=PEAK, warmup_steps=WARMUP, schedule=name)
        schedule = make_schedule(options, TOTAL)
        assert type(schedule) is type(expected)
        assert schedule.peak == PEAK and schedule.warmup_steps == WARMUP
    assert make_schedule(FitOptions(schedule="cosine"), TOTAL).total_steps == TOTAL


@pytest.mark.parametrize(
    ("asked", "share", "total", "expected", "line"),
    [
        (None, None, 20, 2, "warm-up: 2, 10% of the 20 of the run"),
        (None, None, 5000, 200, None),
        (300, 0.1, 20, 2, "--warmup-steps asks for another number"),
        (300, 0.1, 4000, 300, None),
        (
            200,
            None,
            20,
            200,
            "Warning: .* in 200 of the 20 steps of the run, to 0.0001",
        ),
        (200, None, 1000, 200, None),
        (0, None, 20, 0, None),
        (30, 1.0, 40, 30, "Warning"),
    ],
)
def test_a_warmup_is_a_tenth_of_the_run_unless_asked_for(asked, share, total, expected, line):
    options = FitOptions(learning_rate=1e-3, warmup_steps=asked, warmup_share=share)
    assert warmup_steps(options, total) == expected
    assert make_schedule(options, total).warmup_steps == expected
    found = describe_warmup(options, total)
    assert re.search(line, found) if line else found is None

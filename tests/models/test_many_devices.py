"""Training on several devices, as `tf.distribute` does it."""

import subprocess
import sys

import keras
import pytest

# In a process of its own: how many devices there are is settled before TensorFlow does anything.
PROGRAM = """
import keras
import numpy as np
import tensorflow as tf

[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from keras_attention import losses, models

rng = np.random.default_rng(0)
batch = {name: rng.integers(4, 11, (6, 5)).astype("int32") for name in ("source", "target")}
one, many = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert many.num_replicas_in_sync == 2


def trained(strategy, batch, epochs=1, momentum=0.0):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = models.Seq2Seq(
            models.TransformerEncoder(1, 2, 8), models.TransformerDecoder(1, 2, 8), 11, 11, 4
        )
        optimizer = keras.optimizers.SGD(0.1, momentum=momentum)
    before = model.get_weights()
    model.compile(optimizer, loss=losses.SequenceCrossEntropy())
    model.fit(batch, batch["target"], batch_size=6, epochs=epochs, shuffle=False, verbose=0)
    return before, model.get_weights()


def largest_difference(some, others):
    return max(np.abs(a - b).max() for a, b in zip(some, others, strict=True))
"""

WITHOUT_PADDING = """
before, found = trained(many, batch, epochs=4, momentum=0.9)
_, expected = trained(one, batch, epochs=4, momentum=0.9)
assert largest_difference(found, before) > 0.05
assert largest_difference(found, expected) < 1e-5
"""

# The first device gets the first three rows.
WITH_PADDING = """
batch["target"][:3, 1:] = 0
wider = {"source": batch["source"], "target": np.pad(batch["target"], ((0, 0), (0, 4)))}
_, found = trained(many, wider)  # however much padding there is
halves = [{name: rows[part] for name, rows in batch.items()} for part in (slice(3), slice(3, 6))]
(_, first), (_, second) = (trained(one, half) for half in halves)
_, whole = trained(one, batch)
assert largest_difference(found, whole) > 1e-3
assert largest_difference(found, [(a + b) / 2 for a, b in zip(first, second)]) < 1e-6
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_two_devices_train_like_one():
    """And where there is padding, each takes the mean over its own tokens."""
    program = PROGRAM + WITHOUT_PADDING + WITH_PADDING
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-2000:]

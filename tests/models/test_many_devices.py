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


def trained(strategy, batch=batch, epochs=4, momentum=0.9):
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


many = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert many.num_replicas_in_sync == 2
before, found = trained(many)
_, expected = trained(tf.distribute.get_strategy())
assert max(np.abs(a - b).max() for a, b in zip(found, before)) > 0.05
for a, b in zip(found, expected, strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)

# With padding each device takes the mean over its own real tokens, and a step is the mean of both.
batch["target"][:3, 1:] = 0
one = tf.distribute.get_strategy()
_, found = trained(many, batch, epochs=1, momentum=0.0)
halves = [{name: rows[part] for name, rows in batch.items()} for part in (slice(3), slice(3, 6))]
(_, first), (_, second) = (trained(one, half, epochs=1, momentum=0.0) for half in halves)
_, whole = trained(one, batch, epochs=1, momentum=0.0)
assert max(np.abs(a - b).max() for a, b in zip(whole, found)) > 1e-3
for a, b, c in zip(found, first, second, strict=True):
    np.testing.assert_allclose(a, (b + c) / 2, atol=1e-6)
"""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_two_devices_train_like_one():
    process = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-2000:]

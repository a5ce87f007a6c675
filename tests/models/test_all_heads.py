"""Every head as a training pipeline feeds it: shapes that nobody knows before, half precision."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import models

WIDTH = 8
HEADS = {
    "single": lambda **policy: models.ClassificationHead(4, **policy),
    "several": lambda **policy: models.ClassificationHead(3, "several", **policy),
    "ordinal": lambda **policy: models.ClassificationHead(3, "ordinal", **policy),
    "tags": lambda **policy: models.TaggingHead(5, **policy),
    "crf": lambda **policy: models.TaggingHead(3, crf=True, **policy),
    "span": lambda **policy: models.SpanHead(longest_span=3, **policy),
    "vectors": lambda **policy: models.EmbeddingHead(5, **policy),
}


def batches():
    """Two batches of different sizes; in each the last row is padding alone."""
    rng = np.random.default_rng(0)
    for size, length in ((4, 3), (5, 6)):
        values = rng.normal(size=(size, length, WIDTH)).astype("float32")
        mask = np.arange(length) < np.array([[length], [2], *[[length]] * (size - 3), [0]])
        yield (
            values,
            mask,
            {
                "single": np.arange(size) % 4,
                "several": rng.integers(0, 2, (size, 3)),
                "ordinal": np.arange(size) % 3,
                "tags": np.where(mask, rng.integers(0, 5, mask.shape), -1),
                "crf": np.where(mask, rng.integers(-1, 3, mask.shape), -1),
                "span": np.array([[0, 0], [-1, -1], [1, 2], [-1, -1], [-1, -1]])[:size],
                "vectors": np.arange(size) // 2,
            },
        )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="shapes are known on JAX")
@pytest.mark.parametrize("name", HEADS)
def test_it_trains_on_shapes_that_nobody_knows_in_half_precision(name):
    """Loss, metric, answer and gradients are finite, and near those of single precision."""
    import tensorflow as tf

    head, reference = HEADS[name](dtype="mixed_bfloat16"), HEADS[name]()
    head.build((None, None, WIDTH))
    reference.build((None, None, WIDTH))
    reference.set_weights(head.get_weights())
    loss, (metric,) = head.make_loss(), head.make_metrics()

    def step(values, mask, labels):
        with tf.GradientTape() as tape:
            output = head(values, mask=mask, training=True)
            value = loss(labels, output)
        metric.update_state(labels, output)
        return value, tape.gradient(value, head.trainable_weights)

    arrays = [(values, mask, labels[name]) for values, mask, labels in batches()]
    specs = [
        tf.TensorSpec([None, None, WIDTH], "float32"),
        tf.TensorSpec([None, None], "bool"),
        tf.TensorSpec([None] * arrays[0][2].ndim, arrays[0][2].dtype),
    ]
    traced = tf.function(step, input_signature=specs, autograph=False)
    for values, mask, labels in arrays:
        value, gradients = traced(values, mask, labels)
        expected = float(loss(labels, reference(values, mask=mask)))
        np.testing.assert_allclose(float(value), expected, rtol=0.1)
        for gradient in gradients:
            assert np.isfinite(ops.convert_to_numpy(ops.cast(gradient, "float32"))).all()
        for x in head.answer(values, mask).values():
            assert keras.backend.standardize_dtype(x.dtype) in ("int32", "bool", "float32")
            assert np.isfinite(ops.convert_to_numpy(x)).all()
    assert 0 <= float(metric.result()) <= 1

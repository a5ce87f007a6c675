"""Metrics over padded target sequences."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_attention")
class TokenAccuracy(keras.metrics.Mean):
    """Share of real target tokens whose logit is the highest, given the true prefix.

    Args:
        pad_id: int. Label of padding, which counts for nothing.
        name: str.
        dtype: dtype of the running sums.

    Example:

    >>> metric = keras_attention.metrics.TokenAccuracy()
    >>> metric.update_state(np.array([[1, 2, 0]]), np.eye(3)[None, [1, 1, 1]])
    >>> float(metric.result())
    0.5
    """

    def __init__(self, pad_id=0, name="token_accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.pad_id = pad_id

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch: labels `(batch, target)`, logits `(batch, target, vocabulary)`."""
        y_true = ops.cast(y_true, "int32")
        real = ops.cast(ops.not_equal(y_true, self.pad_id), "float32")
        if sample_weight is not None:
            real = real * ops.cast(sample_weight, "float32")
        correct = ops.equal(y_true, ops.cast(ops.argmax(y_pred, axis=-1), "int32"))
        super().update_state(ops.cast(correct, "float32"), sample_weight=real)

    def get_config(self):
        return {**super().get_config(), "pad_id": self.pad_id}

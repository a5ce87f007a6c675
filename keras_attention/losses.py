"""Losses over padded target sequences."""

import keras
from keras import ops

from keras_attention.ops.cross_entropy import cross_entropy


@keras.saving.register_keras_serializable("keras_attention")
class SequenceCrossEntropy(keras.losses.Loss):
    """Cross-entropy per real target token, with label smoothing.

    The target distribution gives `1 - label_smoothing` to the label and spreads the rest evenly
    over the vocabulary (Szegedy et al., 2016, section 7). Padding counts for nothing: the value is
    the mean over real tokens, however much padding a batch has.

    Args:
        label_smoothing: float in [0, 1).
        pad_id: int. Label of padding; it need not be in the vocabulary.
        name: str.
        **kwargs: Keyword arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: int tensor `(batch, target)`.
        y_pred: logits, float tensor `(batch, target, vocabulary)`.

    Example:

    >>> loss = keras_attention.losses.SequenceCrossEntropy()
    >>> round(float(loss(np.array([[4, 0]]), np.zeros((1, 2, 8)))), 4)  # log(8)
    2.0794

    Reference:
        Szegedy et al., 2016, "Rethinking the Inception Architecture for Computer Vision".
    """

    def __init__(self, label_smoothing=0.0, pad_id=0, name="sequence_cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(
                f"`label_smoothing` must be in [0, 1). Received: label_smoothing={label_smoothing}"
            )
        self.label_smoothing = label_smoothing
        self.pad_id = pad_id

    def call(self, y_true, y_pred):
        is_real = ops.not_equal(y_true, self.pad_id)
        labels = ops.where(is_real, y_true, 0)
        losses = cross_entropy(labels, y_pred, self.label_smoothing)  # (batch, target)
        # Keras takes the mean over all positions: scale it to the mean over real ones.
        real_share = ops.mean(ops.cast(is_real, losses.dtype))
        real_share = ops.maximum(real_share, keras.config.epsilon())
        return ops.where(is_real, losses, 0.0) / real_share

    def get_config(self):
        return {
            **super().get_config(),
            "label_smoothing": self.label_smoothing,
            "pad_id": self.pad_id,
        }

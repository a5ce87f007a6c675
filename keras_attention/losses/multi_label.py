"""Loss of sources that have any number of labels."""

import keras
from keras import ops

from keras_attention.losses.sequence import checked_class_weight, weight_table
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class MultiLabelCrossEntropy(keras.losses.Loss):
    """Binary cross-entropy of each label, on its own, as their mean over the labels.

    ```
    -(1 / K) sum_k (w_k y_k log sigmoid(z_k) + (1 - y_k) log(1 - sigmoid(z_k)))
    ```

    Args:
        label_smoothing: float in [0, 1). The label 1 becomes `1 - label_smoothing / 2`, and 0
            becomes `label_smoothing / 2`.
        class_weight: dict of weights `w_k`, floats of at least 0, by label: how much a source that
            has the label counts. 1 for labels that are not in it.
        name: str.
        **kwargs: Keyword arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: tensor `(batch, labels)` of bool, or of 0 and 1, and -1 where it is not known
            whether the source has the label, which counts for nothing.
        y_pred: logits, float tensor `(batch, labels)`.
        sample_weight: float tensor `(batch,)`.

    Example:

    >>> loss = keras_attention.losses.MultiLabelCrossEntropy()
    >>> round(float(loss(np.array([[1, 0]]), np.zeros((1, 2)))), 4)  # log(2)
    0.6931
    """

    def __init__(
        self, label_smoothing=0.0, class_weight=None, name="multi_label_cross_entropy", **kwargs
    ):
        super().__init__(name=name, **kwargs)
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(
                f"`label_smoothing` must be in [0, 1). Received: label_smoothing={label_smoothing}"
            )
        self.label_smoothing = label_smoothing
        self.class_weight = checked_class_weight(class_weight)

    def call(self, y_true, y_pred):
        logits = at_least_float32(y_pred)
        labels = ops.cast(y_true, logits.dtype)
        if len(labels.shape) != 2 or labels.shape[-1] not in (None, logits.shape[-1]):
            raise ValueError(
                "Expected labels of shape (batch, labels), one number for each of the "
                f"{logits.shape[-1]} labels. Received: y_true.shape={tuple(labels.shape)}"
            )
        smooth = labels * (1.0 - self.label_smoothing) + self.label_smoothing / 2
        # Their sum is log(1 + exp(-|z|)) + max(z, 0) - z y, without a logarithm of zero.
        of_one = -smooth * ops.log_sigmoid(logits)
        of_zero = -(1.0 - smooth) * ops.log_sigmoid(-logits)
        weights = weight_table(self.class_weight, logits.shape[-1])
        losses = of_one * ops.convert_to_tensor(weights, logits.dtype) + of_zero
        return ops.mean(ops.where(labels < 0, 0.0, losses), axis=-1)

    def get_config(self):
        return {
            **super().get_config(),
            "label_smoothing": self.label_smoothing,
            "class_weight": self.class_weight,
        }

"""Loss of spans."""

import keras

from keras_attention.ops.spans import span_losses


@keras.saving.register_keras_serializable("keras_attention")
class SpanLoss(keras.losses.Loss):
    """Cross-entropy of where spans begin and end, the mean of both.

    Args:
        name: str.
        **kwargs: Keyword arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: int tensor `(batch, 2)`, the positions of the first and the last token of each span;
            -1 twice where there is none.
        y_pred: logits, float tensor `(batch, 2, source + 1)`, first those of no span.
        sample_weight: float tensor `(batch,)`.

    Example:

    >>> loss = keras_attention.losses.SpanLoss()
    >>> round(float(loss(np.array([[0, 2]]), np.zeros((1, 2, 4)))), 4)  # log(4)
    1.3863
    """

    def __init__(self, name="span_loss", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        if len(y_true.shape) != 2 or y_true.shape[1] not in (None, 2):
            raise ValueError(
                "Expected spans of shape (batch, 2), begin and end. "
                f"Received: y_true.shape={tuple(y_true.shape)}"
            )
        return span_losses(y_true, y_pred)

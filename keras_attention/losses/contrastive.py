"""Contrastive loss within a batch."""

import keras
from keras import ops

from keras_attention.losses.sequence import MaskedReduction, token_weights
from keras_attention.ops.precision import at_least_float32
from keras_attention.ops.similarity import log_similarity_weights


@keras.saving.register_keras_serializable("keras_attention")
class InBatchContrastive(keras.losses.Loss):
    """Vectors of one group draw near, those of other groups in the batch are pushed away.

    ```
    loss_i = -1 / |P(i)| sum_{p in P(i)} log(exp(z_i . z_p / T) / sum_{a != i} exp(z_i . z_a / T))
    ```

    (Khosla et al., 2020, equation 2.) `P(i)` are the other rows of the batch that are in the group
    of row `i`. For pairs of texts, such as questions and their replies, each pair is a group, and
    both of it stand in one batch: all others are its negatives (Henderson et al., 2017). For few
    examples of many labels, each label is a group.

    The mean is over rows that have another one of their group in the batch; the others are
    negatives only, as are rows of the group -1.

    Args:
        temperature: float, `T`.
        name: str.
        **kwargs: Keyword arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: int tensor `(batch,)`, the group of each row.
        y_pred: float tensor `(batch, dim)` of unit vectors, as of `EmbeddingHead`.
        sample_weight: float tensor `(batch,)`.

    Example:

    >>> loss = keras_attention.losses.InBatchContrastive(temperature=1.0)
    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> round(float(loss(np.array([0, 0, 1]), vectors)), 4)  # log(1 + exp(-1))
    0.3133

    Reference:
        Khosla et al., 2020, "Supervised Contrastive Learning"; Henderson et al., 2017, "Efficient
        Natural Language Response Suggestion for Smart Reply".
    """

    def __init__(self, temperature=0.05, name="in_batch_contrastive", **kwargs):
        super().__init__(name=name, **kwargs)
        if not temperature > 0:
            raise ValueError(
                f"Expected `temperature` to be positive. Received: temperature={temperature}"
            )
        self.temperature = temperature

    def __call__(self, y_true, y_pred, sample_weight=None):
        with keras.name_scope(self.name):
            y_true, vectors = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
            losses = self.call(y_true, vectors)  # (batch,)
            weights = ops.cast(ops.any(others_of_group(y_true), axis=1), losses.dtype)
            if sample_weight is not None:
                of_rows = token_weights(sample_weight, losses)
                if self.reduction in ("mean", "sum_over_batch_size"):
                    losses = losses * of_rows
                else:
                    weights = weights * of_rows
            is_mean = self.reduction in ("mean", "sum_over_batch_size")
            reduction = "mean_with_sample_weight" if is_mean else self.reduction
            return MaskedReduction(reduction=reduction, dtype=self.dtype)(losses, losses, weights)

    def call(self, y_true, y_pred):
        vectors, pairs = at_least_float32(y_pred), others_of_group(y_true)
        itself = ops.eye(ops.shape(vectors)[0], dtype="bool")
        log_weights = log_similarity_weights(
            vectors, vectors, self.temperature, ops.logical_not(itself)
        )
        count = ops.maximum(ops.sum(ops.cast(pairs, vectors.dtype), axis=1), 1.0)
        return -ops.sum(ops.where(pairs, log_weights, 0.0), axis=1) / count

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


def others_of_group(groups):
    """Bool tensor `(batch, batch)`: other rows of the same group."""
    groups = ops.reshape(ops.cast(groups, "int32"), (-1,))
    same = ops.logical_and(groups[:, None] == groups, groups[:, None] >= 0)
    return ops.logical_and(same, ops.logical_not(ops.eye(ops.shape(groups)[0], dtype="bool")))

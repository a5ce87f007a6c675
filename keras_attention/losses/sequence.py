"""Losses over padded target sequences."""

import keras
import numpy as np
from keras import ops

from keras_attention.ops.cross_entropy import cross_entropy


@keras.saving.register_keras_serializable("keras_attention")
class SequenceCrossEntropy(keras.losses.Loss):
    """Cross-entropy per real target token, with label smoothing.

    The target distribution gives `1 - label_smoothing` to the label and spreads the rest evenly
    over the vocabulary (Szegedy et al., 2016, section 7). Padding counts for nothing, however much
    of it a batch has: positions whose label is `pad_id`, and those that the Keras mask of `y_pred`
    rules out, as it comes from `Embedding(mask_zero=True)`. In NumPy, with the cross-entropies
    `losses` and the weights `w`, both `(batch, target)`, and the bool `real`:

        None, "none":                   np.where(real, w * losses, 0)
        "sum":                          np.sum((w * losses)[real])
        "sum_over_batch_size", "mean":  np.sum((w * losses)[real]) / np.sum(real)
        "mean_with_sample_weight":      np.sum((w * losses)[real]) / np.sum(w[real])

    are the values for each `reduction`; 0 where there is nothing to average. As with any loss of
    Keras, each device of a `tf.distribute` strategy averages over the tokens of its own.

    `w` is `sample_weight` times the label's `class_weight`. `fit(class_weight=...)` is not meant
    for sequences: Keras takes labels `(batch, target)` for one-hot vectors there, and weights whole
    rows by where the largest id stands. Give `class_weight` to this loss.

    Args:
        label_smoothing: float in [0, 1).
        pad_id: int. Label of padding; it need not be in the vocabulary.
        name: str.
        class_weight: dict of weights, floats of at least 0, by label. 1 for labels that are not in
            it.
        **kwargs: Keyword arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: int tensor `(batch, target)`, or `(batch, target, 1)`.
        y_pred: logits, float tensor `(batch, target, vocabulary)`.
        sample_weight: float tensor `(batch,)` or `(batch, 1)`, weights of rows, or
            `(batch, target)`, weights of tokens.

    Example:

    >>> loss = keras_attention.losses.SequenceCrossEntropy()
    >>> round(float(loss(np.array([[4, 0]]), np.zeros((1, 2, 8)))), 4)  # log(8)
    2.0794

    Reference:
        Szegedy et al., 2016, "Rethinking the Inception Architecture for Computer Vision".
    """

    def __init__(
        self,
        label_smoothing=0.0,
        pad_id=0,
        name="sequence_cross_entropy",
        class_weight=None,
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(
                f"`label_smoothing` must be in [0, 1). Received: label_smoothing={label_smoothing}"
            )
        self.label_smoothing = label_smoothing
        self.pad_id = pad_id
        self.class_weight = checked_class_weight(class_weight)

    def __call__(self, y_true, y_pred, sample_weight=None):
        with keras.name_scope(self.name):
            logits = ops.convert_to_tensor(y_pred, dtype=self.dtype)
            y_true = token_labels(y_true, logits)
            losses = self.call(y_true, logits)
            is_real = ops.cast(ops.not_equal(y_true, self.pad_id), losses.dtype)
            if self.class_weight is not None:
                losses = losses * self._class_weights(y_true, logits.shape[-1], losses.dtype)
            if sample_weight is None:
                return self._reduced(losses, is_real, y_pred)
            weights = token_weights(sample_weight, losses)
            if self.reduction == "mean_with_sample_weight":
                return self._reduced(losses, weights * is_real, y_pred)
            return self._reduced(losses * weights, is_real, y_pred)

    def call(self, y_true, y_pred):
        is_real = ops.not_equal(y_true, self.pad_id)
        labels = ops.where(is_real, y_true, 0)
        losses = cross_entropy(labels, y_pred, self.label_smoothing)  # (batch, target)
        return ops.where(is_real, losses, 0.0)

    def _reduced(self, losses, weights, y_pred):
        # Keras' "mean" divides by all positions; only this one divides by what counts.
        is_mean = self.reduction in ("mean", "sum_over_batch_size")
        reduction = "mean_with_sample_weight" if is_mean else self.reduction
        return MaskedReduction(reduction=reduction, dtype=self.dtype)(losses, y_pred, weights)

    def _class_weights(self, y_true, vocabulary_size, dtype):
        table = ops.convert_to_tensor(weight_table(self.class_weight, vocabulary_size), dtype)
        labels = ops.where(ops.not_equal(y_true, self.pad_id), y_true, 0)
        return ops.take(table, ops.cast(labels, "int32"), axis=0)

    def get_config(self):
        return {
            **super().get_config(),
            "label_smoothing": self.label_smoothing,
            "pad_id": self.pad_id,
            "class_weight": self.class_weight,
        }


class MaskedReduction(keras.losses.Loss):
    """Keras' reduction of values that are computed already, under the Keras mask of predictions.

    The mask of a tensor can be read by public means in a call of a loss only, on JAX.

    Call arguments:
        y_true: the values, float tensor `(batch, target)`.
        y_pred: tensor whose mask, if it has one, is that of the values.
        sample_weight: float tensor `(batch, target)`.
    """

    def call(self, y_true, y_pred):
        return y_true


def token_labels(y_true, y_pred):
    """Labels without the axis of size 1 at their end, which Keras' sparse losses take too.

    Args:
        y_true: Int tensor `(batch, target)` or `(batch, target, 1)`.
        y_pred: Float tensor `(batch, target, vocabulary)`.

    Returns:
        Int tensor `(batch, target)`.

    Raises:
        ValueError: The labels have another shape.
    """
    y_true = ops.convert_to_tensor(y_true)
    labels, logits = tuple(y_true.shape), tuple(y_pred.shape)
    is_longer = len(labels) == len(logits) and labels[-1] == 1
    sizes = zip(labels, logits[:-1], strict=False)
    fit = all(None in (one, other) or one == other for one, other in sizes)
    if not fit or len(labels) - is_longer != len(logits) - 1:
        raise ValueError(
            f"Expected labels of shape {logits[:-1]} or {(*logits[:-1], 1)} for logits of shape "
            f"{logits}. Received: y_true.shape={labels}"
        )
    return ops.squeeze(y_true, axis=-1) if is_longer else y_true


def token_weights(sample_weight, values):
    """Weights of every token from weights of rows or tokens.

    Args:
        sample_weight: Float tensor `(batch,)`, `(batch, 1)` or `(batch, target)`.
        values: Float tensor `(batch, target)`, what is weighted.

    Returns:
        Float tensor of the shape and dtype of `values`.

    Raises:
        ValueError: `sample_weight` has another shape.
    """
    weights = ops.convert_to_tensor(sample_weight, dtype=values.dtype)
    given, shape = tuple(weights.shape), tuple(values.shape)
    padded = given + (1,) * (len(shape) - len(given))
    sizes = zip(padded, shape, strict=False)
    fits = all(one == 1 or None in (one, other) or one == other for one, other in sizes)
    if len(given) > len(shape) or not fits:
        raise ValueError(
            "Expected `sample_weight` to have shape (batch,), (batch, 1) or (batch, target) for "
            f"labels of shape {shape}. Received: sample_weight.shape={given}"
        )
    for _ in range(len(shape) - len(given)):
        weights = ops.expand_dims(weights, axis=-1)
    return ops.broadcast_to(weights, ops.shape(values))


def weight_table(class_weight, size):
    """Weights of all labels.

    Args:
        class_weight: As `checked_class_weight` returns it.
        size: Integer, the number of labels.

    Returns:
        Float32 array `(size,)`, of ones where nothing is said.

    Raises:
        ValueError: There is no such label.
    """
    table = np.ones(size, "float32")
    if class_weight is None:
        return table
    if any(label >= size for label in class_weight):
        raise ValueError(
            f"Expected the labels of `class_weight` to be below {size}, the size of the "
            f"vocabulary. Received: class_weight={class_weight}"
        )
    table[list(class_weight)] = list(class_weight.values())
    return table


def checked_class_weight(class_weight):
    """Weights by label with int keys (JSON has none), or None."""
    if class_weight is None:
        return None
    try:
        checked = {int(label): float(weight) for label, weight in class_weight.items()}
    except (AttributeError, TypeError, ValueError):
        checked = {-1: 0.0}  # refused below, in the same words
    if any(label < 0 or not 0 <= weight < float("inf") for label, weight in checked.items()):
        raise ValueError(
            "Expected `class_weight` to be a dict of finite weights of at least 0 by label. "
            f"Received: class_weight={class_weight}"
        )
    return checked

"""Metrics over padded sequences of tokens and tags."""

import keras
from keras import ops

from keras_attention.losses import MaskedReduction, token_labels, token_weights
from keras_attention.losses.contrastive import others_of_group
from keras_attention.losses.crf import crf_labels
from keras_attention.ops import crf
from keras_attention.ops.spans import best_spans


@keras.saving.register_keras_serializable("keras_attention")
class TokenAccuracy(keras.metrics.Mean):
    """Fraction of real target tokens whose logit is the highest, given the true prefix.

    Padding counts for nothing, however much of it a batch has: positions whose label is `pad_id`,
    and those that the Keras mask of the logits rules out. With sample weights, as for
    `SequenceCrossEntropy`, it is the weighted mean: `sum(w * correct) / sum(w)` over real tokens
    of all batches.

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
        """Adds a batch: labels `(batch, target)`, logits `(batch, target, vocabulary)`.

        Labels may also be of shape `(batch, target, 1)`.
        """
        y_true = ops.cast(token_labels(y_true, ops.convert_to_tensor(y_pred)), "int32")
        weights = ops.cast(ops.not_equal(y_true, self.pad_id), "float32")
        if sample_weight is not None:
            weights = weights * token_weights(sample_weight, weights)
        weights = MaskedReduction(reduction=None, dtype="float32")(weights, y_pred)
        correct = ops.equal(y_true, ops.cast(ops.argmax(y_pred, axis=-1), "int32"))
        # One row of tokens: Keras takes the mean of each row first, by its length with padding.
        correct, weights = ops.cast(ops.ravel(correct), "float32"), ops.ravel(weights)
        super().update_state(correct, sample_weight=weights)

    def get_config(self):
        return {**super().get_config(), "pad_id": self.pad_id}


@keras.saving.register_keras_serializable("keras_attention")
class CRFAccuracy(keras.metrics.Mean):
    """Fraction of known tags that are those of the most probable row of a `TaggingHead(crf=True)`.

    Positions whose tag is -1, and those that are not in the chain, count for nothing.

    Args:
        name: str.
        dtype: dtype of the running sums.

    Example:

    >>> from keras_attention.ops import crf
    >>> transitions = crf.Transitions(np.zeros((2, 2)), np.zeros(2), np.zeros(2))
    >>> scores, mask = np.array([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]]), np.ones((1, 3), bool)
    >>> metric = keras_attention.metrics.CRFAccuracy()
    >>> metric.update_state(np.array([[0, 0, -1]]), crf.pack(scores, mask, transitions))
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch: tags `(batch, source)` and what the head returned."""
        packed = ops.convert_to_tensor(y_pred)
        y_true = crf_labels(y_true, packed)
        emissions, transitions, mask = crf.unpack(packed)
        tags, _ = crf.viterbi(emissions, transitions, mask)
        weights = ops.cast(ops.logical_and(mask, y_true >= 0), "float32")
        if sample_weight is not None:
            weights = weights * token_weights(sample_weight, weights)
        correct = ops.cast(ops.equal(y_true, tags), "float32")
        super().update_state(ops.ravel(correct), sample_weight=ops.ravel(weights))


@keras.saving.register_keras_serializable("keras_attention")
class LabelSetAccuracy(keras.metrics.Mean):
    """Fraction of sources all of whose labels are right, where each has any number of labels.

    Args:
        name: str.
        dtype: dtype of the running sums.

    Example:

    >>> metric = keras_attention.metrics.LabelSetAccuracy()
    >>> metric.update_state(np.array([[1, 0], [0, 1]]), np.array([[2.0, -1.0], [2.0, 1.0]]))
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch: labels and logits `(batch, labels)`; labels of -1 are not known."""
        labels = ops.cast(ops.convert_to_tensor(y_true), "int32")
        right = ops.equal(labels > 0, ops.convert_to_tensor(y_pred) > 0)
        weights = ops.cast(ops.any(labels >= 0, axis=-1), "float32")
        if sample_weight is not None:
            weights = weights * token_weights(sample_weight, weights)
        correct = ops.all(ops.logical_or(labels < 0, right), axis=-1)
        super().update_state(ops.cast(correct, "float32"), sample_weight=weights)


@keras.saving.register_keras_serializable("keras_attention")
class SpanAccuracy(keras.metrics.Mean):
    """Fraction of spans, or of rows without one, that are right at both ends.

    Args:
        longest_span: int, the highest number of positions of an answer, or None.
        name: str.
        dtype: dtype of the running sums.

    Example:

    >>> logits = np.zeros((1, 2, 4))
    >>> logits[0, 0, 1] = logits[0, 1, 2] = 5.0  # from position 0 to 1, behind the place of none
    >>> metric = keras_attention.metrics.SpanAccuracy()
    >>> metric.update_state(np.array([[0, 1]]), logits)
    >>> float(metric.result())
    1.0
    """

    def __init__(self, longest_span=None, name="accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.longest_span = longest_span

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch: spans `(batch, 2)` and logits `(batch, 2, source + 1)`."""
        begin, end, _ = best_spans(ops.convert_to_tensor(y_pred), self.longest_span)
        spans = ops.cast(ops.convert_to_tensor(y_true), "int32")
        right = ops.logical_and(begin == spans[:, 0], end == spans[:, 1])
        super().update_state(ops.cast(right, "float32"), sample_weight=sample_weight)

    def get_config(self):
        return {**super().get_config(), "longest_span": self.longest_span}


@keras.saving.register_keras_serializable("keras_attention")
class NearestAccuracy(keras.metrics.Mean):
    """Fraction of rows whose nearest other row in the batch, by cosine, is of their group.

    Rows without another one of their group in the batch count for nothing.

    Args:
        name: str.
        dtype: dtype of the running sums.

    Example:

    >>> vectors = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    >>> metric = keras_attention.metrics.NearestAccuracy()
    >>> metric.update_state(np.array([0, 0, 1]), vectors)
    >>> float(metric.result())
    1.0
    """

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch: groups `(batch,)` and unit vectors `(batch, dim)`."""
        groups, vectors = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        pairs = others_of_group(groups)
        itself = ops.eye(ops.shape(vectors)[0], dtype="bool")
        cosines = ops.where(itself, -2.0, ops.matmul(vectors, ops.transpose(vectors)))
        nearest = ops.argmax(cosines, axis=1)
        right = ops.take_along_axis(pairs, ops.expand_dims(nearest, axis=1), axis=1)[:, 0]
        weights = ops.cast(ops.any(pairs, axis=1), "float32")
        if sample_weight is not None:
            weights = weights * token_weights(sample_weight, weights)
        super().update_state(ops.cast(right, "float32"), sample_weight=weights)

"""Loss of a conditional random field."""

import keras
from keras import ops

from keras_attention.losses.sequence import MaskedReduction, token_weights
from keras_attention.ops import crf


@keras.saving.register_keras_serializable("keras_attention")
class CRFLoss(keras.losses.Loss):
    """Negative log-likelihood of rows of tags under a linear-chain conditional random field.

    It reads what `TaggingHead(crf=True)` returns: the scores of tags and those of transitions in
    one tensor, so that both learn from it. Where a tag is -1 and the position is in the chain, it
    is summed over: the likelihood is that of all rows with the known tags.

    The mean is over tags that are known, as that of `SequenceCrossEntropy`, not over rows: with
    transitions of zero both have the same value, and losses of tags and of labels stay of one
    size. In NumPy, with the likelihoods, the weights `w` and the counts of known tags, `(batch,)`:

        None, "none":                   -w * log_likelihoods
        "sum":                          -np.sum(w * log_likelihoods)
        "sum_over_batch_size", "mean":  -np.sum(w * log_likelihoods) / np.sum(counts)
        "mean_with_sample_weight":      -np.sum(w * log_likelihoods) / np.sum(w * counts)

    Args:
        name: str.
        **kwargs: Keyword arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: int tensor `(batch, source)`.
        y_pred: float tensor `(batch, source + tags + 2, tags + 1)`, see
            `keras_attention.ops.crf.pack`.
        sample_weight: float tensor `(batch,)` or `(batch, 1)`, weights of rows.

    Example:

    >>> from keras_attention.ops import crf
    >>> transitions = crf.Transitions(np.zeros((8, 8)), np.zeros(8), np.zeros(8))
    >>> packed = crf.pack(np.zeros((1, 2, 8)), np.array([[True, False]]), transitions)
    >>> round(float(keras_attention.losses.CRFLoss()(np.array([[4, -1]]), packed)), 4)  # log(8)
    2.0794

    Reference:
        Lafferty, McCallum and Pereira, 2001, "Conditional Random Fields: Probabilistic Models for
        Segmenting and Labeling Sequence Data".
    """

    def __init__(self, name="crf_loss", **kwargs):
        super().__init__(name=name, **kwargs)

    def __call__(self, y_true, y_pred, sample_weight=None):
        with keras.name_scope(self.name):
            packed = ops.convert_to_tensor(y_pred, dtype=self.dtype)
            y_true = crf_labels(y_true, packed)
            losses = self.call(y_true, packed)  # (batch,)
            if self.reduction in (None, "none", "sum"):
                return MaskedReduction(reduction=self.reduction, dtype=self.dtype)(
                    losses, losses, sample_weight
                )
            is_known = ops.logical_and(y_true >= 0, crf.unpack(packed)[2])
            counts = ops.sum(ops.cast(is_known, losses.dtype), axis=1)
            losses = losses / ops.maximum(counts, 1.0)
            if sample_weight is not None:
                weights = token_weights(sample_weight, losses)
                if self.reduction == "mean_with_sample_weight":
                    counts = counts * weights
                else:
                    losses = losses * weights
            mean = MaskedReduction(reduction="mean_with_sample_weight", dtype=self.dtype)
            return mean(losses, losses, counts)

    def call(self, y_true, y_pred):
        emissions, transitions, mask = crf.unpack(y_pred)
        return -crf.log_likelihood(y_true, emissions, transitions, mask)


def crf_labels(y_true, packed):
    """Tags without the axis of size 1 at their end.

    Args:
        y_true: Int tensor `(batch, source)` or `(batch, source, 1)`.
        packed: Float tensor, see `keras_attention.ops.crf.pack`.

    Returns:
        Int32 tensor `(batch, source)`.

    Raises:
        ValueError: The tags have another shape.
    """
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == 3 and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    rows, length, width = packed.shape
    expected = rows, None if length is None else length - width - 1
    given = tuple(y_true.shape)
    sizes = zip(given, expected, strict=False)
    fits = all(None in (one, other) or one == other for one, other in sizes)
    if len(given) != 2 or not fits:
        raise ValueError(
            f"Expected tags of shape {expected} for the output of a `TaggingHead(crf=True)` of "
            f"shape {tuple(packed.shape)}. Received: y_true.shape={given}"
        )
    return ops.cast(y_true, "int32")

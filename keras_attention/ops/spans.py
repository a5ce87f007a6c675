"""Spans of a sequence: where they begin and end, or that there is none.

Logits have the shape `(batch, 2, source + 1)`: those of the begin and of the end, first for no span
and then for each position.
"""

from keras import ops

from keras_attention.ops.largest import largest
from keras_attention.ops.precision import at_least_float32

LOWEST = -1e30


def log_softmax(logits):
    """Logarithms of the softmax over the last axis, of any length; at least float32."""
    logits = at_least_float32(logits)
    shifted = logits - ops.stop_gradient(largest(logits, keepdims=True))
    return shifted - ops.log(ops.sum(ops.exp(shifted), axis=-1, keepdims=True))


def span_losses(spans, logits):
    """Cross-entropy of the begins and ends of spans.

    Args:
        spans: int tensor `(batch, 2)`, the positions of the first and of the last token, -1 twice
            where there is no span.
        logits: float tensor `(batch, 2, source + 1)`.

    Returns:
        Tensor `(batch,)`, the mean of both; NaN for a position that does not exist.
    """
    log_probabilities = log_softmax(logits)
    places = ops.expand_dims(ops.cast(spans, "int32") + 1, axis=-1)  # (batch, 2, 1)
    here = ops.equal(places, ops.arange(ops.shape(logits)[-1], dtype="int32"))
    losses = -ops.sum(ops.where(here, log_probabilities, 0.0), axis=-1)
    return ops.mean(ops.where(ops.any(here, axis=-1), losses, float("nan")), axis=-1)


def best_spans(logits, longest=None):
    """The most probable span of each row, or that there is none.

    A span ends where it begins or later. The probability of one is the product of those of its
    begin and end, divided by the sum of such products over all spans that there can be and none.

    Args:
        logits: float tensor `(batch, 2, source + 1)`.
        longest: int, the highest number of positions of a span, or None.

    Returns:
        Begins and ends, int32 `(batch,)`, -1 where there is none, and the probability of each,
        float `(batch,)`.
    """
    log_probabilities = log_softmax(logits)
    begin, end = log_probabilities[:, 0, 1:], log_probabilities[:, 1, 1:]  # (batch, source)
    batch, length = ops.shape(begin)
    pairs = ops.expand_dims(begin, axis=-1) + ops.expand_dims(end, axis=1)
    positions = ops.arange(length, dtype="int32")
    distances = positions[None, :] - positions[:, None]  # (source, source), of the end
    fits = distances >= 0
    if longest is not None:
        fits = ops.logical_and(fits, distances < longest)
    pairs = ops.where(fits, pairs, LOWEST)  # (batch, source, source)
    none = log_probabilities[:, 0, :1] + log_probabilities[:, 1, :1]
    choices = ops.concatenate([none, ops.reshape(pairs, (batch, length * length))], axis=1)
    best, place = ops.top_k(choices, 1)  # each (batch, 1)
    total = ops.sum(ops.exp(choices - best), axis=1)
    place = ops.cast(place[:, 0], "int32") - 1  # -1 is none
    length = ops.maximum(length, 1)
    is_none = place < 0
    return (
        ops.where(is_none, -1, place // length),
        ops.where(is_none, -1, place % length),
        1 / total,
    )

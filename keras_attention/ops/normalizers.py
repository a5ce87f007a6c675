"""Normalisers: from scores to weights over the last axis.

Each is a function `normalizer(scores, mask=None) -> weights`. Weights are computed in float32 (in
float64 for float64 scores) and returned in the dtype of the scores. Where `mask` is False the
weight is exactly zero and no gradient passes. Scores that overflowed count as the largest number.

**A row that may attend to nothing has zero weights.**
"""

import keras
import numpy as np
from keras import ops

from keras_attention.ops.fitting import as_bool
from keras_attention.ops.largest import largest
from keras_attention.ops.precision import at_least_float32
from keras_attention.ops.registered import registered_name


def softmax(scores, mask=None):
    """Weights in proportion to the exponentials of the scores.

    `weights[j] = exp(scores[j]) / sum_i exp(scores[i])`, `i` over the allowed positions.

    Args:
        scores: Float tensor of shape `(..., query, key)`.
        mask: Bool tensor that broadcasts to the scores, True = may attend, or None.

    Returns:
        Weights of the shape and dtype of `scores`.
    """
    allowed = _allowed_scores(scores, mask)
    if allowed.shape[-1] == 1:
        # A source of one token is no mistake, as `keras.ops.softmax` would warn.
        weights = ops.ones_like(allowed) + 0.0 * allowed
    else:
        weights = ops.softmax(allowed, axis=-1)
    return _finish(weights, scores, mask)


def sparsemax(scores, mask=None):
    """The point of the probability simplex nearest to the scores: mostly exact zeros.

    `weights[j] = max(scores[j] - tau, 0)`, tau such that the weights sum to one.

    Args:
        scores: Float tensor of shape `(..., query, key)`.
        mask: Bool tensor that broadcasts to the scores, True = may attend, or None.

    Returns:
        Weights of the shape and dtype of `scores`.

    Reference:
        Martins and Astudillo, 2016, "From Softmax to Sparsemax", proposition 1 and algorithm 1.
    """
    z = _distance_from_top(_allowed_scores(scores, mask))
    ordered, rank = _ordered_with_rank(z)
    sums = ops.cumsum(ordered, axis=-1)
    taus = (sums - 1.0) / rank  # (..., query, key): tau if the support had `rank` members
    threshold = _at_last_true(ordered > taus, taus)
    # Differentiating through the sort is not needed: given the support, tau is a mean.
    support = ops.cast(z > ops.stop_gradient(threshold), z.dtype)
    size = ops.sum(support, axis=-1, keepdims=True)
    tau = (ops.sum(support * z, axis=-1, keepdims=True) - 1.0) / size
    return _finish(support * (z - tau), scores, mask)


def entmax15(scores, mask=None):
    """Entmax with alpha 1.5: between softmax and sparsemax, smooth and with exact zeros.

    `weights[j] = max(scores[j] / 2 - tau, 0) ** 2`, tau such that the weights sum to one.

    Args:
        scores: Float tensor of shape `(..., query, key)`.
        mask: Bool tensor that broadcasts to the scores, True = may attend, or None.

    Returns:
        Weights of the shape and dtype of `scores`.

    Reference:
        Peters, Niculae and Martins, 2019, "Sparse Sequence-to-Sequence Models", algorithm 2.
    """
    z = _distance_from_top(_allowed_scores(scores, mask) / 2.0)
    ordered, rank = _ordered_with_rank(z)
    mean = ops.cumsum(ordered, axis=-1) / rank
    mean_square = ops.cumsum(ops.square(ordered), axis=-1) / rank
    taus = _entmax15_tau(mean, rank * (mean_square - ops.square(mean)), rank)
    threshold = _at_last_true(ordered >= taus, taus)
    support = ops.cast(z > ops.stop_gradient(threshold), z.dtype)
    size = ops.sum(support, axis=-1, keepdims=True)
    mean = ops.sum(support * z, axis=-1, keepdims=True) / size
    deviation = ops.sum(support * ops.square(z - mean), axis=-1, keepdims=True)
    tau = _entmax15_tau(mean, deviation, size)
    return _finish(support * ops.square(z - tau), scores, mask)


def hardmax(scores, mask=None):
    """All weight on the highest score (the first of equals), with softmax' gradient.

    The straight-through estimator: the forward pass is the one-hot vector, the backward pass that
    of softmax.

    Args:
        scores: Float tensor of shape `(..., query, key)`.
        mask: Bool tensor that broadcasts to the scores, True = may attend, or None.

    Returns:
        Weights of the shape and dtype of `scores`.

    Reference:
        Bengio, Leonard and Courville, 2013, "Estimating or Propagating Gradients Through
        Stochastic Neurons".
    """
    allowed = _allowed_scores(scores, mask)
    highest = ops.cast(allowed >= largest(allowed, keepdims=True), "int32")
    first = ops.cast(ops.cumsum(highest, axis=-1) * highest == 1, allowed.dtype)
    soft = softmax(allowed)
    # In this order the difference is exactly zero and the forward value exactly one-hot.
    return _finish(first + (soft - ops.stop_gradient(soft)), scores, mask)


def sigmoid(scores, mask=None):
    """A gate for each position on its own: `1 / (1 + exp(-score))`; rows need not sum to one.

    Args:
        scores: Float tensor of shape `(..., query, key)`.
        mask: Bool tensor that broadcasts to the scores, True = may attend, or None.

    Returns:
        Weights of the shape and dtype of `scores`.
    """
    return _finish(ops.sigmoid(_allowed_scores(scores, mask)), scores, mask)


_NORMALIZERS = {
    function.__name__: function for function in (softmax, sparsemax, entmax15, hardmax, sigmoid)
}


def get(identifier):
    """The normaliser of a name, or the given function itself.

    Args:
        identifier: One of "softmax", "sparsemax", "entmax15", "hardmax", "sigmoid", the registered
            name of a function of one's own (`keras.saving.register_keras_serializable`), or a
            function `(scores, mask) -> weights`.

    Returns:
        A function `(scores, mask=None) -> weights`.

    Raises:
        ValueError: If the name is unknown.
    """
    if callable(identifier) and not isinstance(identifier, type):
        return identifier
    function = _NORMALIZERS.get(identifier) if isinstance(identifier, str) else None
    if function is None and isinstance(identifier, str):
        function = keras.saving.get_registered_object(identifier)
    if function is None:
        raise ValueError(
            f"Expected `normalizer` to be a function or one of {sorted(_NORMALIZERS)}. "
            f"Received: normalizer={identifier!r}"
        )
    return function


def serialize(normalizer):
    """The name under which `get` finds this function again.

    Args:
        normalizer: A function that `get` returned.

    Returns:
        A string.

    Raises:
        ValueError: If it is a function that is not registered.
    """
    for name, function in _NORMALIZERS.items():
        if function is normalizer:
            return name
    return registered_name(normalizer, "normalizer")


def _allowed_scores(scores, mask):
    """Scores in float32, all finite, the lowest number where the mask is False."""
    scores = at_least_float32(scores)
    limits = np.finfo(keras.backend.standardize_dtype(scores.dtype))
    # A quarter of the range: the difference of two scores stays finite as well.
    highest = float(limits.max) / 4
    scores = ops.clip(scores, -highest, highest)
    return scores if mask is None else ops.where(as_bool(mask), scores, float(limits.min) / 4)


def _finish(weights, scores, mask):
    """Weights in the scores' dtype, exactly zero where the mask is False."""
    if mask is not None:
        weights = ops.where(as_bool(mask), weights, 0.0)
    return ops.cast(weights, ops.convert_to_tensor(scores).dtype)


def _distance_from_top(scores):
    """How far each score lies below the highest of its row, cut off at -2.

    Sparsemax and entmax give no weight at a distance of one or more, so that nothing is lost,
    masked positions stay clear of the threshold, and their sums cannot overflow.
    """
    return ops.maximum(scores - largest(scores, keepdims=True), -2.0)


def _ordered_with_rank(z):
    """The row in descending order, and 1, 2, 3, ... beside it."""
    ordered = ops.flip(ops.sort(ops.stop_gradient(z), axis=-1), axis=-1)
    return ordered, ops.cumsum(ops.ones_like(ordered), axis=-1)


def _at_last_true(condition, values):
    """The value at the last True of each row; the condition is True first, then False."""
    count = ops.sum(ops.cast(condition, "int32"), axis=-1, keepdims=True)
    position = ops.cumsum(ops.ones_like(condition, dtype="int32"), axis=-1)
    return ops.sum(ops.where(position == count, values, 0.0), axis=-1, keepdims=True)


def _entmax15_tau(mean, deviation, size):
    """Tau of a support, from its mean, its sum of squared distances to the mean, and its size."""
    return mean - ops.sqrt(ops.maximum((1.0 - deviation) / size, 0.0))

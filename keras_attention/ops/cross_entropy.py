"""Cross-entropy of logits whose last axis is a vocabulary."""

from keras import ops

from keras_attention.ops.largest import largest
from keras_attention.ops.precision import at_least_float32


def cross_entropy(labels, logits, label_smoothing=0.0):
    """Cross-entropy of each token, in few passes over the logits.

        - sum_v target[v] log softmax(logits)[v]

    where `target` gives `1 - label_smoothing` to the label and spreads the rest evenly (Szegedy et
    al., 2016, section 7). In a training step logits and their gradient are the largest tensors by
    far; a compiled graph on TensorFlow has one more of that size here, or none, where it can write
    over the logits, and, backwards, a bool for each of their elements.

    Unlike Keras' own, it has a gradient written by hand: JAX differentiates it backwards only, and
    Torch once.

    Args:
        labels: Int tensor of shape `(...)`, from 0 to below `vocabulary`.
        logits: Float tensor of shape `(..., vocabulary)`, the vocabulary static.
        label_smoothing: Float in [0, 1).

    Returns:
        Tensor of shape `(...)`, float32, or float64 for such logits. A label that is not in the
        vocabulary is an error where the backend can raise one, as TensorFlow without XLA on a CPU;
        else its loss is NaN.

    Raises:
        ValueError: The shapes do not belong together, or the vocabulary is not known.

    Example:

    >>> from keras import ops
    >>> from keras_attention.ops.cross_entropy import cross_entropy
    >>> [round(float(loss), 4) for loss in cross_entropy(ops.array([2]), ops.zeros((1, 8)))]
    [2.0794]

    Reference:
        Szegedy et al., 2016, "Rethinking the Inception Architecture for Computer Vision".
    """
    labels, logits = ops.cast(labels, "int32"), at_least_float32(logits)
    _check_shapes(labels.shape, logits.shape)
    size = logits.shape[-1]
    labels = ops.expand_dims(labels, axis=-1)  # (..., 1)

    @ops.custom_gradient
    def losses(labels, logits):
        of_label, target = _of_label_and_target(labels, logits, label_smoothing)
        # The target is not above the largest, but for rounding, which does no harm. It is asked for
        # so that TensorFlow computes it before what follows, and that can write over the logits.
        shift = ops.maximum(largest(logits, keepdims=True), target)
        powers = ops.exp(logits - shift)  # (..., vocabulary)
        total = ops.sum(powers, axis=-1, keepdims=True)

        def gradient(*args, upstream=None):
            if upstream is None:  # the Torch backend passes it by name
                (upstream,) = args
            # The gradient of the label apart, of shape `(..., 1)`, and chosen by `where`: adding it
            # to one place of each row would copy all of `of_others`.
            of_others = powers * (upstream / total)
            at_label = ops.exp(of_label - shift) * (upstream / total)
            if label_smoothing:
                rest = label_smoothing / size * upstream
                of_others, at_label = of_others - rest, at_label - rest
            at_label = at_label - (1.0 - label_smoothing) * upstream
            is_label = ops.equal(labels, ops.arange(size, dtype=labels.dtype))
            return None, ops.where(is_label, at_label, of_others)

        return ops.log(total) + (shift - target), gradient

    return ops.squeeze(losses(labels, logits), axis=-1)


def _of_label_and_target(labels, logits, label_smoothing):
    """The label's logit, and the mean of all logits under the target; each `(..., 1)`."""
    size = logits.shape[-1]
    # Below zero an index counts from the end; there it would still be below zero.
    index = ops.where(labels < 0, labels - size, labels)
    of_label = ops.take_along_axis(logits, index, axis=-1)
    of_label = ops.where(ops.logical_and(labels >= 0, labels < size), of_label, float("nan"))
    if not label_smoothing:
        return of_label, of_label
    mean = ops.mean(logits, axis=-1, keepdims=True)
    return of_label, (1.0 - label_smoothing) * of_label + label_smoothing * mean


def _check_shapes(labels, logits):
    sizes = zip(labels, logits[:-1], strict=False)
    differ = any(one != other for one, other in sizes if None not in (one, other))
    if differ or len(labels) != len(logits) - 1:
        raise ValueError(
            "Labels must have the shape of the logits without their last axis. Received: "
            f"labels.shape={tuple(labels)}, logits.shape={tuple(logits)}"
        )
    if logits[-1] is None:
        raise ValueError(f"The vocabulary must be static. Received: logits.shape={tuple(logits)}")

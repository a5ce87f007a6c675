"""Cross-entropy of logits whose last axis is a vocabulary."""

from keras import ops


def cross_entropy(labels, logits, label_smoothing=0.0):
    """Cross-entropy of each token, in few passes over the logits.

        - sum_v target[v] log softmax(logits)[v]

    where `target` gives `1 - label_smoothing` to the label and spreads the rest evenly (Szegedy et
    al., 2016, section 7). Logits and their gradient are the largest tensors of a training step by
    far. This asks for no other of their size, and where a backend computes in place, for one only.

    Args:
        labels: Int tensor of shape `(...)`, from 0 to below `vocabulary`.
        logits: Float tensor of shape `(..., vocabulary)`.
        label_smoothing: Float in [0, 1).

    Returns:
        Float tensor of shape `(...)`. A label that is not in the vocabulary is an error with
        TensorFlow on a CPU, which can raise one, and else has NaN.

    Raises:
        ValueError: The shapes do not belong together.

    Reference:
        Szegedy et al., 2016, "Rethinking the Inception Architecture for Computer Vision".
    """
    _check_shapes(labels.shape, logits.shape)
    size = logits.shape[-1]
    labels = ops.where(labels < 0, size, labels)  # below zero would count from the end
    labels = ops.expand_dims(labels, axis=-1)  # (..., 1)

    @ops.custom_gradient
    def losses(labels, logits):
        of_label, target = _of_label_and_target(labels, logits, label_smoothing)
        # The target is not above the largest. It is asked for here so that it is computed before
        # what follows, which can then overwrite the logits.
        shift = ops.maximum(ops.max(logits, axis=-1, keepdims=True), target)
        powers = ops.exp(logits - shift)  # (..., vocabulary)
        total = ops.sum(powers, axis=-1, keepdims=True)

        def gradient(*args, upstream=None):
            if upstream is None:  # the Torch backend passes it by name
                (upstream,) = args
            of_others = powers * (upstream / total)
            at_label = ops.exp(of_label - shift) * (upstream / total)
            if label_smoothing:
                rest = label_smoothing / size * upstream
                of_others, at_label = of_others - rest, at_label - rest
            at_label = at_label - (1.0 - label_smoothing) * upstream
            is_label = ops.equal(labels, ops.arange(size, dtype=labels.dtype))
            return None, ops.where(is_label, at_label, of_others)

        return ops.log(total) + shift - target, gradient

    return ops.squeeze(losses(labels, logits), axis=-1)


def _of_label_and_target(labels, logits, label_smoothing):
    """The label's logit, and the mean of all logits under the target; each `(..., 1)`."""
    of_label = ops.take_along_axis(logits, labels, axis=-1)
    of_label = ops.where(labels < logits.shape[-1], of_label, float("nan"))
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

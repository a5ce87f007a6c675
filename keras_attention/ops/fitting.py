"""Whether what is combined with scores fits them, as far as sizes are known before the run."""

from keras import ops


def check_fits(name, tensor, shape):
    """Refuses a tensor that does not broadcast to a shape.

    The whole block of scores would notice; the cheap ways, which cut parts out of masks and biases,
    would give a result.

    Args:
        name: What the error calls the tensor.
        tensor: A tensor, or None, which always fits.
        shape: As many sizes as the tensor should have axes; what is no integer is not known yet.

    Raises:
        ValueError: If a known size is neither 1 nor that of the shape.
    """
    if tensor is None:
        return
    given, sizes = tuple(tensor.shape), tuple(_known(size) for size in shape)
    pairs = zip(given, sizes, strict=False)
    if len(given) != len(sizes) or not all(_fits(one, other) for one, other in pairs):
        raise ValueError(
            f"Expected `{name}` to broadcast to {sizes}. Received: {name}.shape={given}"
        )


def fit_bias(bias, scores_shape):
    """A bias with all axes of the scores; those it lacks are put in front, as in NumPy.

    Args:
        bias: Float tensor that broadcasts to `(batch, heads, query, key)`, or None.
        scores_shape: `(batch, heads, query, key)`, what is no integer not known yet.

    Returns:
        Float tensor of rank 4, or None.

    Raises:
        ValueError: If it does not broadcast.
    """
    if bias is None:
        return None
    bias = ops.convert_to_tensor(bias)
    missing = len(scores_shape) - len(bias.shape)
    if missing > 0:
        bias = ops.expand_dims(bias, axis=tuple(range(missing)))
    check_fits("bias", bias, scores_shape)
    return bias


def _known(size):
    return size if isinstance(size, int) else None


def _fits(size, whole):
    return _known(size) is None or size == 1 or whole is None or size == whole

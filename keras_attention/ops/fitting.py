"""Whether masks and biases are what they should be, as far as it is known before the run."""

import keras
import numpy as np
from keras import ops


def known(x):
    """The numbers of a tensor, where they are known.

    Args:
        x: A tensor or an array.

    Returns:
        A NumPy array; None while `x` is symbolic or traced.
    """
    try:
        return ops.convert_to_numpy(x)
    except (NotImplementedError, TypeError, ValueError):  # TensorFlow's, JAX' and Keras' tracers.
        return None


def as_bool(mask, name="mask"):
    """A mask as bool, True = may attend.

    Where the numbers of a mask are not known, in a functional model or a compiled function, those
    above zero are True. An additive mask, 0 where a query may attend and -1e9 where it may not,
    then lets nothing be attended to; it is never read as its opposite.

    Args:
        mask: Tensor of bool, or of zeros and ones.
        name: What the error calls it.

    Returns:
        Bool tensor of the same shape.

    Raises:
        ValueError: As `check_mask`.

    Example:

    >>> import numpy as np
    >>> from keras_attention.ops.fitting import as_bool
    >>> [bool(real) for real in as_bool(np.array([1, 1, 0]))]
    [True, True, False]
    """
    if not isinstance(mask, keras.KerasTensor):
        mask = ops.convert_to_tensor(mask)
    if keras.backend.standardize_dtype(mask.dtype) == "bool":
        return mask
    check_mask(name, mask)
    return ops.greater(mask, 0)


def check_mask(name, mask):
    """Refuses a mask of other numbers than 0 and 1, where its numbers are known.

    Args:
        name: What the error calls the mask.
        mask: A tensor or an array.

    Raises:
        ValueError: If it has other numbers, as an additive mask has.
    """
    if keras.backend.standardize_dtype(mask.dtype) == "bool":
        return
    numbers = known(mask)
    if numbers is not None:
        _check_numbers(name, numbers)


def _check_numbers(name, numbers):
    if not ((numbers == 0) | (numbers == 1)).all():
        raise ValueError(
            f"Expected `{name}` to be bool, or of zeros and ones: True or 1 where a query may "
            f"attend. An additive mask becomes one by `{name} == 0`. Received: {name} with numbers "
            f"from {numbers.min():g} to {numbers.max():g}"
        )


def bool_where_known(name, mask):
    """A mask as a bool tensor, where its numbers are known.

    Args:
        name: What the error calls the mask.
        mask: A tensor, an array, lists of bool or of zeros and ones, or None.

    Returns:
        Bool tensor of the same shape; a mask whose numbers are not known yet, and None, as it is.

    Raises:
        ValueError: As `check_mask`, or if lists are of different lengths.
    """
    if isinstance(mask, (list, tuple)):
        mask = _array_of_lists(name, mask)
    dtype = getattr(mask, "dtype", None)
    if dtype is None or keras.backend.standardize_dtype(dtype) == "bool":
        return mask
    numbers = known(mask)
    if numbers is None:
        return mask
    _check_numbers(name, numbers)
    return ops.convert_to_tensor(numbers == 1, dtype="bool")


def _array_of_lists(name, mask):
    try:
        array = np.array(mask)
    except (TypeError, ValueError):  # rows of different lengths
        array = None
    if array is None or array.dtype.kind not in "biuf":
        raise ValueError(
            f"Expected `{name}` to be a tensor, an array or lists of equal lengths, of bool or of "
            f"zeros and ones. Received: {name}={mask}"
        )
    return array


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

"""Arguments of layers: numbers within their bounds, objects by name or as they are, shapes."""

import math
import operator
from numbers import Real

import keras
import numpy as np


def as_python(value):
    """Numbers of NumPy as Python's own, which are written to files and are sizes of shapes.

    Args:
        value: A number, an array, or a list or tuple of numbers.

    Returns:
        The same in Python's numbers, an array as a list; anything else as it is.
    """
    if isinstance(value, (list, tuple)):
        return type(value)(as_python(one) for one in value)
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def check_count(name, value, lowest=1):
    """Refuses what is no integer, or below the lowest.

    Args:
        name: The argument's name.
        value: What was given.
        lowest: 1 or 0.

    Returns:
        The value as an `int`.

    Raises:
        ValueError: If it is something else.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise ValueError(f"Expected `{name}` to be an integer. Received: {name}={value!r}")
    if number < lowest:
        bound = "to be positive" if lowest else "not to be negative"
        raise ValueError(f"Expected `{name}` {bound}. Received: {name}={value}")
    return number


def check_number(name, value, zero=False):
    """Refuses what is no finite number, or negative, or zero.

    Args:
        name: The argument's name.
        value: What was given.
        zero: Whether zero is allowed.

    Returns:
        The value, one of NumPy as Python's own.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"Expected `{name}` to be a finite number. Received: {name}={value!r}")
    if value < 0 or (value == 0 and not zero):
        bound = "not to be negative" if zero else "to be positive"
        raise ValueError(f"Expected `{name}` {bound}. Received: {name}={value}")
    return as_python(value)


def check_dropout(dropout):
    """Refuses what is no share of weights to set to zero.

    Args:
        dropout: What was given.

    Returns:
        The value, one of NumPy as Python's own.

    Raises:
        ValueError: If it is no number from 0 to below 1.
    """
    if not isinstance(dropout, Real) or isinstance(dropout, bool) or not 0 <= dropout < 1:
        raise ValueError(f"Expected 0 <= dropout < 1. Received: dropout={dropout!r}")
    return as_python(dropout)


def get_object(name, identifier, base, named=(), optional=True):
    """The object of an argument.

    Args:
        name: The argument's name.
        identifier: An instance of `base`, its configuration, a name, or None.
        base: A class.
        named: Dict of names to classes that need no arguments.
        optional: Whether None is allowed.

    Returns:
        An instance of `base`, or None.

    Raises:
        ValueError: If it is something else.
    """
    if isinstance(identifier, base) or (optional and identifier is None):
        return identifier
    if isinstance(identifier, str) and identifier in named:
        return named[identifier]()
    if isinstance(identifier, dict) and "class_name" in identifier:
        return get_object(name, keras.saving.deserialize_keras_object(identifier), base, named)
    kinds = [f"an instance of `{base.__name__}`"]
    kinds += [f"one of {sorted(named)}"] if named else []
    kinds += ["None"] if optional else []
    raise ValueError(
        f"Expected `{name}` to be {', or '.join(kinds)}. Received: {name}={identifier!r}"
    )


def get_objects(name, identifiers, base, named=()):
    """The objects of an argument that is a list.

    Args:
        name: The argument's name.
        identifiers: List or tuple of what `get_object` takes.
        base: A class.
        named: Dict of names to classes that need no arguments.

    Returns:
        List of instances of `base`.

    Raises:
        ValueError: If it is no list, or holds something else.
    """
    if not isinstance(identifiers, (list, tuple)):
        raise ValueError(
            f"Expected `{name}` to be a list of instances of `{base.__name__}`"
            + (f", or of names: {sorted(named)}" if named else "")
            + f". Received: {name}={identifiers!r}"
        )
    return [get_object(name, each, base, named, optional=False) for each in identifiers]


def check_same_size(query_shape, key_shape):
    """Refuses queries and keys that cannot be multiplied.

    Args:
        query_shape: `(batch, query, dim)`.
        key_shape: `(batch, key, dim)`.

    Raises:
        ValueError: If their last dimensions differ.
    """
    if query_shape[-1] != key_shape[-1]:
        raise ValueError(
            "Expected query and key to have the same last dimension. "
            f"Received: query_shape={query_shape}, key_shape={key_shape}"
        )


def standardize_axes(attention_axes):
    """The argument `attention_axes` as a tuple.

    Args:
        attention_axes: An integer, a list, tuple or array of integers, or None.

    Returns:
        Tuple of integers, or None.

    Raises:
        ValueError: If it is something else.
    """
    if attention_axes is None:
        return None
    axes = as_python(attention_axes)
    axes = axes if isinstance(axes, (list, tuple)) else (axes,)
    if not axes or not all(type(axis) is int for axis in axes):  # True is an `int` too
        raise ValueError(
            "Expected `attention_axes` to be an integer, a list or tuple of integers, or None. "
            f"Received: attention_axes={attention_axes!r}"
        )
    return tuple(axes)


def standardize_output_shape(output_shape):
    """The argument `output_shape` as a tuple.

    Args:
        output_shape: A positive integer, a list or tuple of them, or None.

    Returns:
        Tuple of integers, or None.

    Raises:
        ValueError: If it is something else.
    """
    if output_shape is None:
        return None
    sizes = as_python(output_shape)
    sizes = sizes if isinstance(sizes, (list, tuple)) else (sizes,)
    if not sizes or not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(
            "Expected `output_shape` to be a positive integer, a list or tuple of them, or None. "
            f"Received: output_shape={output_shape!r}"
        )
    return tuple(sizes)

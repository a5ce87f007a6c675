"""Numbers that layers take as arguments: of the right kind and within their bounds."""

import math
import operator
from numbers import Real

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

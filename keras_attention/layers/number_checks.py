"""Numbers that layers take as arguments: of the right kind and within their bounds."""

import math
import operator
from numbers import Real


def check_count(name, value, lowest=1):
    """Refuses what is no integer, or below the lowest.

    Args:
        name: The argument's name.
        value: What was given.
        lowest: 1 or 0.

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


def check_number(name, value, zero=False):
    """Refuses what is no finite number, or negative, or zero.

    Args:
        name: The argument's name.
        value: What was given.
        zero: Whether zero is allowed.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"Expected `{name}` to be a finite number. Received: {name}={value!r}")
    if value < 0 or (value == 0 and not zero):
        bound = "not to be negative" if zero else "to be positive"
        raise ValueError(f"Expected `{name}` {bound}. Received: {name}={value}")


def check_dropout(dropout):
    """Refuses what is no share of weights to set to zero.

    Args:
        dropout: What was given.

    Raises:
        ValueError: If it is no number from 0 to below 1.
    """
    if not isinstance(dropout, Real) or isinstance(dropout, bool) or not 0 <= dropout < 1:
        raise ValueError(f"Expected 0 <= dropout < 1. Received: dropout={dropout!r}")

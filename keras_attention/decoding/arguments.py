"""Checks of arguments, of searches and constraints, and of models."""

import math
import operator
from numbers import Real


def positive_integer(name, value):
    """`value` as an int, or a ValueError that names the argument."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0  # not an integer: refused below, in the same words
    if number < 1 or isinstance(value, bool):
        raise ValueError(
            f"`{name}` is expected to be an integer of at least 1. Received: {name}={value!r}"
        )
    return number


def integer(name, value):
    """`value` as an int, or a ValueError that names the argument."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None  # refused below, in the same words
    if number is None or isinstance(value, bool):
        raise ValueError(f"`{name}` is expected to be an integer. Received: {name}={value!r}")
    return number


def finite(name, value, lowest=-math.inf, highest=math.inf):
    """`value` as a float, or a ValueError that names the argument."""
    if not _is_real(value) or not math.isfinite(value) or not lowest <= value <= highest:
        bounds = "" if lowest == -math.inf else f" and at least {lowest}"
        bounds += "" if highest == math.inf else f" and at most {highest}"
        raise ValueError(
            f"`{name}` is expected to be a finite number{bounds}. Received: {name}={value!r}"
        )
    return float(value)


def share(name, value):
    """`value` as a float in [0, 1), such as a dropout, or a ValueError that names the argument."""
    if not _is_real(value) or not 0 <= value < 1:
        raise ValueError(
            f"`{name}` is expected to be at least 0 and below 1. Received: {name}={value!r}"
        )
    return float(value)


def fraction(name, value):
    """`value` as a float in (0, 1], or None, or a ValueError that names the argument."""
    if value is None:
        return None
    if not _is_real(value) or not 0 < value <= 1:
        raise ValueError(
            f"`{name}` is expected to be None or above 0 and at most 1. Received: {name}={value!r}"
        )
    return float(value)


def _is_real(value):
    return isinstance(value, Real) and not isinstance(value, bool)

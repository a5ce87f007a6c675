"""Checks of the arguments of searches and constraints."""

import math
import operator


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


def finite(name, value, lowest=-math.inf):
    """`value` as a float, or a ValueError that names the argument."""
    if not math.isfinite(value) or value < lowest:
        bound = "" if lowest == -math.inf else f" and at least {lowest}"
        raise ValueError(f"`{name}` is expected to be finite{bound}. Received: {name}={value}")
    return float(value)


def fraction(name, value):
    """`value` as a float in (0, 1], or None, or a ValueError that names the argument."""
    if value is None:
        return None
    if not 0 < value <= 1:
        raise ValueError(
            f"`{name}` is expected to be None or above 0 and at most 1. Received: {name}={value!r}"
        )
    return float(value)

"""The shape that the content of a JSON file must have, and the first part that has another.

A shape is written like the content. A type stands for its values (`float` for every finite number,
`int` for no bool), a list of one shape for a list of any length, a dict for an object that has at
least these keys, `{str: shape}` for an object with any keys, a tuple for one shape of several,
`Optional(shape)` for a key that may be missing, `AtLeast(1)` for an integer with a lowest value.
"""

from typing import NamedTuple

_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a finite number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    type(None): "null",
}
_LONGEST = 60  # Characters of a received value that an error shows.


class Optional(NamedTuple):
    """The shape of a key that may be missing."""

    shape: object


class AtLeast(NamedTuple):
    """An integer that is not below `lowest`."""

    lowest: int


def mismatch(content, shape, name=""):
    """What is wrong with the first part of some content that has not its shape.

    Args:
        content: what `json.loads` returned.
        shape: see the module.
        name: str. The part that `content` is of a file, such as `search.config`.

    Returns:
        A phrase, or None if all of it fits.

    Example:

    >>> mismatch({"files": {"a": 1}}, {"files": {str: str}})
    'expected `files.a` to be a string. Received: 1'
    """
    if isinstance(shape, tuple) and not isinstance(shape, AtLeast):
        if any(mismatch(content, choice) is None for choice in shape):
            return None
        return _expected(" or ".join(map(_described, shape)), content, name)
    kind = type(shape) if isinstance(shape, dict | list) else shape
    if not _is(content, kind):
        return _expected(_described(kind), content, name)
    return next(filter(None, _inside(content, shape, name)), None)


def _inside(content, shape, name):
    """What is wrong with each part of an object or of a list."""
    if isinstance(shape, list):
        for place, item in enumerate(content):
            yield mismatch(item, shape[0], f"{name}[{place}]")
    elif isinstance(shape, dict) and str in shape:
        for key, item in content.items():
            yield mismatch(item, shape[str], _joined(name, key))
    elif isinstance(shape, dict):
        for key, inner in shape.items():
            if key in content:
                inner = inner.shape if isinstance(inner, Optional) else inner
                yield mismatch(content[key], inner, _joined(name, key))
            elif not isinstance(inner, Optional):
                yield f"it has no `{_joined(name, key)}`"


def _is(value, kind):
    if isinstance(kind, AtLeast):
        return _is(value, int) and value >= kind.lowest
    if kind is float:
        return not isinstance(value, bool) and isinstance(value, int | float) and abs(value) < 1e300
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _described(kind):
    if isinstance(kind, AtLeast):
        return f"an integer of at least {kind.lowest}"
    return _NAMES[type(kind) if isinstance(kind, dict | list) else kind]


def _expected(what, content, name):
    received = repr(content)
    received = received if len(received) <= _LONGEST else received[:_LONGEST] + "…"
    return f"expected {f'`{name}`' if name else 'it'} to be {what}. Received: {received}"


def _joined(name, key):
    return f"{name}.{key}" if name else key

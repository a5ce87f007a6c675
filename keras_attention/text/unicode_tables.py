"""What the Unicode Character Database says, as small sorted NumPy tables.

They are made from Python's `unicodedata` when a tokenizer first needs them and become constants
of the graph. Unicode never changes the normalisation of an assigned character, so two Python
versions can differ only on characters that the older one does not know.
"""

import unicodedata
from functools import lru_cache
from typing import NamedTuple

import numpy as np

LAST = 0x30000  # beyond it nothing decomposes, combines or has a lower case
HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)
HANGUL_VOWELS_AND_TAILS = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))


class Expansions(NamedTuple):
    """Code points that turn into one or several others: `values[start : start + length]`."""

    keys: np.ndarray  # (entries,) sorted
    starts: np.ndarray  # (entries,)
    lengths: np.ndarray  # (entries,)
    values: np.ndarray  # (all values,)


class Mapping(NamedTuple):
    """Numbers that stand for another number."""

    keys: np.ndarray  # (entries,) sorted
    values: np.ndarray  # (entries,)


@lru_cache
def decompositions(form):
    """Full decompositions that a form begins with, without the Hangul syllables (they stay).

    Args:
        form: `"NFC"`, whose decompositions are canonical, or `"NFKC"`, compatibility ones.
    """
    decomposed = form.replace("C", "D")
    points = (point for point in _points() if point not in HANGUL_SYLLABLES)
    return _expansions({p: unicodedata.normalize(decomposed, chr(p)) for p in points})


@lru_cache(maxsize=1)
def lower_cases():
    """Full lower-case mappings of single code points."""
    return _expansions({point: chr(point).lower() for point in _points()})


@lru_cache(maxsize=1)
def combining_classes():
    """Canonical combining classes, where they are not 0."""
    classes = {point: unicodedata.combining(chr(point)) for point in _points()}
    return _mapping({point: value for point, value in classes.items() if value}, np.int32)


@lru_cache(maxsize=1)
def compositions():
    """Primary composites: `first << 21 | second` to the composed code point, without Hangul."""
    return _mapping({a << 21 | b: whole for (a, b), whole in _pairs().items()}, np.int64)


@lru_cache(maxsize=1)
def composable_boundaries():
    """Where ranges of code points begin and end that may join what stands before them."""
    marks = combining_classes().keys.tolist()
    seconds = (second for _, second in _pairs())
    return _boundaries({*marks, *seconds, *HANGUL_VOWELS_AND_TAILS})


@lru_cache
def changeable_boundaries(form):
    """Where ranges begin and end that a form may touch: text without them is in the form already.

    Args:
        form: `"NFC"` or `"NFKC"`.
    """
    points = {p for p in _points() if not unicodedata.is_normalized(form, chr(p))}
    points.update(combining_classes().keys.tolist(), HANGUL_VOWELS_AND_TAILS)
    points.update(second for _, second in _pairs())
    return _boundaries(points)


@lru_cache(maxsize=1)
def white_space_boundaries():
    """Where ranges begin and end of what `str.isspace` calls a space."""
    return _boundaries(point for point in _points() if chr(point).isspace())


@lru_cache(maxsize=1)
def _pairs():
    pairs = {}
    for point in _points():
        parts = unicodedata.decomposition(chr(point)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            first, second = (int(part, 16) for part in parts)
            if unicodedata.normalize("NFC", chr(first) + chr(second)) == chr(point):
                pairs[first, second] = point
    return pairs


def _points():
    return (point for point in range(LAST) if not 0xD800 <= point < 0xE000)


def _expansions(texts):
    changed = sorted((point, text) for point, text in texts.items() if text != chr(point))
    lengths = np.array([len(text) for _, text in changed], np.int32)
    values = [ord(character) for _, text in changed for character in text]
    return Expansions(
        keys=np.array([point for point, _ in changed], np.int32),
        starts=np.cumsum(lengths, dtype=np.int32) - lengths,
        lengths=lengths,
        values=np.array(values, np.int32),
    )


def _mapping(entries, dtype):
    keys = sorted(entries)
    values = [entries[key] for key in keys]
    return Mapping(np.array(keys, dtype), np.array(values, np.int32))


def _boundaries(points):
    inside = np.zeros(LAST + 1, bool)
    inside[sorted(points)] = True
    return np.flatnonzero(np.diff(inside, prepend=False)).astype(np.int32)

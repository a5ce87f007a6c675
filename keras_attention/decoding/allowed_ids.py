"""A constraint to a part of the vocabulary."""

import operator

import keras
import numpy as np
from keras import ops

from keras_attention.decoding.constraint import Constraint


@keras.saving.register_keras_serializable("keras_attention")
class AllowedIds(Constraint):
    """Allows a set of tokens, the same at every step or another at each.

    Args:
        ids: Either integers, the tokens allowed everywhere, beside the end token, which always is;
            or for each step a sequence of integers; or a bool table `(steps, vocabulary)`. The last
            step holds for all that follow, and the end token is allowed only where it stands.

    Example:

    >>> AllowedIds([5, 7])
    AllowedIds(ids=[5, 7])
    >>> AllowedIds(np.array([[False, True, True], [True, False, False]]))
    AllowedIds(ids=[[1, 2], [0]])
    """

    def __init__(self, ids):
        self.ids = _integers(ids)

    def allowed(self, prefixes):
        """The tokens of the step: see `Constraint`."""
        steps = self.ids if isinstance(self.ids[0], list) else [[*self.ids, prefixes.end_id]]
        table = np.zeros((len(steps), prefixes.vocabulary), bool)
        for step, ids in enumerate(steps):
            if max(ids) >= prefixes.vocabulary:
                raise ValueError(
                    f"Expected ids below the size of the vocabulary, {prefixes.vocabulary}. "
                    f"Received: ids={ids}"
                )
            table[step, ids] = True
        table = ops.convert_to_tensor(table)  # (steps, vocabulary)
        if len(steps) == 1:
            return table
        return ops.take(table, ops.minimum(prefixes.length, len(steps) - 1), axis=0)[None]

    def get_config(self):
        """The arguments that make an equal constraint."""
        return {"ids": self.ids}


def _integers(ids):
    """`ids` as a list of int, or as a list of lists of int; a ValueError for anything else."""
    try:
        items = [_plain(item) for item in _plain(ids)]
        plain = _places(items) if _is_table(items) else [_integer(item) for item in items]
        kinds = {type(item) for item in plain}
        flat = sum(plain, []) if kinds == {list} else plain
        fits = len(kinds) == 1 and [] not in plain and min(flat) >= 0
    except (TypeError, ValueError):
        fits = False  # refused below, in the same words
    if not fits:
        raise ValueError(
            "Expected `ids` to be integers of at least 0, some for each step or for all, or a bool "
            f"table `(steps, vocabulary)`. Received: ids={ids!r}"
        )
    return plain


def _plain(value):
    """Python numbers and lists in place of arrays, tensors, tuples and sets."""
    if hasattr(value, "shape"):
        return np.asarray(value).tolist()
    if isinstance(value, set | frozenset):
        return sorted(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple | range) else value


def _is_table(items):
    rows = all(isinstance(row, list) and all(isinstance(x, bool) for x in row) for row in items)
    return rows and len(set(map(len, items))) == 1


def _places(rows):
    """Where each row of a bool table is True."""
    return [[place for place, allowed in enumerate(row) if allowed] for row in rows]


def _integer(item):
    if isinstance(item, list):
        return [_integer(element) for element in item]
    if isinstance(item, bool):  # Python takes it for 0 or 1.
        raise TypeError(f"Expected an integer. Received: {item}")
    return operator.index(item)

"""Rows of ids in batches of few shapes, and what an engine finds for one of them."""

from typing import NamedTuple

import numpy as np

LENGTH_STEP = 8  # Source lengths are padded to multiples, so that few shapes are compiled.


class Found(NamedTuple):
    """One text and what the engine found for it.

    Attributes:
        text: str.
        source_ids: int32 array `(source,)`, ending in the end token.
        result: `SearchResult` of one row, without the batch axis.
    """

    text: str
    source_ids: np.ndarray
    result: object

    @property
    def is_empty(self):
        """Whether the text has no token: its answer is empty, whatever the engine found."""
        return len(self.source_ids) == 1

    @property
    def ends_at_once(self):
        """Whether the best answer to a text with tokens is the empty one."""
        return not self.is_empty and self.length() == 0 and bool(self.result.exists[0])

    def length(self, beam=0):
        """Tokens of a hypothesis."""
        return 0 if self.is_empty else int(self.result.lengths[beam])


def too_long(tokens, limit):
    """What an error says of a text with too many tokens, after its name."""
    return f"has {tokens} tokens with the end token; this model takes at most {limit}."


def pad_to_step(rows, limit):
    """Rows of at most `limit` ids, padded to one of few lengths, none of them above it.

    Args:
        rows: list of int sequences.
        limit: int.

    Returns:
        int32 array `(len(rows), length)`.
    """
    longest = max(map(len, rows))
    return pad(rows, length=min(max(1, -(-longest // LENGTH_STEP)) * LENGTH_STEP, limit))


def pad(rows, length=None, pad_id=0, dtype="int32"):
    """Rows of ids, or of other numbers, as one array, padded on the right.

    Args:
        rows: list of sequences of numbers.
        length: int. Width of the array; the longest row's if not given.
        pad_id: int.
        dtype: str, that of the array.

    Returns:
        Array `(len(rows), length)`.
    """
    length = max(map(len, rows), default=0) if length is None else length
    array = np.full((len(rows), length), pad_id, dtype)
    for index, row in enumerate(rows):
        array[index, : len(row)] = row
    return array

"""Rows that are longer than a model takes, as overlapping windows, and their answers as one."""

from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """A part of a row, as a model reads it.

    Attributes:
        ids: int array `(length,)`: the ids of the prefix, of the part, and the end token.
        places: int array `(length,)`: where each of these stands in the row.
    """

    ids: np.ndarray
    places: np.ndarray


def windows(ids, length, stride=None, prefix=0, starts=None):
    """Cut a row of ids into overlapping windows of whole tokens; each is a row by itself.

    The last window is moved back so that it is as long as the others. A row that is not too long is
    one window.

    Args:
        ids: int sequence `(tokens,)`, which ends in the end token.
        length: Integer. Ids of a window at most, prefix and end token included.
        stride: Integer. Tokens from the begin of one window to that of the next; half of what a
            window holds beside prefix and end if not given.
        prefix: Integer. How many of the first ids each window begins with, such as a question and
            its separator.
        starts: bool sequence `(tokens,)`. Where words begin: then a window does not begin inside of
            a word, if the window before it began at another one.

    Returns:
        List of `Window`, which together hold every token.

    Raises:
        ValueError: `length` leaves no room beside prefix and end token, or `stride` is not from 1
            to that room.

    Example:

    >>> [window.ids.tolist() for window in windows([5, 6, 7, 8, 9, 3], length=4, stride=2)]
    [[5, 6, 7, 3], [7, 8, 9, 3]]
    """
    ids = np.asarray(ids)
    last = len(ids) - 1
    room = length - prefix - 1
    stride = max(room // 2, 1) if stride is None else stride
    if room < 1 or not 1 <= stride <= room:
        raise ValueError(
            "Expected `length` to hold more than the prefix and the end token, and `stride` to be "
            f"from 1 to what it holds more. Received: length={length}, prefix={prefix}, "
            f"stride={stride}"
        )
    cut = []
    for begin in _begins(prefix, last, room, stride, starts):
        places = [*range(prefix), *range(begin, min(begin + room, last)), last]
        cut.append(Window(ids[places], np.array(places)))
    return cut


def _begins(first, last, room, stride, starts):
    begins = [first]
    while begins[-1] + room < last:
        begin = min(begins[-1] + stride, last - room)
        if starts is not None:
            words = np.flatnonzero(starts[begins[-1] + 1 : begin + 1])
            begin = begins[-1] + 1 + words[-1] if len(words) else begin
        begins.append(int(begin))
    return begins


def merge_tokens(windows, rows):
    """One value for each token of a row: from the window that shows most of what is around it.

    Args:
        windows: list of `Window`, all those of a row.
        rows: list of arrays `(length, ...)`, one a window: the value of each of its tokens, such
            as its tag. Padding behind the end token is ignored.

    Returns:
        An array `(tokens, ...)`.

    Example:

    >>> cut = windows([5, 6, 7, 8, 9, 3], length=4, stride=2)
    >>> merge_tokens(cut, [np.array([10, 11, 12, 13]), np.array([20, 21, 22, 23])]).tolist()
    [10, 11, 12, 21, 22, 23]

    Reference:
        Devlin et al. (2019), the "maximum context" rule of the program for SQuAD.
    """
    count = 1 + max(int(window.places[-1]) for window in windows)
    best = np.full(count, -1)
    rows = [np.asarray(row) for row in rows]
    merged = np.zeros((count, *rows[0].shape[1:]), rows[0].dtype)
    for window, row in zip(windows, rows, strict=True):
        context = _context(window.places, count)
        better = context > best[window.places]
        places = window.places[better]
        best[places] = context[better]
        merged[places] = row[: len(window.places)][better]
    return merged


def merge_weights(windows, rows, shares=None):
    """Weights over the tokens of a row: the mean of those of its windows, which still sums to 1.

    Args:
        windows: list of `Window`, all those of a row.
        rows: list of float arrays `(length,)`, one a window: weights over its tokens that sum to 1,
            such as evidence.
        shares: float sequence `(windows,)`. How much each window counts, such as the probability
            that it gives to the label of the whole; all the same if not given.

    Returns:
        A float array `(tokens,)`.

    Example:

    >>> cut = windows([5, 6, 7, 3], length=3, stride=1)
    >>> merge_weights(cut, [[0.5, 0.5, 0], [0.25, 0.75, 0]]).tolist()
    [0.25, 0.375, 0.375, 0.0]
    """
    shares = np.ones(len(windows)) if shares is None else np.asarray(shares, float)
    shares = shares / shares.sum()
    merged = np.zeros(1 + max(int(window.places[-1]) for window in windows))
    for window, row, share in zip(windows, rows, shares, strict=True):
        np.add.at(merged, window.places, share * np.asarray(row)[: len(window.places)])
    return merged


def _context(places, count):
    """How many neighbours of each token a window shows, on the side where they are fewer.

    At the two ends of the row a side has nothing more to show: it does not count.
    """
    number = np.arange(len(places))
    is_first = np.diff(places, prepend=-2) != 1  # Of a run of neighbours.
    run = np.cumsum(is_first) - 1
    firsts = np.flatnonzero(is_first)
    lasts = np.append(firsts[1:], len(places)) - 1
    firsts, lasts = firsts[run], lasts[run]
    left = np.where(places[firsts] == 0, count, number - firsts)
    right = np.where(places[lasts] == count - 1, count, lasts - number)
    return np.minimum(left, right)

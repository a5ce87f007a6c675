"""The few fixed lengths that batches are padded to."""

import numpy as np
import tensorflow as tf


def fixed_lengths(lengths, number):
    """The few lengths to pad to that waste the fewest positions.

    Exact, by dynamic programming over the different lengths: `cost[j]` is the padding of all rows
    up to the j-th length when that length is one of those chosen.

    Args:
        lengths: int array, one for each row.
        number: int. How many lengths may be chosen.

    Returns:
        Ascending tuple of at most `number` ints; the last is the longest row's.

    Example:

    >>> fixed_lengths([3, 3, 4, 9, 10], 2)
    (4, 10)
    """
    values, counts = np.unique(np.asarray(lengths), return_counts=True)
    if len(values) <= number:
        return tuple(int(value) for value in values)
    rows = np.concatenate([[0], np.cumsum(counts)])
    tokens = np.concatenate([[0], np.cumsum(values * counts)])
    # waste[i, j]: padding of the lengths i..j when all are padded to values[j].
    waste = values[None] * (rows[1:][None] - rows[:-1][:, None]) - (
        tokens[1:][None] - tokens[:-1][:, None]
    )
    waste = np.where(np.tri(len(values), k=-1, dtype=bool), np.inf, waste)
    cost, choices = waste[0], []
    for _ in range(number - 1):
        # The length chosen before j ends at i - 1; without a split, i = 0.
        split = np.concatenate([[np.inf], cost[:-1]])[:, None] + waste
        split[0] = cost
        choices.append(split.argmin(axis=0))
        cost = split.min(axis=0)
    chosen, position = [], len(values) - 1
    for choice in reversed(choices):
        begin = choice[position]
        if begin:
            chosen.append(position)
            position = begin - 1
    chosen.append(position)
    return tuple(int(values[position]) for position in sorted(set(chosen)))


def round_up(length, lengths):
    """The smallest of some ascending lengths that is at least `length`; arrays work too."""
    return np.asarray(lengths)[np.searchsorted(lengths, length)]


def round_up_in_graph(ragged, lengths):
    """The smallest of some ascending lengths that holds every row of a ragged tensor."""
    longest = tf.reduce_max(ragged.row_lengths())
    # A batch of another epoch may be longer than all of the first; the longest row is always there.
    lengths = tf.constant(lengths, tf.int64)
    return lengths[tf.searchsorted(lengths, longest[None])[0]]


def to_dense(ragged, length):
    """A ragged tensor `(rows, None)` padded with zeros to `(rows, length)`."""
    dense = ragged.to_tensor()
    return tf.pad(dense, [[0, 0], [0, tf.cast(length, tf.int32) - tf.shape(dense)[1]]])

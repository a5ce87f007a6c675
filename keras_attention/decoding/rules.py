"""All that restricts the next token in one call of a search."""

import keras
from keras import ops

from keras_attention.decoding.constraint import Prefixes
from keras_attention.decoding.state import repeat_rows
from keras_attention.ops.fitting import known
from keras_attention.ops.masks import leading_padding, padding_mask


class Rules:
    """The constraints of a search and the forced prefix of one call.

    Where the prefix says what comes, nothing else is asked. False if nothing is restricted: then no
    operation is spent on it.

    Args:
        constraints: Sequence of `Constraint`.
        prefix: int `(batch, prefix)` or None: the tokens each row begins with; it goes on freely
            where `pad_id` stands. Padding before its first token is skipped.
        source_mask: Bool `(batch, source)`, for its batch.
        width: Integer, the hypotheses each row of the batch has.
        max_length, end_id, pad_id: Integers, as the search is given them.
    """

    def __init__(self, constraints, prefix, source_mask, width, max_length, end_id, pad_id):
        self.constraints = constraints
        self.end_id = end_id
        self.pad_id = pad_id
        self.prefix = None
        if prefix is not None:
            prefix = ops.convert_to_tensor(prefix)
            _check_prefix(prefix, source_mask, max_length)
            prefix = ops.cast(prefix, "int32")
            self.given = prefix
            prefix = _to_the_left(_fill(prefix, max_length, pad_id), max_length, pad_id)
            prefix = repeat_rows(prefix, width)
            self.prefix = prefix  # (rows, max_length)

    def __bool__(self):
        return bool(self.constraints) or self.prefix is not None

    def allowed(self, ids, length, vocabulary):
        """The tokens that may come next.

        Args:
            ids: int32 `(rows, max_length)`, the hypotheses so far.
            length: int32 scalar, how many tokens of them there are.
            vocabulary: Integer, the size of the vocabulary.

        Returns:
            Bool tensor that broadcasts to `(rows, vocabulary)`.
        """
        allowed = ops.ones((1, 1), dtype="bool")
        prefixes = Prefixes(ids, length, vocabulary, self.end_id)
        for constraint in self.constraints:
            allowed = ops.logical_and(allowed, constraint.allowed(prefixes))
        if self.prefix is None:
            return allowed
        check_prefix_ids(self.given, vocabulary)
        token = ops.take(self.prefix, length, axis=1)[:, None]  # (rows, 1)
        same = ops.arange(vocabulary, dtype="int32") == token  # (rows, vocabulary)
        free = ops.logical_and(token == self.pad_id, allowed)
        return ops.logical_or(free, ops.logical_and(token != self.pad_id, same))


def _fill(prefix, max_length, pad_id):
    """The prefix with padding up to `max_length`."""
    rest = ops.full((ops.shape(prefix)[0], max_length), pad_id, dtype="int32")
    return ops.concatenate([prefix, rest], axis=1)[:, :max_length]


def _to_the_left(prefix, length, pad_id):
    """A prefix `(batch, length)` without padding before its first token."""
    first = leading_padding(padding_mask(prefix, pad_id))[:, None]  # (batch, 1)
    places = first + ops.arange(length, dtype="int32")  # (batch, length)
    moved = ops.take_along_axis(prefix, ops.minimum(places, length - 1), axis=1)
    return ops.where(places < length, moved, pad_id)


def check_prefix_ids(prefix, vocabulary):
    """Raises ValueError for ids that no vocabulary of this size has, where the ids are known.

    Args:
        prefix: int `(batch, prefix)`. While it is traced its ids are not known.
        vocabulary: Integer.
    """
    ids = known(prefix)
    if ids is not None and ids.size and not 0 <= ids.min() <= ids.max() < vocabulary:
        raise ValueError(
            f"Expected the ids of `prefix` to be at least 0 and below {vocabulary}. "
            f"Received: prefix={ids.tolist()}"
        )


def _check_prefix(prefix, source_mask, max_length):
    dtype = keras.backend.standardize_dtype(prefix.dtype)
    if "int" not in dtype:
        raise ValueError(f"Expected `prefix` to hold integers. Received: prefix.dtype={dtype}")
    rows, batch = prefix.shape[0], source_mask.shape[0]
    if len(prefix.shape) != 2 or (None not in (rows, batch) and rows != batch):
        raise ValueError(
            f"Expected `prefix` to have shape ({batch}, prefix). "
            f"Received: prefix.shape={tuple(prefix.shape)}"
        )
    if prefix.shape[1] is not None and prefix.shape[1] > max_length:
        raise ValueError(
            f"Expected `prefix` to have at most `max_length` tokens, {max_length}. "
            f"Received: prefix.shape={tuple(prefix.shape)}"
        )

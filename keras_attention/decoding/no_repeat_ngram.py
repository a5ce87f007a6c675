"""A constraint against sentences that go round in circles."""

import keras
from keras import ops

from keras_attention.decoding.arguments import positive_integer
from keras_attention.decoding.constraint import Constraint


@keras.saving.register_keras_serializable("keras_attention")
class NoRepeatNGram(Constraint):
    """Forbids what would make a sequence of `size` tokens occur twice in a sentence (Paulus et al.,
    2017, section 2.5, with `size=3`).

    Args:
        size: Integer of at least 1; with 1 no token occurs twice. The end token is free: it occurs
            once.

    Example:

    >>> from keras_attention.decoding import Beam
    >>> Beam(width=3, constraints=[NoRepeatNGram(2)]).constraints
    (NoRepeatNGram(size=2),)

    Reference:
        Paulus et al., 2017: A deep reinforced model for abstractive summarization
        (https://arxiv.org/abs/1705.04304).
    """

    def __init__(self, size):
        self.size = positive_integer("size", size)

    def allowed(self, prefixes):
        """Everything but tokens that would repeat: see `Constraint`."""
        rows, max_length = ops.shape(prefixes.ids)
        vocabulary = prefixes.vocabulary
        places = max_length - self.size + 1  # where an n-gram of the sentence can begin
        if places < 1:
            return ops.ones((1, 1), dtype="bool")
        ids = prefixes.ids
        ends = ops.arange(self.size - 1, max_length, dtype="int32")  # where each of them ends
        repeats = ops.zeros((rows, places), "bool") | (ends < prefixes.length)
        for offset in range(self.size - 1):
            last = self._token_at(ids, prefixes.length - self.size + 1 + offset)  # (rows, 1)
            repeats = ops.logical_and(repeats, ids[:, offset : offset + places] == last)
        # The last column, which nobody reads, takes what is no repetition.
        tokens = ops.where(repeats, ids[:, self.size - 1 :], vocabulary)  # (rows, places)
        flat = ops.arange(rows, dtype="int32")[:, None] * (vocabulary + 1) + tokens
        found = ops.zeros((rows * (vocabulary + 1),), dtype="int32")
        flat = ops.reshape(flat, (-1, 1))
        found = ops.scatter_update(found, flat, ops.ones_like(flat[:, 0]))
        return ops.reshape(found, (rows, vocabulary + 1))[:, :vocabulary] == 0

    def _token_at(self, ids, position):
        here = ops.arange(ids.shape[1], dtype="int32") == position  # (max_length,)
        return ops.sum(ops.where(here, ids, 0), axis=1, keepdims=True)

    def get_config(self):
        """The arguments that make an equal constraint."""
        return {"size": self.size}

"""A constraint that keeps sentences from ending early."""

import keras
from keras import ops

from keras_attention.decoding.arguments import positive_integer
from keras_attention.decoding.constraint import Constraint


@keras.saving.register_keras_serializable("keras_attention")
class MinimumLength(Constraint):
    """Forbids the end token until a sentence has so many tokens, the end token not counted.

    Args:
        tokens: Integer of at least 1.

    Example:

    >>> from keras_attention.decoding import Greedy
    >>> Greedy(max_length=9, constraints=[MinimumLength(3)])
    Greedy(max_length=9, constraints=[MinimumLength(tokens=3)])
    """

    def __init__(self, tokens):
        self.tokens = positive_integer("tokens", tokens)

    def allowed(self, prefixes):
        """Everything but the end, and from `tokens` on that too: see `Constraint`."""
        other = ops.arange(prefixes.vocabulary, dtype="int32") != prefixes.end_id
        return ops.logical_or(other, prefixes.length >= self.tokens)[None]  # (1, vocabulary)

    def get_config(self):
        """The arguments that make an equal constraint."""
        return {"tokens": self.tokens}

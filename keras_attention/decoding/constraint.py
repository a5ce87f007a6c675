"""What a constraint is given and what it answers."""

from typing import NamedTuple

import keras


class Prefixes(NamedTuple):
    """The hypotheses that a constraint is asked about, one a row."""

    ids: object  # int32 (rows, max_length), anything from `length` on
    length: object  # int32 scalar, tokens so far, the same for all rows
    vocabulary: int
    end_id: int


class Constraint:
    """A rule for what token may come next, for the `constraints` of any search.

    Constraints only take choices away: what is left is ranked and scored with the probabilities
    that the model gave it, so scores stay log-probabilities of the model. Several constraints
    together allow what all of them allow. A sentence that no constraint lets go on ends there, with
    a score of -1e30; `Beam` drops it.

    A constraint is a plain object with a config, registered, so that it is saved with its search;
    two of one class and config are equal.
    """

    def allowed(self, prefixes):
        """The tokens that may come next.

        Args:
            prefixes: See `Prefixes`.

        Returns:
            Bool tensor that broadcasts to `(rows, vocabulary)`.
        """
        raise NotImplementedError

    def get_config(self):
        """The arguments that make an equal constraint."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config):
        """A constraint from what `get_config` returned."""
        return cls(**config)

    def __eq__(self, other):
        return is_equal(self, other)

    def __hash__(self):
        return hash(type(self))

    def __repr__(self):
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def is_equal(one, other):
    """Whether two searches or constraints are of one class and have the same config."""
    if type(one) is not type(other):
        return NotImplemented
    serialized = (keras.saving.serialize_keras_object(item) for item in (one, other))
    return next(serialized) == next(serialized)


def as_constraints(constraints):
    """A tuple of constraints from a sequence of them, or of what `serialize` made of them."""
    if isinstance(constraints, Constraint):
        constraints = [constraints]
    restored = tuple(
        keras.saving.deserialize_keras_object(item) if isinstance(item, dict) else item
        for item in constraints
    )
    for constraint in restored:
        if not isinstance(constraint, Constraint):
            raise ValueError(
                "Expected `constraints` to be constraints of `keras_attention.decoding`. "
                f"Received: constraints={constraints!r}"
            )
    return restored


def serialize(constraints):
    """The configs of constraints, as JSON values."""
    return [keras.saving.serialize_keras_object(constraint) for constraint in constraints]

"""What every search is given and what it returns."""

import operator
from typing import NamedTuple


class SearchResult(NamedTuple):
    """The sentences a search found, best first.

    The end token is in none of the four, except that its log-probability is part of the score.

    Attributes:
        ids: int32 `(batch, beams, max_length)`, filled with `pad_id` from `lengths` on.
        scores: float32 `(batch, beams)`, best first along the beam axis.
        lengths: int32 `(batch, beams)`, the number of tokens without the end token.
        alignments: float32 `(batch, beams, max_length, source)`, the attention weights each token
            was chosen with; zero from `lengths` on, so the end token's row is dropped.
    """

    ids: object
    scores: object
    lengths: object
    alignments: object


class Search:
    """A search over a step function, without any knowledge of the model behind it.

    A search is a plain object with a config, so it can be saved beside a model. It uses fixed-size
    buffers and one `keras.ops.while_loop` that holds the only call of `step`: the same code runs
    eagerly, in `tf.function` with or without XLA, in `jax.jit`, in a SavedModel and as an ONNX
    Loop, and the weights `step` closes over appear once in the graph.

    A row's result does not depend on the other rows of the batch. A batch may be empty, except
    under XLA on TensorFlow. No token is forbidden: a model that gives probability to the padding
    or the start token may see them generated.

    Args:
        max_length: Integer of at least 1, the most steps taken. A sentence that has not ended by
            then is returned as it is.

    Call arguments:
        step: Function `(token_ids, state) -> (logits, state, alignment)` with `token_ids` int32
            `(rows,)`, `logits` `(rows, vocabulary)` of any float dtype and `alignment`
            `(rows, source)`. The first call is given `start_id`. The vocabulary size must be
            static. The returned state has the structure, shapes and dtypes of the given one.
            Rows whose sentence has ended are still stepped; what they return is not used.
        state: Any nest of dicts, lists and tuples whose leaves all start with the batch axis.
        source_mask: Bool `(batch, source)`, True where there is a source token.
        start_id: Integer, the token before the first one.
        end_id: Integer, the token that ends a sentence.
        pad_id: Integer, fills `ids` after the end.

    Output:
        A `SearchResult` with `beams` sentences a row.
    """

    def __init__(self, max_length=64):
        self.max_length = positive_integer("max_length", max_length)

    @property
    def beams(self):
        """The number of sentences returned for each row."""
        return 1

    def all_beams(self):
        """The same search, returning every hypothesis it keeps; itself if it keeps one."""
        return self

    def __call__(self, step, state, source_mask, start_id, end_id, pad_id=0):
        """Run the search: see the class."""
        raise NotImplementedError

    def get_config(self):
        """The arguments that make an equal search."""
        return {"max_length": self.max_length}

    @classmethod
    def from_config(cls, config):
        """A search from what `get_config` returned."""
        return cls(**config)

    def __repr__(self):
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def positive_integer(name, value):
    """`value` as an int, or a ValueError that names the argument."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0  # not an integer: refused below, in the same words
    if number < 1 or isinstance(value, bool):
        raise ValueError(
            f"`{name}` is expected to be an integer of at least 1. Received: {name}={value!r}"
        )
    return number

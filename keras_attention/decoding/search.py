"""What every search is given and what it returns."""

import ast
from typing import NamedTuple

import keras

from keras_attention.decoding.arguments import positive_integer
from keras_attention.decoding.constraint import Constraint, as_constraints, is_equal, serialize
from keras_attention.decoding.state import LOWEST
from keras_attention.errors import UserError


class SearchResult(NamedTuple):
    """The sentences a search found, best first.

    The end token is in none of the five, except that its log-probability is part of the score.

    Attributes:
        ids: int32 `(batch, beams, max_length)`, filled with `pad_id` from `lengths` on.
        scores: float32 `(batch, beams)`, best first along the beam axis.
        lengths: int32 `(batch, beams)`, the number of tokens without the end token.
        alignments: float32 `(batch, beams, max_length, source)`, the attention weights each token
            was chosen with; zero from `lengths` on, so the end token's row is dropped. None where
            they were not asked for.
        token_scores: float32 `(batch, beams, max_length)`, the log-probability `log P(y_t | y_<t,
            X)` of each token; zero from `lengths` on. Their sum and that of the end token, which a
            sentence cut off at `max_length` has none of, is `log P(Y | X)`: the score of `Greedy`
            and `Sample`, and what `Beam` and `DiverseBeam` divide and correct by their penalties
            (and, summing as they go, tell to within a rounding of the sum). None where a file that
            was exported does not tell it.
    """

    ids: object
    scores: object
    lengths: object
    alignments: object
    token_scores: object = None

    @property
    def exists(self):
        """Bool `(batch, beams)`, whether there is such a sentence.

        Fewer than `beams` may be possible; the score of the others is -1e30.
        """
        return self.scores > LOWEST / 2

    @property
    def finished(self):
        """Bool `(batch, beams)`, whether the sentence ended by itself, with the end token.

        False where `max_length` cut it off, and where there is no such sentence (see `exists`).
        """
        # The end token takes one of the steps, so a finished sentence has a token less.
        return (self.lengths < self.ids.shape[-1]) & self.exists


class Search:
    """A search over a step function, without any knowledge of the model behind it.

    A search is a plain object with a config, so it can be saved beside a model; two of one class
    and config are equal. It uses fixed-size
    buffers and one `keras.ops.while_loop` that holds the only call of `step`: the same code runs
    eagerly, in `tf.function` with or without XLA, in `jax.jit`, in a SavedModel and as an ONNX
    Loop, and the weights `step` closes over appear once in the graph.

    A row's result does not depend on the other rows of the batch. A batch may be empty, except
    under XLA on TensorFlow. No token is forbidden but by `constraints`: a model that gives
    probability to the padding or the start token may see them generated.

    Args:
        max_length: Integer of at least 1, the most steps taken. A sentence that has not ended by
            then is returned as it is.
        constraints: Sequence of `Constraint`, such as `MinimumLength(3)`. All of them hold.

    Call arguments:
        step: Function `(token_ids, state) -> (logits, state, alignment)` with `token_ids` int32
            `(rows,)`, `logits` `(rows, vocabulary)` of any float dtype and `alignment`
            `(rows, source)`. The first call is given `start_id`. The vocabulary size must be
            static. The returned state has the structure, shapes and dtypes of the given one.
            Rows whose sentence has ended are still stepped; what they return is not used.
        state: Any nest of dicts, lists and tuples whose leaves all start with the batch axis. What
            stands under a key `"shared"`, such as the memory of an encoder, is the same for all
            beams of a sentence and of every step: `step` gets it as it is, with a batch axis of
            sentences, where the rows of the rest are sentence after sentence, each with all its
            beams. What `step` returns in its place is not read.
        source_mask: Bool `(batch, source)`, True where there is a source token.
        start_id: Integer, the token before the first one; or int32 `(batch,)`, that of each row.
        end_id: Integer, the token that ends a sentence.
        pad_id: Integer, fills `ids` after the end.
        prefix: int `(batch, prefix)`, the tokens each row begins with, padded with `pad_id`; a row
            goes on freely from there. They are part of the result and count in its score, and no
            constraint forbids them. Not longer than `max_length`.
        row_keys: int32 `(batch,)`, what tells the rows apart for searches that draw random numbers;
            see `row_keys`.
        return_alignments: Bool. Whether the alignments are kept; if not, a compiled search computes
            none, but for a coverage penalty.

    Output:
        A `SearchResult` with `beams` sentences a row.
    """

    def __init__(self, max_length=64, constraints=()):
        self.max_length = positive_integer("max_length", max_length)
        self.constraints = as_constraints(constraints)

    @property
    def beams(self):
        """The number of sentences returned for each row."""
        return 1

    @property
    def empty_score_is_log_probability(self):
        """Whether the score of an empty sentence is the log-probability of its end token.

        False where a penalty is in it, or where nothing is known of the score.
        """
        return False

    def all_beams(self):
        """The same search, returning every hypothesis it keeps; itself if it keeps one."""
        return self

    def row_keys(self, source, source_mask):
        """What the call argument `row_keys` should be for a batch of sources.

        Args:
            source: int tensor `(batch, source)`, or anything else that `source_mask` fits.
            source_mask: Bool `(batch, source)`.

        Returns:
            int32 `(batch,)`, or None for a search that draws no random numbers.
        """
        return None

    def __call__(
        self,
        step,
        state,
        source_mask,
        start_id,
        end_id,
        pad_id=0,
        prefix=None,
        row_keys=None,
        return_alignments=True,
    ):
        """Run the search: see the class."""
        raise NotImplementedError

    def get_config(self):
        """The arguments that make an equal search; no `constraints` where there are none."""
        config = {"max_length": self.max_length}
        if self.constraints:
            config["constraints"] = serialize(self.constraints)
        return config

    @classmethod
    def from_config(cls, config):
        """A search from what `get_config` returned."""
        return cls(**config)

    def __eq__(self, other):
        return is_equal(self, other)

    def __hash__(self):
        return hash((type(self), self.max_length))

    def __repr__(self):
        config = self.get_config()
        if self.constraints:
            config["constraints"] = list(self.constraints)
        arguments = ", ".join(f"{name}={value!r}" for name, value in config.items())
        return f"{type(self).__name__}({arguments})"


def search_from_config(config):
    """A search from what `keras.saving.serialize_keras_object` made of it.

    Args:
        config: dict of JSON values.

    Raises:
        UserError: the class of the search, or of a constraint in it, is not known here.
    """
    for name in _registered_names(config):
        of_a_package = ">" in name  # "package>Class"; Keras finds other names by itself.
        if of_a_package and keras.saving.get_registered_object(name) is None:
            raise UserError(
                f"The search uses {name}, which is not known here: import the module that "
                "registers it first."
            )
    return keras.saving.deserialize_keras_object(config)


def search_from_repr(text):
    """A search of this package from its `repr`; older evaluations recorded that.

    Args:
        text: str, such as `"Beam(width=5, constraints=[MinimumLength(tokens=3)])"`.

    Returns:
        The search, or None where the text is no such thing.
    """
    try:
        found = _from_call(ast.parse(text, mode="eval").body)
    except Exception:  # Python's parser and constructors refuse text in many ways: it is no search.
        return None
    return found if isinstance(found, Search) else None


def _from_call(node):
    """The value of an expression of literals, searches and constraints."""
    if isinstance(node, ast.List):
        return [_from_call(item) for item in node.elts]
    if not isinstance(node, ast.Call):
        return ast.literal_eval(node)
    known = keras.saving.get_registered_object(f"keras_attention>{node.func.id}")
    if node.args or not issubclass(known, Search | Constraint):
        raise ValueError(f"Expected a search or a constraint. Received: {node.func.id}")
    return known(**{argument.arg: _from_call(argument.value) for argument in node.keywords})


def _registered_names(config):
    """The names under which the classes in a nested config are registered."""
    if isinstance(config, list | tuple):
        for item in config:
            yield from _registered_names(item)
    elif isinstance(config, dict):
        if isinstance(config.get("registered_name"), str):
            yield config["registered_name"]
        yield from _registered_names(list(config.values()))

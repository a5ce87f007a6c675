"""Step functions without a model, and ways to run a search over them."""

import functools
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

START = 99  # in no vocabulary here


def spelling_step(vocabulary):
    """Spells the row's own text, whatever it is given; looks at the source of the same place."""

    def step(token_ids, state):
        text, position = state["text"], state["position"]
        here = ops.arange(ops.shape(text)[1], dtype="int32") == position[:, None]  # (rows, source)
        token = ops.sum(ops.where(here, text, 0), axis=1)
        logits = ops.one_hot(token, vocabulary) * 5.0
        return logits, {"text": text, "position": position + 1}, ops.cast(here, "float32")

    return step


def spelling_state(texts):
    """int32 `(rows, longest)` and its state; texts are lists of ids, padded with 0."""
    longest = max(map(len, texts))
    text = np.array([text + [0] * (longest - len(text)) for text in texts], "int32")
    return {
        "text": ops.convert_to_tensor(text),
        "position": ops.zeros((len(texts),), dtype="int32"),
    }


class Problem(NamedTuple):
    """Random logits and alignments for every prefix, so nothing but the whole prefix tells them.

    Prefixes are nodes of a tree: the empty one is 0, `node` with `token` is
    `node * vocabulary + token + 1`.
    """

    logits: np.ndarray  # (batch, nodes, vocabulary)
    alignments: np.ndarray  # (batch, nodes, source)
    source_mask: np.ndarray  # (batch, source)


def prefix_problem(seed, batch, source_length, vocabulary, max_length, sharpness=1.5):
    """A `Problem` deep enough for `max_length` steps."""
    random = np.random.default_rng(seed)
    nodes = (vocabulary**max_length - 1) // (vocabulary - 1)
    logits = random.normal(size=(batch, nodes, vocabulary), scale=sharpness)
    alignments = random.dirichlet(np.full(source_length, 0.4), size=(batch, nodes))
    lengths = random.integers(1, source_length + 1, size=batch)
    source_mask = np.arange(source_length) < lengths[:, None]
    return Problem(logits.astype("float32"), alignments.astype("float32"), source_mask)


def prefix_step(token_ids, state):
    """The step function of a `Problem`."""
    rows, nodes, vocabulary = ops.shape(state["logits"])
    child = state["node"] * vocabulary + token_ids + 1
    node = ops.where(token_ids == START, 0, child)  # (rows,)
    place = ops.arange(rows, dtype="int32") * nodes + node

    def look_up(table):
        flat = ops.reshape(table, (-1, ops.shape(table)[2]))
        return ops.take(flat, place, axis=0)

    logits, alignment = look_up(state["logits"]), look_up(state["alignments"])
    return logits, {**state, "node": node}, alignment


def search_prefixes(search, end_id, **options):
    """The search as a function of the arrays of a `Problem`; `options` of its call.

    Tensors of its call, such as `prefix`, may also be given to the function, by name: one program
    then runs with all of them.
    """

    def run(logits, alignments, source_mask, **tensors):
        state = {
            "logits": logits,
            "alignments": alignments,
            "node": ops.zeros((ops.shape(logits)[0],), dtype="int32"),
        }
        return search(prefix_step, state, source_mask, START, end_id, **options, **tensors)

    return run


def arrays(result):
    """The result with NumPy arrays in it, None where there is none."""
    return type(result)(*(None if x is None else ops.convert_to_numpy(x) for x in result))


def eager(function):
    def run(problem, **tensors):
        tensors = {name: ops.convert_to_tensor(x) for name, x in tensors.items()}
        return arrays(function(*(ops.convert_to_tensor(x) for x in problem), **tensors))

    return run


def tensorflow_graph(function, **options):
    """Traced once for every batch and source length."""
    import tensorflow as tf

    @functools.cache
    def traced(nodes, vocabulary, tensors):
        names = [name for name, _ in tensors]
        signature = [
            tf.TensorSpec((None, nodes, vocabulary), tf.float32, name="logits"),
            tf.TensorSpec((None, nodes, None), tf.float32, name="alignments"),
            tf.TensorSpec((None, None), tf.bool, name="source_mask"),
            *(tf.TensorSpec((None,) * rank, tf.int32, name=name) for name, rank in tensors),
        ]

        @tf.function(input_signature=signature, **options)
        def run(*inputs):
            return function(*inputs[:3], **dict(zip(names, inputs[3:], strict=True)))

        return run

    def run(problem, **tensors):
        ranks = tuple((name, np.ndim(x)) for name, x in tensors.items())
        return arrays(traced(*problem.logits.shape[1:], ranks)(*problem, *tensors.values()))

    return run


def tensorflow_xla(function):
    return tensorflow_graph(function, jit_compile=True)


def jax_jit(function):
    import jax

    jitted = jax.jit(function)
    return lambda problem, **tensors: arrays(jitted(*problem, **tensors))


# Each makes a function of a `Problem` from one of its arrays.
RUNNERS = {
    "tensorflow": [eager, tensorflow_graph, tensorflow_xla],
    "jax": [eager, jax_jit],
}.get(keras.backend.backend(), [eager])
# Those that take a batch of no rows: XLA on TensorFlow refuses to scatter into an empty tensor.
RUNNERS_OF_NO_ROWS = [runner for runner in RUNNERS if runner is not tensorflow_xla]

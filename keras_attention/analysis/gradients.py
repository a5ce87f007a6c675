"""The gradient of a label with respect to the embedded source."""

import contextlib

import keras
import numpy as np
from keras import ops

_TINY = 1e-30  # Keeps the logarithm of a probability of 0 finite.


def gradient_times_input(model, inputs):
    """How much each source position speaks for the label that a model gives.

        w_t = sum_d  x_td * ds / dx_td             (Shrikumar et al., 2016, section 3.2)

    with the embedded source `x` and the log-odds `s` of the label. A weight below 0 speaks against
    it.

    Args:
        model: `keras_attention.models.EncoderModel` with a `ClassificationHead`, that reads ids.
        inputs: as a call of the model takes them.

    Returns:
        Float array `(batch, source)`.

    Raises:
        ValueError: the backend is neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    if backend not in _BACKENDS:
        raise ValueError(
            f"Expected the backend to be one of {', '.join(_BACKENDS)}. Received: {backend}"
        )
    embedded, gradients = _BACKENDS[backend](model, inputs)
    return np.sum(ops.convert_to_numpy(embedded * gradients), axis=-1, dtype="float32")


def log_odds(answer):
    """The log-odds of the label of each source, a tensor `(batch,)`.

    Of several labels, that of the most probable one.

    Args:
        answer: dict, as `answer` of a `ClassificationHead` returns it.
    """
    probabilities = answer["probabilities"]
    is_best = ops.one_hot(ops.argmax(probabilities, axis=-1), probabilities.shape[-1])
    best = ops.sum(is_best * probabilities, axis=-1)
    has_several = len(answer["ids"].shape) == 2
    # The sum of the small ones, not 1 - best, which is 0 where the model is sure.
    others = 1.0 - best if has_several else ops.sum((1.0 - is_best) * probabilities, axis=-1)
    return ops.log(ops.maximum(best, _TINY)) - ops.log(ops.maximum(others, _TINY))


def _total(model, inputs):
    """The log-odds of all rows, which do not depend on each other, in one number."""
    answer = model.answer(inputs)
    return ops.sum(log_odds(answer.get("labels", answer)))


def _tensorflow_gradients(model, inputs):
    import tensorflow as tf

    embedded = []
    with tf.GradientTape() as tape:

        def watch(value):
            tape.watch(value)
            embedded.append(value)
            return value

        with _embedded_as(model, watch):
            total = _total(model, inputs)
    (value,) = embedded
    return value, tape.gradient(total, value)


def _jax_gradients(model, inputs):
    import jax

    def total(change):
        embedded = []

        def moved(value):
            embedded.append(value)
            return value if change is None else value + change

        with _embedded_as(model, moved):
            return _total(model, inputs), embedded[0]

    _, value = total(None)
    gradients, _ = jax.grad(total, has_aux=True)(ops.zeros_like(value))
    return value, gradients


_BACKENDS = {"tensorflow": _tensorflow_gradients, "jax": _jax_gradients}


@contextlib.contextmanager
def _embedded_as(model, change):
    """Lets the embedding of a model return what a function makes of its output."""
    layer = model.source_embedding
    original = layer.call
    vars(layer)["call"] = lambda *args, **kwargs: change(original(*args, **kwargs))
    try:
        yield
    finally:
        del vars(layer)["call"]

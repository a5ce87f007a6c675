"""The gradient of a label with respect to the embedded source."""

import contextlib

import keras
import numpy as np
from keras import ops

_LOWEST = -1e30  # Leaves the best label out of a sum of exponentials.


def gradient_times_input(model, inputs):
    """How much each source position speaks for the label that a model gives.

        w_t = sum_d  x_td * ds / dx_td             (Shrikumar et al., 2016)

    with the embedded source `x` and the log-odds `s` of the label, before its temperature. A weight
    below 0 speaks against it.

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


def log_odds(outputs, kind):
    """How sure a model is of the label of each source.

    Args:
        outputs: float tensor `(batch, labels)`, as a call of a `ClassificationHead` gives it.
        kind: str, that of the head.

    Returns:
        Tensor `(batch,)`: the log-odds of the most probable label; of numbers the first one.
    """
    if kind == "numeric":
        return outputs[:, 0]
    if kind == "several":  # Each has a logit of its own.
        return ops.max(outputs, axis=-1)
    best = ops.argmax(outputs, axis=-1)
    is_best = ops.cast(ops.one_hot(best, outputs.shape[-1]), "bool")
    others = ops.logsumexp(ops.where(is_best, _LOWEST, outputs), axis=-1)
    return ops.max(outputs, axis=-1) - others


def _total(model, inputs):
    """The log-odds of all rows, which do not depend on each other, in one number."""
    outputs = model(inputs, training=False)
    if isinstance(outputs, dict):
        outputs, head = outputs["labels"], model.heads["labels"]
    else:
        (head,) = model.heads.values()
    return ops.sum(log_odds(outputs, head.kind))


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

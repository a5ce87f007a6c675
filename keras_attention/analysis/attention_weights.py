"""The attention weights of a whole model, for given inputs."""

import contextlib

import keras

from keras_attention.analysis.layer_names import attention_layers, select
from keras_attention.analysis.recorder import Recorder


def attention_weights(model, inputs, layers=None, training=False):
    """The weights of the attention layers of a model, for given inputs.

    It calls the model once on the inputs, and each attention layer in it, however deep inside other
    layers, keeps the weights that multiplied the values. Nothing about the model changes: it can be
    functional, sequential or subclassed, trained or loaded from a file.

    An attention layer is one whose `call` takes `return_attention_scores`: all of
    `keras_attention.layers`, `keras.layers.Attention`, `AdditiveAttention`, `MultiHeadAttention`
    and `GroupQueryAttention`, and a custom layer.

    Args:
        model: Keras model or layer. While this function runs, no other thread may call it.
        inputs: What the model takes: array, or list or dict of arrays.
        layers: Names of layers, or layers, one or a list, if not all attention layers are wanted. A
            layer that holds others stands for all attention layers in it.
        training: Whether the model runs in training mode, with dropout.

    Returns:
        A dict of NumPy array by name of layer, in the order of the model's layers:

        - `(batch, heads, query, key)` for several heads, `(batch, query, key)` for one, and
          `(batch, length)` for a pooling; a tuple of arrays for a layer that gives several, such as
          `CoAttention`.
        - The name of a layer inside others begins with theirs: `"encoder/block_0/self_attention"`.
        - A layer that is called several times has an entry for each call: `"attention"`,
          `"attention:2"`, ... A decoder that steps through the target has one, of all steps.
        - A layer that returns the weights of layers in it, such as `HierarchicalAttention`, stands
          for them.

    Raises:
        ValueError: The model has no attention layer, `layers` names one that is not there or that
            the inputs do not reach, or a layer has no weights to give, such as one of Keras with
            flash attention.

    Example:

    >>> import keras
    >>> from keras_attention import attention_weights, layers
    >>> model = keras.Sequential([
    ...     keras.layers.Embedding(11, 8, mask_zero=True),
    ...     layers.AttentionPooling(units=4, name="pooling"),
    ...     keras.layers.Dense(2)])
    >>> weights = attention_weights(model, np.array([[5, 7, 2, 0], [3, 0, 0, 0]]))
    >>> weights["pooling"].shape
    (2, 4)
    >>> weights["pooling"][1].tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    if any(not layer.built for layer in model._flatten_layers()):
        model(inputs, training=False)  # Layers may make others when they are built.
    chosen = select(attention_layers(model), layers, model)
    recorder = Recorder(chosen)
    with recorder, _eagerly():
        model(inputs, training=training)
    return recorder.weights(all_needed=layers is not None)


@contextlib.contextmanager
def _eagerly():
    """Runs compiled functions and loops as Python: what they compute can be read."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        before = tf.config.functions_run_eagerly()
        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(before)
    elif keras.backend.backend() == "jax":
        import jax

        with jax.disable_jit():
            yield
    else:
        yield

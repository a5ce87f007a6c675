"""The answers of an encoder-only model, compiled by Keras for the backend at hand."""

import keras
import numpy as np


class CompiledAnswer(keras.Model):
    """A model without a search as one compiled function from source ids to NumPy arrays.

    It owns no weights.

    Args:
        model: model with `answer(inputs)`, such as `EncoderModel`.
        **kwargs: Keyword arguments of `keras.Model`, such as `name`.

    Example:

    >>> head = keras_attention.models.ClassificationHead(num_labels=3)
    >>> model = keras_attention.models.EncoderModel(
    ...     keras_attention.models.RecurrentEncoder(units=8), head, source_vocabulary_size=11)
    >>> answer = keras_attention.models.CompiledAnswer(model)
    >>> answer.find(np.array([[4, 5, 3]], "int32"))["probabilities"].shape
    (1, 3)
    """

    def __init__(self, model, **kwargs):
        super().__init__(**kwargs)
        self.model = model
        self.compile(jit_compile=keras.backend.backend() == "jax")
        self.built = True

    def call(self, inputs):
        return self.model.answer(inputs)

    def find(self, inputs):
        """The answer to one batch.

        Args:
            inputs: array, or dict of arrays, as the model takes it.

        Returns:
            Dict of NumPy arrays, or a dict of such dicts, as `answer` of the model returns it.
        """
        return self.predict_on_batch(keras.tree.map_structure(np.asarray, inputs))

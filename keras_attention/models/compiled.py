"""Search compiled by Keras for the backend at hand."""

import keras
import numpy as np
from keras import ops

from keras_attention.decoding import SearchResult
from keras_attention.decoding.rules import check_prefix_ids
from keras_attention.models.generation import check_source
from keras_attention.models.recurrence import RECURRENT_LAYERS
from keras_attention.models.recurrent_decoder import RecurrentDecoder
from keras_attention.models.recurrent_encoder import RecurrentEncoder
from keras_attention.ops.accelerator import on_accelerator


class CompiledSearch(keras.Model):
    """A model and a search as one compiled function from source ids to NumPy results.

    `predict_on_batch` compiles it: a graph function on TensorFlow, `jit` on JAX. It owns no
    weights.

    Args:
        model: model with `generate(source, search, prefix)`, such as `Seq2Seq`.
        search: a search of `keras_attention.decoding`.
        jit_compile: bool. Whether TensorFlow compiles by XLA, anew for every shape; on a CPU
            recurrent models too. JAX always does; on Torch it is `torch.compile`.
        return_alignments: bool. Whether results hold alignments; if not, none are computed, but for
            a coverage penalty.
        **kwargs: Keyword arguments of `keras.Model`, such as `name`.

    Example:

    >>> model = keras_attention.models.Seq2Seq(
    ...     keras_attention.models.RecurrentEncoder(units=8),
    ...     keras_attention.models.ParallelDecoder(units=8),
    ...     source_vocabulary_size=11, target_vocabulary_size=13)
    >>> search = keras_attention.models.CompiledSearch(
    ...     model, keras_attention.decoding.Greedy(max_length=5))
    >>> search.generate(np.array([[4, 5, 3]], "int32")).lengths.shape
    (1, 1)
    """

    def __init__(self, model, search, jit_compile=False, return_alignments=True, **kwargs):
        super().__init__(**kwargs)
        self.model = model
        self.search = search
        self.return_alignments = return_alignments
        self.compile(jit_compile=jit_compile or keras.backend.backend() == "jax")
        self.built = True

    @property
    def jit_compile(self):
        """Whether XLA compiles the search (on Torch, `torch.compile`)."""
        return self._jit_compiles

    @jit_compile.setter
    def jit_compile(self, value):
        if value and self._refuses_for_cudnn_alone():
            self._jit_compiles = True
        else:
            keras.Model.jit_compile.fset(self, value)
            self._jit_compiles = keras.Model.jit_compile.fget(self)

    def _refuses_for_cudnn_alone(self):
        """Whether Keras would say no to XLA because of kernels that only GPUs have."""
        if keras.backend.backend() != "tensorflow" or on_accelerator():
            return False
        refusing = [layer for layer in self._flatten_layers() if not layer.supports_jit]
        recurrent = (*RECURRENT_LAYERS.values(), RecurrentEncoder, RecurrentDecoder)
        return bool(refusing) and all(isinstance(layer, recurrent) for layer in refusing)

    def call(self, inputs):
        options = {} if self.return_alignments else {"return_alignments": False}
        found = self.model.generate(search=self.search, **inputs, **options)._asdict()
        return {name: field for name, field in found.items() if field is not None}

    def make_predict_function(self, force=False):
        """The compiled search: see `keras.Model`.

        Keras' own calls a compiled function within another, which for one sentence of a small model
        takes a twentieth of its time.
        """
        if not self._is_one_program():
            return super().make_predict_function(force)
        if self.predict_function is None or force:
            import tensorflow as tf

            self.predict_function = tf.function(
                lambda batches: self.predict_step(batches[0]),
                jit_compile=True,
                reduce_retracing=True,
                autograph=False,
            )
        return self.predict_function

    def _is_one_program(self):
        """Whether XLA compiles it on TensorFlow, for one device and one batch at a time."""
        if keras.backend.backend() != "tensorflow" or not self.jit_compile or self.run_eagerly:
            return False
        return self.steps_per_execution == 1 and self.distribute_strategy.num_replicas_in_sync == 1

    def generate(self, source, prefix=None, source_mask=None):
        """Decodes one batch.

        Args:
            source: int array `(batch, source)`, or float frames.
            prefix: int array `(batch, prefix)`. Tokens each row begins with, padded with `pad_id`.
            source_mask: bool array `(batch, source)`, True at real positions; see `Seq2Seq`.

        Returns:
            `SearchResult` of NumPy arrays.
        """
        source = np.asarray(source)
        source_mask = None if source_mask is None else np.asarray(source_mask)
        check_source(self.model, source, source_mask)  # Once they are traced nothing would tell.
        inputs = {"source": source}
        if prefix is not None:
            prefix = np.asarray(prefix)
            check_prefix_ids(prefix, self.model.target_vocabulary_size)
            inputs["prefix"] = prefix
        if source_mask is not None:
            inputs["source_mask"] = source_mask
        if 0 in inputs["source"].shape[:2]:  # no shape worth a compilation
            found = keras.tree.map_structure(ops.convert_to_numpy, self.call(inputs))
        else:
            found = self.predict_on_batch(inputs)
        return SearchResult(**{"alignments": None, **found})

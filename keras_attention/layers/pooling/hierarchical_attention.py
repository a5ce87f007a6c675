"""Hierarchical attention: words make sentences, sentences make a document."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import get_object
from keras_attention.layers.base.call_checks import CheckedCall, check_masked_input
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.layers.pooling.attention_pooling import AttentionPooling
from keras_attention.layers.pooling.encoders import (
    build_encoder,
    build_once,
    encode,
    encoded_shape,
)
from keras_attention.ops.fitting import as_bool


@keras.saving.register_keras_serializable("keras_attention")
class HierarchicalAttention(WithKernels, CheckedCall, keras.layers.Layer):
    """Attention over the words of each sentence, then over the sentences of each document.

    ```
    h_it = word_encoder(x_i)_t                       (Yang et al., 2016, equations 1 to 4)
    s_i = sum_t softmax_t(tanh(W_w h_it + b_w) . u_w) h_it           (equations 5 to 7)
    h_i = sentence_encoder(s)_i
    v = sum_i softmax_i(tanh(W_s h_i + b_s) . u_s) h_i               (equations 8 to 10)
    ```

    The paper encodes with `keras.layers.Bidirectional(keras.layers.GRU(50, return_sequences=True))`
    at both places; without an encoder the vectors are pooled as they come. Its classifier
    (equation 11) is a `keras.layers.Dense` behind this layer.

    A sentence is real where one of its words is. Empty sentences have no weight, and an empty
    document becomes zeros.

    Args:
        units: Size of the hidden layer of both `AttentionPooling`.
        word_encoder: Layer from `(batch, words, dim)` to `(batch, words, word_dim)`, or None.
        sentence_encoder: Layer from `(batch, sentences, word_dim)` to
            `(batch, sentences, sentence_dim)`, or None.
        normalizer: Name or function that turns scores into weights, at both places.
        dropout: The share of weights to set to zero in training, at both places.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `kernel_initializer`, `bias_initializer`, and the regularizers and constraints of
            a Keras layer; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, sentences, words, dim)`.
        mask: Bool tensor of shape `(batch, sentences, words)`, as `keras.layers.Embedding` makes it
            of ids of that shape. True = a real word.
        return_attention_scores: Whether to return the weights too.
        training: Whether to apply dropout.

    Output:
        Document vectors of shape `(batch, sentence_dim)`, or three tensors: these, the words'
        weights of shape `(batch, sentences, words)` and the sentences' weights of shape
        `(batch, sentences)`.

    Raises:
        ValueError: If the inputs have no four axes, the mask no three, or an encoder does not
            return a sequence.

    Example:

    >>> import keras
    >>> from keras_attention.layers import HierarchicalAttention
    >>> documents = keras.random.normal((2, 3, 5, 7))
    >>> tuple(HierarchicalAttention(units=11)(documents).shape)
    (2, 7)

    Reference:
        Yang et al., 2016, "Hierarchical Attention Networks for Document Classification".
    """

    def __init__(
        self,
        units,
        word_encoder=None,
        sentence_encoder=None,
        normalizer="softmax",
        dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        encoders = {"word_encoder": word_encoder, "sentence_encoder": sentence_encoder}
        for name, encoder in encoders.items():
            setattr(self, name, get_object(name, encoder, keras.layers.Layer))
        self.seed = seed
        options = {"normalizer": normalizer, "dropout": dropout, "dtype": self.dtype_policy}
        options.update(self.kernel_arguments)
        self.word_attention = AttentionPooling(units, seed=seed, name="word_attention", **options)
        self.sentence_attention = AttentionPooling(
            units,
            seed=None if seed is None else seed + 1,  # what is dropped differs at the two places
            name="sentence_attention",
            **options,
        )
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                "Expected inputs of shape (batch, sentences, words, dim). "
                f"Received: input_shape={input_shape}"
            )
        _, sentences, words, dim = input_shape
        shape = build_encoder(self.word_encoder, "word_encoder", (None, words, dim))
        build_once(self.word_attention, shape)
        shape = (None, sentences, shape[-1])
        shape = build_encoder(self.sentence_encoder, "sentence_encoder", shape)
        build_once(self.sentence_attention, shape)

    def call(self, inputs, mask=None, return_attention_scores=False, training=None):
        batch, sentences, words, dim = ops.shape(inputs)
        options = {"return_attention_scores": True, "training": training}
        word_mask = sentence_mask = None
        if mask is not None:
            mask = as_bool(mask)
            word_mask = ops.reshape(mask, (batch * sentences, words))
            sentence_mask = ops.any(mask, axis=-1)  # (batch, sentences)

        x = ops.reshape(inputs, (batch * sentences, words, dim))
        x = encode(self.word_encoder, x, word_mask)  # (batch * sentences, words, word_dim)
        x, word_weights = self.word_attention(x, mask=word_mask, **options)
        x = ops.reshape(x, (batch, sentences, x.shape[-1]))
        x = encode(self.sentence_encoder, x, sentence_mask)  # (batch, sentences, sentence_dim)
        x, sentence_weights = self.sentence_attention(x, mask=sentence_mask, **options)
        if not return_attention_scores:
            return x  # (batch, sentence_dim)
        return x, ops.reshape(word_weights, (batch, sentences, words)), sentence_weights

    def _check_call(self, inputs=None, mask=None, *others, **options):
        axes = ("batch", "sentences", "words", "dim")
        check_masked_input(self, "inputs", inputs, axes, ("mask", mask))

    def compute_mask(self, inputs, previous_mask=None):
        """None: one vector has no padding.

        Args:
            inputs: Not needed.
            previous_mask: Not needed.

        Returns:
            None.
        """
        return None

    def compute_output_shape(self, input_shape):
        batch, sentences, words, dim = input_shape
        *_, word_dim = encoded_shape(self.word_encoder, (None, words, dim))
        *_, sentence_dim = encoded_shape(self.sentence_encoder, (None, sentences, word_dim))
        return batch, sentence_dim

    def compute_output_spec(self, inputs, mask=None, return_attention_scores=False, training=None):
        shapes = [self.compute_output_shape(inputs.shape)]
        if return_attention_scores:
            shapes += [inputs.shape[:3], inputs.shape[:2]]
        specs = tuple(keras.KerasTensor(shape, dtype=self.compute_dtype) for shape in shapes)
        return specs if return_attention_scores else specs[0]

    def get_config(self):
        config = {
            "units": self.units,
            "word_encoder": keras.saving.serialize_keras_object(self.word_encoder),
            "sentence_encoder": keras.saving.serialize_keras_object(self.sentence_encoder),
            "normalizer": self.word_attention.get_config()["normalizer"],
            "dropout": self.word_attention.dropout,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("word_encoder", "sentence_encoder"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return super().from_config(config)

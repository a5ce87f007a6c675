"""Encoder of long sources: words make sentences, sentences make a document."""

import keras
from keras import ops

from keras_attention.decoding.arguments import positive_integer
from keras_attention.layers import AttentionPooling
from keras_attention.layers.base.argument_checks import get_object
from keras_attention.layers.base.call_checks import CheckedCall, check_masked_input
from keras_attention.layers.pooling.encoders import build_encoder, encode, encoded_shape
from keras_attention.ops.fitting import as_bool


@keras.saving.register_keras_serializable("keras_attention")
class HierarchicalEncoder(CheckedCall, keras.layers.Layer):
    """Annotations of words that know the sentence they are in, and what the others say.

    ```
    h_it = word_encoder(x_i)_t                                       (Yang et al., 2016, 1 to 4)
    s_i = sum_t softmax_t(tanh(W_w h_it + b_w) . u_w) h_it           (equations 5 to 7)
    h_i = sentence_encoder(s)_i
    annotation of word t in sentence i: [h_it; h_i]
    ```

    `HierarchicalAttention` goes on to one vector of the document. Here a head of `EncoderModel`
    does so: its attention pooling over these annotations has a weight for each word, which is its
    evidence, and the sum of the weights in a sentence is that of the sentence (equation 9).

    Attention costs the square of `sentence_length`, and of the number of sentences, not of the
    length of the source. An encoder sees no full stops: chunks of `sentence_length` positions stand
    for sentences. They are counted from the first position of the source, so that padding belongs
    on the right.

    Args:
        units: int. Size of the hidden layer of the word attention.
        word_encoder: layer from `(batch, words, dim)` to `(batch, words, word_dim)`, such as
            `TransformerEncoder` or `RecurrentEncoder`, or None.
        sentence_encoder: layer from `(batch, sentences, word_dim)` to
            `(batch, sentences, sentence_dim)`, or None.
        sentence_length: int. Positions of a sentence.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: float tensor `(batch, source, features)`.
        mask: bool tensor `(batch, source)`, True at real positions.
        training: bool. Whether dropout of the encoders is active.

    Output:
        Float tensor `(batch, source, word_dim + sentence_dim)`.

    Example:

    >>> encoder = keras_attention.models.HierarchicalEncoder(
    ...     units=6, word_encoder=keras_attention.models.TransformerEncoder(1, 2, 16),
    ...     sentence_length=4)
    >>> tuple(encoder(np.ones((2, 7, 8), "float32")).shape)
    (2, 7, 16)

    Reference:
        Yang et al., 2016, "Hierarchical Attention Networks for Document Classification".
    """

    def __init__(
        self, units, word_encoder=None, sentence_encoder=None, sentence_length=16, **kwargs
    ):
        super().__init__(**kwargs)
        self.units = positive_integer("units", units)
        self.sentence_length = positive_integer("sentence_length", sentence_length)
        self.word_encoder = get_object("word_encoder", word_encoder, keras.layers.Layer)
        self.sentence_encoder = get_object("sentence_encoder", sentence_encoder, keras.layers.Layer)
        self.word_attention = AttentionPooling(
            self.units, dtype=self.dtype_policy, name="word_attention"
        )
        self.supports_masking = True

    def build(self, inputs_shape):
        words = (None, self.sentence_length, inputs_shape[-1])
        shape = build_encoder(self.word_encoder, "word_encoder", words)
        self.word_attention.build(shape)
        build_encoder(self.sentence_encoder, "sentence_encoder", (None, None, shape[-1]))

    def call(self, inputs, mask=None, training=None):
        batch, length, width = ops.shape(inputs)
        size = self.sentence_length
        if mask is None:
            mask = ops.ones((batch, length), dtype="bool")
        sentences = (length + size - 1) // size
        if isinstance(length, int):
            sentences = max(sentences, 1)  # a source of nothing is a sentence of padding
        padded = sentences * size
        x = ops.pad(inputs, ((0, 0), (0, size), (0, 0)))[:, :padded]
        mask = ops.pad(as_bool(mask), ((0, 0), (0, size)), constant_values=False)[:, :padded]
        x, mask = ops.reshape(x, (-1, size, width)), ops.reshape(mask, (-1, size))

        words = encode(self.word_encoder, x, mask)  # (batch * sentences, words, word_dim)
        pooled = self.word_attention(words, mask=mask)
        pooled = ops.reshape(pooled, (batch, sentences, pooled.shape[-1]))
        is_real = ops.reshape(ops.any(mask, axis=-1), (batch, sentences))
        of_sentences = encode(self.sentence_encoder, pooled, is_real)
        of_words = ops.repeat(of_sentences, size, axis=1)  # (batch, source, sentence_dim)
        words = ops.reshape(words, (batch, padded, words.shape[-1]))
        return ops.concatenate([words, of_words], axis=-1)[:, :length]

    def _check_call(self, inputs=None, mask=None, *others, **options):
        axes = ("batch", "source", "features")
        check_masked_input(self, "inputs", inputs, axes, ("mask", mask))

    def compute_output_shape(self, inputs_shape):
        words = (None, self.sentence_length, inputs_shape[-1])
        word_dim = encoded_shape(self.word_encoder, words)[-1]
        sentence_dim = encoded_shape(self.sentence_encoder, (None, None, word_dim))[-1]
        return (*inputs_shape[:2], word_dim + sentence_dim)

    def compute_output_spec(self, inputs, mask=None, training=None):
        shape = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "word_encoder": keras.saving.serialize_keras_object(self.word_encoder),
            "sentence_encoder": keras.saving.serialize_keras_object(self.sentence_encoder),
            "sentence_length": self.sentence_length,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("word_encoder", "sentence_encoder"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)

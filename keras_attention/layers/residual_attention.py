"""Self-attention inside a residual connection."""

import keras

NORMS = ("pre", "post")


@keras.saving.register_keras_serializable("keras_attention")
class ResidualAttention(keras.layers.Layer):
    """Self-attention added to its own input, with layer normalisation before or behind.

    - "pre": `x + dropout(attention(norm(x)))`, which trains without a warm-up;
    - "post": `norm(x + dropout(attention(x)))`, as Vaswani et al., 2017, section 5.4 and figure 1.

    Args:
        attention: Attention layer whose context has the size of its query: `MultiHeadAttention`
            and its relatives, or a single-head layer.
        norm: "pre" or "post".
        dropout: The share of the attention's features to set to zero in training.
        epsilon: Added to the variance by the normalisation.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, length, dim)`.
        mask: Bool tensor of shape `(batch, length)`; the Keras mask of the inputs if not given.
        attention_mask: Bool tensor of shape `(batch, length, length)`.
        use_causal_mask: Whether position `i` is kept from attending to positions after `i`.
        return_attention_scores: Whether to return the weights too.
        training: Whether to apply dropout.

    Output:
        Float tensor of shape `(batch, length, dim)`, or the pair of it and the attention's weights.
        It carries the Keras mask on; a position that is padding keeps `x`, or `norm(x)`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import MultiHeadAttention, ResidualAttention
    >>> layer = ResidualAttention(MultiHeadAttention(2, 5))
    >>> tuple(layer(keras.random.normal((2, 3, 7)), use_causal_mask=True).shape)
    (2, 3, 7)

    Reference:
        Xiong et al., 2020, "On Layer Normalization in the Transformer Architecture", table 1.
    """

    def __init__(self, attention, norm="pre", dropout=0.0, epsilon=1e-5, seed=None, **kwargs):
        super().__init__(**kwargs)
        if norm not in NORMS:
            raise ValueError(f"Expected `norm` to be one of {NORMS}. Received: norm={norm!r}")
        self.attention = attention
        self.norm = norm
        self.dropout = dropout
        self.epsilon = epsilon
        self.seed = seed
        self.normalization = keras.layers.LayerNormalization(
            epsilon=epsilon, dtype=self.dtype_policy, name="normalization"
        )
        self.dropping = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)
        self.supports_masking = True

    def build(self, input_shape):
        """Builds the attention and the normalisation.

        Args:
            input_shape: `(batch, length, dim)`.
        """
        if not self.attention.built:
            self.attention.build(input_shape, input_shape)
        context_shape = self.attention.compute_output_shape(input_shape, input_shape)
        if context_shape[-1] != input_shape[-1]:
            raise ValueError(
                "Expected an attention whose context can be added to its query. Received: "
                f"input_shape={input_shape}, context_shape={context_shape}"
            )
        if not self.normalization.built:
            self.normalization.build(input_shape)

    def call(
        self,
        inputs,
        mask=None,
        attention_mask=None,
        use_causal_mask=False,
        return_attention_scores=False,
        training=None,
    ):
        """Adds what each position finds at the others; see the class."""
        x = self.normalization(inputs) if self.norm == "pre" else inputs
        found = self.attention(
            x,
            x,
            query_mask=mask,
            value_mask=mask,
            attention_mask=attention_mask,
            use_causal_mask=use_causal_mask,
            return_attention_scores=return_attention_scores,
            training=training,
        )
        context, *weights = found if return_attention_scores else (found,)
        x = inputs + self.dropping(context, training=training)
        x = x if self.norm == "pre" else self.normalization(x)
        return (x, *weights) if return_attention_scores else x

    def compute_mask(self, inputs, previous_mask=None):
        """The mask of the inputs.

        Args:
            inputs: Not needed.
            previous_mask: The Keras mask of the inputs, or None.

        Returns:
            `previous_mask`.
        """
        return previous_mask

    def get_config(self):
        """The arguments that make this layer again."""
        config = {
            "attention": keras.saving.serialize_keras_object(self.attention),
            "norm": self.norm,
            "dropout": self.dropout,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        """A layer made from what `get_config` returned.

        Args:
            config: A dict.

        Returns:
            A `ResidualAttention`.
        """
        attention = keras.saving.deserialize_keras_object(config["attention"])
        return cls(**{**config, "attention": attention})

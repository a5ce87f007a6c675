"""Self-attention inside a residual connection."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import as_python
from keras_attention.layers.base.call_checks import CheckedCall, check_masked_input
from keras_attention.layers.base.nested import build_once
from keras_attention.ops import NO_MASKS

NORMS = ("pre", "post")


@keras.saving.register_keras_serializable("keras_attention")
class ResidualAttention(CheckedCall, keras.layers.Layer):
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
        bias: Float tensor added to the scores, for an attention that takes one.
        use_causal_mask: Whether position `i` is kept from attending to positions after `i`.
        return_attention_scores: Whether to return the weights too.
        training: Whether to apply dropout.

    Output:
        Float tensor of shape `(batch, length, dim)`, or the pair of it and the attention's weights.
        It carries the Keras mask on; a position that is padding keeps `x`, or `norm(x)`.

    Raises:
        ValueError: If `attention` is no layer, or its context cannot be added to its query.

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
        if not isinstance(attention, keras.layers.Layer):
            raise ValueError(
                "Expected `attention` to be an attention layer, as `MultiHeadAttention(2, 5)`. "
                f"Received: attention={attention!r}"
            )
        if norm not in NORMS:
            raise ValueError(f"Expected `norm` to be one of {NORMS}. Received: norm={norm!r}")
        self.attention = attention
        self.norm = norm
        self.dropout = dropout
        self.epsilon = as_python(epsilon)
        self.seed = seed
        self.normalization = keras.layers.LayerNormalization(
            epsilon=epsilon, dtype=self.dtype_policy, name="normalization"
        )
        self.dropping = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)
        self.supports_masking = True

    def build(self, input_shape):
        build_once(self.attention, self, input_shape, input_shape)
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
        bias=None,
    ):
        x = self._before(inputs)
        found = self.attention(
            x,
            x,
            query_mask=mask,
            value_mask=mask,
            attention_mask=attention_mask,
            use_causal_mask=use_causal_mask,
            return_attention_scores=return_attention_scores,
            training=training,
            **({} if bias is None else {"bias": bias}),
        )
        context, *weights = found if return_attention_scores else (found,)
        x = self._after(inputs, context, training)
        return (x, *weights) if return_attention_scores else x

    def _check_call(
        self,
        inputs=None,
        mask=None,
        attention_mask=None,
        use_causal_mask=False,
        *others,
        **options,
    ):
        axes = ("batch", "length", "dim")
        check_masked_input(self, "inputs", inputs, axes, ("mask", mask), more=2)
        check = getattr(self.attention, "_check_call", None)
        if check is not None and inputs is not None:
            masks = {"attention_mask": attention_mask, "use_causal_mask": use_causal_mask}
            check(inputs, inputs, **masks)

    def _before(self, inputs):
        # Cast here: a decoder that steps comes from outside of Keras' autocast.
        inputs = ops.cast(inputs, self.compute_dtype)
        return self.normalization(inputs) if self.norm == "pre" else inputs

    def _after(self, inputs, context, training=None):
        x = ops.cast(inputs, self.compute_dtype) + self.dropping(context, training=training)
        return x if self.norm == "pre" else self.normalization(x)

    def project_memory(self, inputs, **options):
        """All that depends on what is attended to alone, for `step`.

        Args:
            inputs: Float tensor of shape `(batch, length, dim)`.
            **options: The attention's own, as `positions` of `MultiHeadAttention`.

        Returns:
            What the attention's `project_memory` returns.
        """
        return self.attention.project_memory(self._before(inputs), **options)

    def start(self, memory):
        """The state before the first step.

        Args:
            memory: What `project_memory` returned.

        Returns:
            What the attention's `start` returns.
        """
        return self.attention.start(memory)

    def step(self, inputs, memory, masks=NO_MASKS, state=None, training=None):
        """The next position; stepping through all of them gives the same as `call`.

        Args:
            inputs: Float tensor of shape `(batch, 1, dim)`.
            memory: What `project_memory` returned.
            masks: `keras_attention.ops.Masks` for this one position; never `causal`.
            state: What `start` or the step before returned.
            training: Whether to apply dropout.

        Returns:
            Output `(batch, 1, dim)`, the attention's weights, and the new state.
        """
        x = self._before(inputs)
        context, weights, state = self.attention.step(x, memory, masks, state, training)
        return self._after(inputs, context, training), weights, state

    def compute_mask(self, inputs, previous_mask=None):
        """The mask of the inputs.

        Args:
            inputs: Not needed.
            previous_mask: The Keras mask of the inputs, or None.

        Returns:
            `previous_mask`.
        """
        return previous_mask

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def compute_output_spec(self, inputs, *arguments, return_attention_scores=False, **options):
        output = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        _, weights = self.attention.compute_output_spec(
            inputs, inputs, return_attention_scores=True
        )
        return output, weights

    def get_config(self):
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
        attention = keras.saving.deserialize_keras_object(config["attention"])
        return cls(**{**config, "attention": attention})

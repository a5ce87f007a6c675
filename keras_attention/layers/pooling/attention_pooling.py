"""Attention pooling: a sequence becomes one vector."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count, check_dropout
from keras_attention.layers.base.call_checks import CheckedCall, check_masked_input
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.ops import normalizers
from keras_attention.ops.dense.projection import project
from keras_attention.ops.fitting import as_bool
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class AttentionPooling(WithKernels, CheckedCall, keras.layers.Layer):
    """The sum of a sequence's vectors, each weighted by how well it answers one learned query.

    ```
    u_t = tanh(W h_t + b)             (Yang et al., 2016, equation 5)
    alpha_t = softmax_t(u_t . u_w)    (equation 6)
    s = sum_t alpha_t h_t             (equation 7)
    ```

    `u_w` is the paper's context vector, "what is the informative word". It takes the place of
    `keras.layers.GlobalAveragePooling1D`, consumes the Keras mask as that does, and a sequence of
    no real position becomes zeros.

    At the start `W` keeps the scale of its input and `u_w` has about unit length, so that the
    scores are spread by a little less than one.

    Args:
        units: Size of `u`.
        normalizer: Name or function that turns scores into weights (see
            `keras_attention.ops.normalizers`).
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `kernel_initializer`, `bias_initializer`, and the regularizers and constraints of
            a Keras layer; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, length, dim)`; further axes after the batch stay.
        mask: Bool tensor of shape `(batch, length)`. True = a real position.
        return_attention_scores: Whether to return the weights too.
        training: Whether to apply dropout.

    Output:
        Float tensor of shape `(batch, dim)`, or the pair of it and the weights of shape
        `(batch, length)`, in the layer's compute dtype.

    Raises:
        ValueError: If `units` is not positive, `dropout` is not below one, or the mask has another
            number of axes than the positions.

    Example:

    >>> import keras
    >>> from keras_attention.layers import AttentionPooling
    >>> vectors = keras.random.normal((2, 5, 7))
    >>> tuple(AttentionPooling(units=11)(vectors).shape)
    (2, 7)

    Reference:
        Yang et al., 2016, "Hierarchical Attention Networks for Document Classification".
    """

    def __init__(self, units, normalizer="softmax", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        units = check_count("units", units)
        dropout = check_dropout(dropout)
        self.units = units
        self.normalizer = normalizers.get(normalizer)
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape):
        dim = input_shape[-1]
        self.kernel = self.add_kernel("kernel", (dim, self.units), dim)
        self.bias = self.add_bias("bias", (self.units,))
        self.context_vector = self.add_weight(
            name="context_vector",
            shape=(self.units,),
            initializer=keras.initializers.RandomNormal(stddev=self.units**-0.5),
        )

    def score(self, inputs):
        """How well each position answers the query, `u_t . u_w`.

        Args:
            inputs: Float tensor of shape `(batch, length, dim)`.

        Returns:
            Scores of shape `(batch, length)`, float32 for half-precision inputs.
        """
        hidden = ops.tanh(project(inputs, self.kernel) + self.bias)  # (batch, length, units)
        return ops.sum(at_least_float32(hidden) * at_least_float32(self.context_vector), axis=-1)

    def call(self, inputs, mask=None, return_attention_scores=False, training=None):
        mask = None if mask is None else as_bool(mask)
        weights = ops.cast(self.normalizer(self.score(inputs), mask), self.compute_dtype)
        if training and self.dropout > 0:
            weights = keras.random.dropout(weights, self.dropout, seed=self.seed_generator)
        pooled = ops.squeeze(ops.matmul(ops.expand_dims(weights, axis=-2), inputs), axis=-2)
        return (pooled, weights) if return_attention_scores else pooled  # (batch, dim)

    def _check_call(self, inputs=None, mask=None, *others, **options):
        axes = ("batch", "length", "dim")
        check_masked_input(self, "inputs", inputs, axes, ("mask", mask), more=1)

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
        return (*input_shape[:-2], input_shape[-1])

    def compute_output_spec(self, inputs, mask=None, return_attention_scores=False, training=None):
        shape = self.compute_output_shape(inputs.shape)
        pooled = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return pooled
        return pooled, keras.KerasTensor(inputs.shape[:-1], dtype=self.compute_dtype)

    def get_config(self):
        config = {
            "units": self.units,
            "normalizer": normalizers.serialize(self.normalizer),
            "dropout": self.dropout,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}

"""Location-sensitive attention: an additive score that also sees the last alignment."""

import keras
from keras import ops

from keras_attention.layers.alignment.recursive_attention import RecursiveAttention
from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.base.building import add_scaled_weight
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class LocationSensitiveAttention(WithKernels, RecursiveAttention):
    """Additive attention that knows where it attended before (Chorowski et al., 2015).

        f_i  = F * alpha_{i-1}                                (equation 8, a convolution over keys)
        e_ij = w^T tanh(W s_{i-1} + V h_j + U f_ij + b)                               (equation 9)

    With `cumulative` the convolution goes over the sum of all alignments so far, as in Tacotron 2
    (Shen et al., 2018), which keeps the attention from skipping and repeating.

    The convolution is the cross-correlation of all libraries, with zeros beyond both ends. Before
    the first position nothing was attended to: `alpha_0` is zero, as is common practice; the paper
    does not say. Of the paper's other normalisers (equations 10 to 12) a `normalizer` of one's own
    can be given: its smoothing is the sigmoid divided by the sum over the keys.

    Args:
        units: Size of the perceptron's hidden layer.
        filters: Number of filters in `F`; 10 in the paper, 32 in Tacotron 2.
        kernel_size: Width of a filter; 201 in the paper, 31 in Tacotron 2.
        cumulative: Whether the filters see the sum of all alignments instead of the last.
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training; the filters see them all.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `kernel_initializer`, `bias_initializer`, and the regularizers and constraints of
            a Keras layer; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores, training: see `Attention`. A query that may attend to nothing
            is passed over: the next one sees the alignment of the one before.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import LocationSensitiveAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> tuple(LocationSensitiveAttention(units=13)(query, memory).shape)
    (2, 3, 11)

    Reference:
        Chorowski et al., 2015, "Attention-Based Models for Speech Recognition"; Shen et al., 2018,
        "Natural TTS Synthesis by Conditioning WaveNet on Mel Spectrogram Predictions".
    """

    _fixed_inputs = ("query", "key")

    def __init__(
        self,
        units,
        filters=32,
        kernel_size=31,
        cumulative=False,
        normalizer="softmax",
        dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(normalizer=normalizer, dropout=dropout, seed=seed, **kwargs)
        self.units = check_count("units", units)
        self.filters = check_count("filters", filters)
        self.kernel_size = check_count("kernel_size", kernel_size)
        self.cumulative = cumulative

    def build(self, query_shape, value_shape, key_shape=None):
        query_dim, key_dim = query_shape[-1], (key_shape or value_shape)[-1]
        self.query_kernel = self.add_kernel("query_kernel", (query_dim, self.units), query_dim)
        self.key_kernel = self.add_kernel("key_kernel", (key_dim, self.units), key_dim)
        # An alignment sums to one: at the start the place counts for less than what is there.
        self.filter_kernel = self.add_kernel(
            "filter_kernel", (self.kernel_size, 1, self.filters), self.kernel_size
        )
        self.location_kernel = self.add_kernel(
            "location_kernel", (self.filters, self.units), self.filters
        )
        self.v = add_scaled_weight(self, "v", (self.units,), self.units)
        self.bias = self.add_bias("bias", (self.units,))

    def project_query(self, query):
        """`W s`.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.

        Returns:
            Float tensor of shape `(batch, query, units)`.
        """
        return ops.matmul(query, self.query_kernel)

    def project_key(self, key):
        """`V h`.

        Args:
            key: Float tensor of shape `(batch, key, key_dim)`.

        Returns:
            Float tensor of shape `(batch, key, units)`.
        """
        return ops.matmul(key, self.key_kernel)

    def project_location(self, alignment):
        """`U (F * alpha)`.

        Args:
            alignment: Float tensor of shape `(batch, key)`.

        Returns:
            Float tensor of shape `(batch, key, units)`, in the layer's compute dtype.
        """
        alignment = ops.cast(ops.expand_dims(alignment, axis=-1), self.compute_dtype)
        # One kernel, `U F`: it is small, and a product of the features with `U` would be a batched
        # one, to which `keras.ops.vectorized_map` adds an axis; see `ops.project`.
        kernel = ops.reshape(self.filter_kernel, (self.kernel_size, self.filters))
        kernel = ops.matmul(kernel, self.location_kernel)  # (kernel_size, units)
        # Reshaped to the shape it has: in a loop the way into ONNX forgets that of a weight.
        kernel = ops.reshape(kernel, (self.kernel_size, 1, self.units))
        location = ops.conv(alignment, ops.cast(kernel, self.compute_dtype), padding="same")
        # The shape it has, but where oneDNN gives an empty batch that of the input.
        return ops.reshape(location, (*ops.shape(alignment)[:2], self.units))

    def align(self, prepared, memory, mask, state, training=None):
        """One query position.

        Args:
            prepared: `W s` at this position, `(batch, units)`.
            memory: What `project_memory` returned.
            mask: Bool tensor of shape `(batch, key)`, True = may attend.
            state: Dict with `alignment`, the last one or their sum, `(batch, key)`.
            training: Not needed.

        Returns:
            The alignment `(batch, key)` and the new state.
        """
        location = at_least_float32(self.project_location(state["alignment"]))
        query = at_least_float32(prepared) + at_least_float32(self.bias)  # (batch, units)
        keys = at_least_float32(memory["key"]) + location  # (batch, key, units)
        hidden = ops.tanh(keys + ops.expand_dims(query, axis=1))
        scores = ops.sum(hidden * at_least_float32(self.v), axis=-1)  # (batch, key)
        alignment = ops.cast(self.normalizer(scores, mask), state["alignment"].dtype)
        seen = alignment + state["alignment"] if self.cumulative else alignment
        return alignment, {"alignment": seen}

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "cumulative": self.cumulative,
        }

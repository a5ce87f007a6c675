"""Squeeze-and-excitation: a gate for each channel of a feature map."""

import keras
from keras import ops

from keras_attention.layers.base.call_checks import CheckedCall, check_map
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.ops import feature_maps


@keras.saving.register_keras_serializable("keras_attention")
class SqueezeExcite(WithKernels, CheckedCall, keras.layers.Layer):
    """Channels that look at the whole map decide how much of each of them goes on.

    ```
    z = mean of x over all positions      (Hu et al., 2018, equation 2, "squeeze")
    s = sigmoid(W_2 relu(W_1 z))          (equation 3, "excitation")
    y = s x                               (equation 4, each channel times its gate)
    ```

    Unlike in most implementations there is a mask, so that what fills up small images or short
    sequences counts for nothing. `use_bias` is not the paper's, but that of many weights at hand.

    Args:
        ratio: How many times narrower the hidden layer is than the map; the paper's `r`. It has at
            least one unit.
        use_bias: Whether both matrices have a bias.
        data_format: "channels_last" or "channels_first"; `keras.config.image_data_format()` if not
            given.
        **kwargs: `kernel_initializer`, `bias_initializer`, and the regularizers and constraints of
            a Keras layer; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or
            `(batch, channels, height, width)`; one or three axes of positions do as well.
        mask: Bool tensor of shape `(batch, height, width)`. True = a real position. The output of
            the others is zero.
        return_attention_scores: Whether to return the gates too.

    Output:
        Float tensor of the shape of `inputs`, or the pair of it and the gates of shape
        `(batch, channels)`, in the layer's compute dtype. It carries the Keras mask on.

    Raises:
        ValueError: If `ratio` is not positive, the number of channels is not known, or the mask has
            another number of axes than the positions.

    Example:

    >>> import keras
    >>> from keras_attention.layers import SqueezeExcite
    >>> images = keras.random.normal((2, 11, 13, 32))
    >>> tuple(SqueezeExcite(ratio=8, data_format="channels_last")(images).shape)
    (2, 11, 13, 32)

    Reference:
        Hu, Shen and Sun, 2018, "Squeeze-and-Excitation Networks".
    """

    def __init__(self, ratio=16, use_bias=False, data_format=None, **kwargs):
        super().__init__(**kwargs)
        if ratio < 1:
            raise ValueError(f"Expected `ratio` to be at least one. Received: ratio={ratio}")
        self.ratio = ratio
        self.use_bias = use_bias
        self.data_format = feature_maps.standardize_data_format(data_format)
        self.squeeze_bias = self.excite_bias = None
        self.supports_masking = True

    def build(self, input_shape):
        channels = input_shape[feature_maps.channel_axis(self.data_format)]
        if channels is None:
            raise ValueError(
                "Expected the number of channels to be known. "
                f"Received: input_shape={input_shape}, data_format={self.data_format!r}"
            )
        units = max(1, int(channels // self.ratio))
        self.squeeze_kernel = self.add_kernel("squeeze_kernel", (channels, units))
        self.excite_kernel = self.add_kernel("excite_kernel", (units, channels))
        if self.use_bias:
            self.squeeze_bias = self.add_bias("squeeze_bias", (units,))
            self.excite_bias = self.add_bias("excite_bias", (channels,))

    def excite(self, pooled):
        """The two-layer perceptron, `W_2 relu(W_1 z)`.

        Args:
            pooled: Float tensor of shape `(batch, channels)`.

        Returns:
            Float tensor of shape `(batch, channels)`.
        """
        hidden = ops.matmul(pooled, self.squeeze_kernel)  # (batch, channels / ratio)
        if self.use_bias:
            hidden = hidden + self.squeeze_bias
        excited = ops.matmul(ops.relu(hidden), self.excite_kernel)
        return excited + self.excite_bias if self.use_bias else excited

    def score(self, inputs, mask=None):
        """What the sigmoid turns into gates.

        Args:
            inputs: Float tensor, the map.
            mask: Bool tensor of shape `(batch, height, width)`, or None.

        Returns:
            Scores of shape `(batch, channels)`, float32 for half-precision inputs.
        """
        return self.excite(feature_maps.mean_over_positions(inputs, mask, self.data_format))

    def call(self, inputs, mask=None, return_attention_scores=False):
        mask = feature_maps.standardize_map_mask(mask, inputs)
        gates = ops.cast(ops.sigmoid(self.score(inputs, mask)), self.compute_dtype)
        if mask is not None:  # a map without a real position has no gates either
            real = ops.any(mask, axis=tuple(range(1, len(mask.shape))))
            gates = ops.where(ops.expand_dims(real, axis=-1), gates, 0.0)  # (batch, channels)
        gated = feature_maps.gate_channels(inputs, gates, mask, self.data_format)
        return (gated, gates) if return_attention_scores else gated

    def _check_call(self, inputs=None, mask=None, *others, **options):
        check_map(self, inputs, mask)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def compute_output_spec(self, inputs, mask=None, return_attention_scores=False):
        gated = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return gated
        channels = inputs.shape[feature_maps.channel_axis(self.data_format)]
        return gated, keras.KerasTensor((inputs.shape[0], channels), dtype=self.compute_dtype)

    def get_config(self):
        config = {
            "ratio": self.ratio,
            "use_bias": self.use_bias,
            "data_format": self.data_format,
        }
        return {**super().get_config(), **config}

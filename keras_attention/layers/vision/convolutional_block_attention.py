"""CBAM: channel attention, then spatial attention."""

import keras

from keras_attention.layers.base.call_checks import CheckedCall, check_map
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.layers.vision.channel_attention import ChannelAttention
from keras_attention.layers.vision.spatial_attention import SpatialAttention


@keras.saving.register_keras_serializable("keras_attention")
class ConvolutionalBlockAttention(WithKernels, CheckedCall, keras.layers.Layer):
    """The convolutional block attention module, CBAM: "what" first, then "where".

    ```
    x' = M_c(x) x         (Woo et al., 2018, equation 1; `ChannelAttention`)
    y = M_s(x') x'        (equation 1; `SpatialAttention`)
    ```

    In a residual network it stands at the end of a block, before the sum.

    Args:
        ratio: How many times narrower the hidden layer of the channel attention is than the map.
        kernel_size: Size of the window of the spatial attention, an integer or one for each axis of
            positions.
        use_bias: Whether both have biases.
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
        Float tensor of the shape of `inputs`, or three tensors: it, the channels' gates of shape
        `(batch, channels)` and the positions' gates of shape `(batch, height, width)`. It carries
        the Keras mask on.

    Raises:
        ValueError: As `ChannelAttention` and `SpatialAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import ConvolutionalBlockAttention
    >>> images = keras.random.normal((2, 11, 13, 32))
    >>> tuple(ConvolutionalBlockAttention(ratio=8, data_format="channels_last")(images).shape)
    (2, 11, 13, 32)

    Reference:
        Woo et al., 2018, "CBAM: Convolutional Block Attention Module".
    """

    def __init__(self, ratio=16, kernel_size=7, use_bias=False, data_format=None, **kwargs):
        super().__init__(**kwargs)
        options = {"use_bias": use_bias, "data_format": data_format, "dtype": self.dtype_policy}
        options.update(self.kernel_arguments)
        self.channel_attention = ChannelAttention(ratio, name="channel_attention", **options)
        self.spatial_attention = SpatialAttention(kernel_size, name="spatial_attention", **options)
        self.ratio = ratio
        self.kernel_size = self.spatial_attention.kernel_size
        self.use_bias = use_bias
        self.data_format = self.spatial_attention.data_format
        self.supports_masking = True

    def build(self, input_shape):
        for attention in (self.channel_attention, self.spatial_attention):
            if not attention.built:  # Keras builds the layers inside a saved model by itself
                attention.build(input_shape)

    def call(self, inputs, mask=None, return_attention_scores=False):
        options = {"mask": mask, "return_attention_scores": True}
        gated, channel_gates = self.channel_attention(inputs, **options)
        gated, position_gates = self.spatial_attention(gated, **options)
        return (gated, channel_gates, position_gates) if return_attention_scores else gated

    def _check_call(self, inputs=None, mask=None, *others, **options):
        check_map(self, inputs, mask)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def compute_output_spec(self, inputs, mask=None, return_attention_scores=False):
        options = {"return_attention_scores": True}
        gated, channel_gates = self.channel_attention.compute_output_spec(inputs, **options)
        _, position_gates = self.spatial_attention.compute_output_spec(inputs, **options)
        return (gated, channel_gates, position_gates) if return_attention_scores else gated

    def get_config(self):
        config = {
            "ratio": self.ratio,
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
            "data_format": self.data_format,
        }
        return {**super().get_config(), **config}

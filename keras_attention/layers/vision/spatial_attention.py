"""The spatial attention of CBAM: a gate for each position of a feature map."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import as_python
from keras_attention.layers.base.call_checks import CheckedCall, check_map
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.ops import feature_maps
from keras_attention.ops.largest import largest
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class SpatialAttention(WithKernels, CheckedCall, keras.layers.Layer):
    """A convolution over mean and maximum of the channels says how much of a position goes on.

    `M_s(x) = sigmoid(conv([mean of x over channels; max of x over channels]))` (Woo et al., 2018,
    equation 3). The output is `M_s(x) x`, each position times its gate.

    The convolution has zeros around the map, as the paper's, and the same zeros at positions that
    the mask rules out. It has no bias, and no batch normalisation behind it as the authors' code.

    Args:
        kernel_size: Size of the window, an integer or one for each axis of positions.
        use_bias: Whether the convolution has a bias.
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
        `(batch, height, width)`, in the layer's compute dtype. It carries the Keras mask on.

    Raises:
        ValueError: If `kernel_size` is not positive or does not fit the axes of positions, or the
            mask has another number of axes.

    Example:

    >>> import keras
    >>> from keras_attention.layers import SpatialAttention
    >>> images = keras.random.normal((2, 11, 13, 5))
    >>> tuple(SpatialAttention(kernel_size=7, data_format="channels_last")(images).shape)
    (2, 11, 13, 5)

    Reference:
        Woo et al., 2018, "CBAM: Convolutional Block Attention Module".
    """

    def __init__(self, kernel_size=7, use_bias=False, data_format=None, **kwargs):
        super().__init__(**kwargs)
        kernel_size = as_python(kernel_size)
        sizes = [kernel_size] if isinstance(kernel_size, int) else list(kernel_size)
        if not sizes or min(sizes) < 1:
            raise ValueError(
                f"Expected `kernel_size` to be positive. Received: kernel_size={kernel_size}"
            )
        self.kernel_size = kernel_size if isinstance(kernel_size, int) else tuple(sizes)
        self.use_bias = use_bias
        self.data_format = feature_maps.standardize_data_format(data_format)
        self.bias = None
        self.supports_masking = True

    def build(self, input_shape):
        axes = len(input_shape) - 2
        one_size = isinstance(self.kernel_size, int)
        sizes = (self.kernel_size,) * axes if one_size else self.kernel_size
        if len(sizes) != axes:
            raise ValueError(
                "Expected `kernel_size` to be an integer or one for each axis of positions. "
                f"Received: kernel_size={self.kernel_size}, input_shape={input_shape}"
            )
        self.kernel = self.add_kernel("kernel", (*sizes, 2, 1))
        if self.use_bias:
            self.bias = self.add_bias("bias", (1,))

    def score(self, inputs, mask=None):
        """What the sigmoid turns into gates.

        Args:
            inputs: Float tensor, the map.
            mask: Bool tensor of shape `(batch, height, width)`, or None.

        Returns:
            Scores of shape `(batch, height, width)`, float32 for half-precision inputs.
        """
        axis, x = feature_maps.channel_axis(self.data_format), at_least_float32(inputs)
        # Two channels, last in both formats: there is nothing to transpose.
        described = ops.stack([ops.mean(x, axis=axis), largest(x, axis=axis)], axis=-1)
        if mask is not None:
            described = ops.where(ops.expand_dims(mask, axis=-1), described, 0.0)
        scores = ops.conv(
            described, at_least_float32(self.kernel), padding="same", data_format="channels_last"
        )
        scores = scores + self.bias if self.use_bias else scores
        return ops.squeeze(scores, axis=-1)  # (batch, height, width)

    def call(self, inputs, mask=None, return_attention_scores=False):
        mask = feature_maps.standardize_map_mask(mask, inputs)
        gates = ops.cast(ops.sigmoid(self.score(inputs, mask)), self.compute_dtype)
        if mask is not None:
            gates = ops.where(mask, gates, 0.0)  # (batch, height, width)
        gated = feature_maps.gate_positions(inputs, gates, self.data_format)
        return (gated, gates) if return_attention_scores else gated

    def _check_call(self, inputs=None, mask=None, *others, **options):
        check_map(self, inputs, mask)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def compute_output_spec(self, inputs, mask=None, return_attention_scores=False):
        gated = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return gated
        shape = list(inputs.shape)
        shape.pop(feature_maps.channel_axis(self.data_format))
        return gated, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        config = {
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
            "data_format": self.data_format,
        }
        return {**super().get_config(), **config}

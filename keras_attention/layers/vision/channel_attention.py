"""The channel attention of CBAM: a gate for each channel, from its mean and its maximum."""

import keras

from keras_attention.layers.vision.squeeze_excite import SqueezeExcite
from keras_attention.ops import feature_maps


@keras.saving.register_keras_serializable("keras_attention")
class ChannelAttention(SqueezeExcite):
    """Squeeze-and-excitation that looks at the largest value of each channel too.

    ```
    M_c(x) = sigmoid(MLP(mean of x) + MLP(max of x))      (Woo et al., 2018, equation 2)
    MLP(z) = W_1 relu(W_0 z)                              one perceptron for both
    ```

    The output is `M_c(x) x`, each channel times its gate. The authors' code has the biases of
    `use_bias`; the paper has none.

    Args:
        ratio: How many times narrower the hidden layer is than the map. It has at least one unit.
        use_bias: Whether both matrices have a bias.
        data_format: "channels_last" or "channels_first"; `keras.config.image_data_format()` if not
            given.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

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
        ValueError: As `SqueezeExcite`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import ChannelAttention
    >>> images = keras.random.normal((2, 11, 13, 32))
    >>> tuple(ChannelAttention(ratio=8, data_format="channels_last")(images).shape)
    (2, 11, 13, 32)

    Reference:
        Woo et al., 2018, "CBAM: Convolutional Block Attention Module".
    """

    def score(self, inputs, mask=None):
        """What the sigmoid turns into gates, `MLP(mean of x) + MLP(max of x)`.

        Args:
            inputs: Float tensor, the map.
            mask: Bool tensor of shape `(batch, height, width)`, or None.

        Returns:
            Scores of shape `(batch, channels)`, float32 for half-precision inputs.
        """
        largest = feature_maps.max_over_positions(inputs, mask, self.data_format)
        return super().score(inputs, mask) + self.excite(largest)

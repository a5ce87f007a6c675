"""A gate on the output of each head."""

import keras
from keras import ops

from keras_attention.layers.base.kernels import WithKernels
from keras_attention.layers.parts.head_part import HeadPart
from keras_attention.ops import split_heads


@keras.saving.register_keras_serializable("keras_attention")
class OutputGate(WithKernels, HeadPart):
    """A sigmoid gate, computed from the query, on each feature of each head's context.

    `context' = context * sigmoid(x W + b)`, `x` the query before its projection. A head can close
    itself instead of looking at a token it does not mean.

    Args:
        **kwargs: `kernel_initializer`, `bias_initializer`, and the regularizers and constraints of
            a Keras layer; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import MultiHeadAttention, OutputGate
    >>> x = keras.random.normal((2, 3, 7))
    >>> tuple(MultiHeadAttention(2, 5, parts=[OutputGate()])(x, x).shape)
    (2, 3, 7)

    Reference:
        Qiu et al., 2025, "Gated Attention for Large Language Models: Non-linearity, Sparsity, and
        Attention-Sink-Free", equation 5, elementwise and head-specific, at the position G1.
    """

    def build(self, query_shape, key_shape, value_shape, input_shape):
        width = query_shape[1] * value_shape[-1]
        self.kernel = self.add_kernel("kernel", (input_shape[-1], width))
        self.bias = self.add_bias("bias", (width,))

    def change_context(self, context, inputs):
        """The context times its gate.

        Args:
            context: Float tensor of shape `(batch, heads, query, value_dim)`.
            inputs: The query before its projection, `(batch, query, query_dim)`.

        Returns:
            Tensor of the shape of `context`.
        """
        inputs = ops.cast(inputs, context.dtype)
        gate = ops.matmul(inputs, ops.cast(self.kernel, context.dtype))
        gate = ops.sigmoid(gate + ops.cast(self.bias, context.dtype))
        return context * split_heads(gate, context.shape[1], like=inputs)

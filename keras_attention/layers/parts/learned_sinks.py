"""Learned attention sinks."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import as_python
from keras_attention.layers.parts.head_part import HeadPart


@keras.saving.register_keras_serializable("keras_attention")
class LearnedSinks(HeadPart):
    """A learned score in each head that takes weight and has no value.

    `weights[j] = exp(scores[j]) / (exp(sink) + sum_i exp(scores[i]))`: a head that finds nothing
    puts its weight into the sink instead of a token it does not mean. The weights of a query sum to
    less than one. With `sink = 0` this is Miller's "softmax one"; here each head learns its own.

    Args:
        initial: The score of the sink at the start.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import LearnedSinks, MultiHeadAttention
    >>> layer = MultiHeadAttention(2, 5, parts=[LearnedSinks()])
    >>> x = keras.random.normal((2, 3, 7))
    >>> _, weights = layer(x, x, return_attention_scores=True)
    >>> bool(keras.ops.all(keras.ops.sum(weights, axis=-1) < 1))
    True

    Reference:
        Xiao et al., 2024, "Efficient Streaming Language Models with Attention Sinks", section 3.3
        (the learnable sink and, as its equation 2, softmax one).
    """

    def __init__(self, initial=0.0, **kwargs):
        super().__init__(**kwargs)
        self.initial = as_python(initial)

    def build(self, query_shape, key_shape, value_shape, input_shape):
        initializer = keras.initializers.Constant(self.initial)
        self.sinks = self.add_weight(
            name="sinks", shape=(query_shape[1],), initializer=initializer, autocast=False
        )

    def share(self, logsumexp):
        """`sum_i exp(scores[i]) / (exp(sink) + sum_i exp(scores[i]))`.

        Args:
            logsumexp: Float32 tensor of shape `(batch, heads, query)`.

        Returns:
            Tensor of the same shape, between zero and one.
        """
        sinks = ops.cast(self.sinks, logsumexp.dtype)
        return ops.sigmoid(logsumexp - ops.expand_dims(sinks, axis=-1))

    def get_config(self):
        return {**super().get_config(), "initial": self.initial}

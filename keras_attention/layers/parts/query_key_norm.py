"""Normalised queries and keys."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import as_python
from keras_attention.layers.parts.head_part import HeadPart
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class QueryKeyNorm(HeadPart):
    """Queries and keys of root mean square one in each head, times a learned gain.

    `q' = g_q * q / rms(q)`, `k' = g_k * k / rms(k)`, the gains of size `key_dim` and shared by the
    heads. Scores can then not grow with the length of the vectors, which keeps training of large
    models stable. Henry et al. divide by the Euclidean norm and learn one factor for the scores;
    RMS normalisation with gains is what later models use, and holds theirs as a special case.

    Args:
        epsilon: Added to the mean square, so that a zero vector stays zero.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import MultiHeadAttention, QueryKeyNorm
    >>> x = keras.random.normal((2, 3, 7))
    >>> tuple(MultiHeadAttention(2, 5, parts=[QueryKeyNorm()])(x, x).shape)
    (2, 3, 7)

    Reference:
        Henry et al., 2020, "Query-Key Normalization for Transformers"; Zhang and Sennrich, 2019,
        "Root Mean Square Layer Normalization", equation 4.
    """

    def __init__(self, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = as_python(epsilon)

    def build(self, query_shape, key_shape, value_shape, input_shape):
        size = query_shape[-1]
        self.query_gain = self.add_weight(name="query_gain", shape=(size,), initializer="ones")
        self.key_gain = self.add_weight(name="key_gain", shape=(size,), initializer="ones")

    def change_query(self, query):
        """The normalised queries.

        Args:
            query: Float tensor of shape `(batch, heads, query, key_dim)`.

        Returns:
            Tensor of the same shape.
        """
        return self._normalize(query, self.query_gain)

    def change_key(self, key):
        """The normalised keys.

        Args:
            key: Float tensor of shape `(batch, key_value_heads, key, key_dim)`.

        Returns:
            Tensor of the same shape.
        """
        return self._normalize(key, self.key_gain)

    def _normalize(self, x, gain):
        wide = at_least_float32(x)
        mean_square = ops.mean(ops.square(wide), axis=-1, keepdims=True)
        wide = wide * ops.rsqrt(mean_square + self.epsilon)
        return ops.cast(wide, x.dtype) * ops.cast(gain, x.dtype)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}

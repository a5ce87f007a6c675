"""Attention with linear biases."""

import keras
from keras import ops

from keras_attention.layers.positions.position import Position
from keras_attention.ops.precision import at_least_float32
from keras_attention.ops.relative_positions import alibi_slopes, relative_positions


@keras.saving.register_keras_serializable("keras_attention")
class ALiBiPosition(Position):
    """Scores that fall with the distance, each head's with a slope of its own.

    `score_ij = q_i . k_j / sqrt(key_dim) - slope |i - j|`, slopes `2 ** (-8 n / heads)` for head
    `n` (Press et al., 2022, section 3). There are no weights, and inputs may be longer than those
    of training.

    The paper is about causal attention, where `i >= j`; without a causal mask the bias is
    symmetric here. Where the number of heads is no power of two, the slopes of two powers are
    mixed (`keras_attention.ops.relative_positions.alibi_slopes`).

    Args:
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import ALiBiPosition, MultiHeadAttention
    >>> x = keras.random.normal((2, 3, 7))
    >>> layer = MultiHeadAttention(5, 11, position=ALiBiPosition())
    >>> tuple(layer(x, x, use_causal_mask=True).shape)
    (2, 3, 7)

    Reference:
        Press, Smith and Lewis, 2022, "Train Short, Test Long: Attention with Linear Biases Enables
        Input Length Extrapolation".
    """

    def bias(self, query, query_positions, key_positions):
        """`-slope |i - j|`, of shape `(1, heads, query, key)`; see `Position.bias`."""
        dtype = at_least_float32(query).dtype
        distance = ops.abs(relative_positions(query_positions, key_positions))
        slopes = ops.convert_to_tensor(alibi_slopes(query.shape[1])[:, None, None], dtype=dtype)
        return -slopes * ops.cast(ops.expand_dims(distance, axis=1), dtype)

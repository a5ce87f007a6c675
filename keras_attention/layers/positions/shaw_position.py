"""Shaw's relative position representations."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.positions.position import Position
from keras_attention.ops.dense.projection import project
from keras_attention.ops.precision import at_least_float32
from keras_attention.ops.relative_positions import (
    counts_without_gaps,
    relative_line,
    relative_positions,
    relative_shift,
    relative_unshift,
)


@keras.saving.register_keras_serializable("keras_attention")
class ShawPosition(Position):
    """Learned vectors for the distance, added to keys and to values.

    `z_i = sum_j w_ij (v_j + a^V_ij)` (Shaw et al., 2018, equation 3),
    `score_ij = q_i . (k_j + a^K_ij) / sqrt(key_dim)` (equation 4), with one pair of vectors for
    each distance `j - i`, cut off at `max_distance` (section 3.2). All heads share them.

    No block of `(query, key, dim)` is made: queries meet the vector of each distance once, and the
    products are then laid out by query and key; weights are laid out by distance before they meet
    `a^V`.

    The vectors of the values need all weights at once. Without them, `relative_values=False`, which
    cost Shaw et al. nothing in translation (table 3), long inputs can be computed in blocks.

    Args:
        max_distance: Where distances are cut off, `k`.
        relative_values: Whether to have `a^V`.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import MultiHeadAttention, ShawPosition
    >>> x = keras.random.normal((2, 3, 7))
    >>> tuple(MultiHeadAttention(5, 11, position=ShawPosition(max_distance=16))(x, x).shape)
    (2, 3, 7)

    Reference:
        Shaw, Uszkoreit and Vaswani, 2018, "Self-Attention with Relative Position Representations".
    """

    def __init__(self, max_distance, relative_values=True, **kwargs):
        super().__init__(**kwargs)
        max_distance = check_count("max_distance", max_distance)
        self.max_distance = max_distance
        self.relative_values = relative_values

    @property
    def needs_weights(self):
        """Whether there is `a^V`."""
        return self.relative_values

    def build(self, query_shape, key_shape, value_shape):
        self.key_vectors = self._add_vectors("key_vectors", key_shape[-1])
        if self.relative_values:
            self.value_vectors = self._add_vectors("value_vectors", value_shape[-1])

    def _add_vectors(self, name, dim):
        shape = (2 * self.max_distance + 1, dim)
        return self.add_weight(name=name, shape=shape, initializer="glorot_uniform", autocast=False)

    def bias(self, query, query_positions, key_positions):
        """`q_i . a^K_ij / sqrt(key_dim)`; see `Position.bias`."""
        query = at_least_float32(query) * query.shape[-1] ** -0.5
        vectors = ops.cast(self.key_vectors, query.dtype)
        if counts_without_gaps(query_positions, key_positions):
            along = self._along_line(vectors, query_positions, key_positions)
            return relative_shift(project(query, ops.transpose(along)))
        products = project(query, ops.transpose(vectors))  # (batch, heads, query, distance)
        chosen = self._one_hot(query_positions, key_positions, query.dtype)
        by_query = ops.matmul(ops.swapaxes(products, 1, 2), ops.swapaxes(chosen, 2, 3))
        return ops.swapaxes(by_query, 1, 2)  # (batch, heads, query, key)

    def values(self, weights, query_positions, key_positions):
        """`sum_j w_ij a^V_ij`; see `Position.values`."""
        vectors = ops.cast(self.value_vectors, weights.dtype)
        if counts_without_gaps(query_positions, key_positions):
            along = self._along_line(vectors, query_positions, key_positions)
            return project(relative_unshift(weights), along)
        chosen = self._one_hot(query_positions, key_positions, weights.dtype)
        by_query = ops.matmul(
            ops.swapaxes(weights, 1, 2), chosen
        )  # (batch, query, heads, distance)
        return project(ops.swapaxes(by_query, 1, 2), vectors)  # (batch, heads, query, value_dim)

    def _along_line(self, vectors, query_positions, key_positions):
        """The vector of each distance there is, `(query + key - 1, dim)`."""
        line = relative_line(query_positions, key_positions)
        return ops.take(vectors, self._rows(line), axis=0)

    def _rows(self, relative):
        """Which vector belongs to a distance."""
        limit = self.max_distance
        return ops.clip(relative, -limit, limit) + limit

    def _one_hot(self, query_positions, key_positions, dtype):
        """`(batch, query, key, distance)`, for positions with gaps."""
        rows = self._rows(relative_positions(query_positions, key_positions))
        return ops.one_hot(rows, 2 * self.max_distance + 1, dtype=dtype)

    def get_config(self):
        config = {"max_distance": self.max_distance, "relative_values": self.relative_values}
        return {**super().get_config(), **config}

"""T5's learned biases for buckets of distances."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import as_python
from keras_attention.layers.positions.position import Position
from keras_attention.ops.precision import at_least_float32
from keras_attention.ops.relative_positions import relative_buckets, relative_positions


@keras.saving.register_keras_serializable("keras_attention")
class T5Position(Position):
    """A learned number for each head and each bucket of distances, added to the scores.

    `score_ij = q_i . k_j / sqrt(key_dim) + b[bucket(j - i)]` (Raffel et al., 2020, section 2.1).
    Near distances have a bucket each, distant ones share buckets that widen logarithmically up to
    `max_distance`, and what is farther away shares the last
    (`keras_attention.ops.relative_positions.relative_buckets`).

    T5 does not divide its scores by `sqrt(key_dim)`, which multi-head attention does, and has one
    table for all its layers, where here each layer has its own: Keras would not save a shared one.
    At the start the numbers are spread by `1 / sqrt(heads * key_dim)`, as in T5.

    Args:
        num_buckets: Number of buckets, even where `bidirectional`.
        max_distance: From here on all distances share a bucket.
        bidirectional: Whether keys before and behind the query have buckets of their own, as in an
            encoder. False for causal attention.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import MultiHeadAttention, T5Position
    >>> x = keras.random.normal((2, 3, 7))
    >>> tuple(MultiHeadAttention(5, 11, position=T5Position())(x, x).shape)
    (2, 3, 7)

    Reference:
        Raffel et al., 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
        Transformer".
    """

    def __init__(self, num_buckets=32, max_distance=128, bidirectional=True, **kwargs):
        super().__init__(**kwargs)
        self.num_buckets = as_python(num_buckets)
        self.max_distance = as_python(max_distance)
        self.bidirectional = bidirectional
        self._check_arguments()

    def _check_arguments(self):
        sides = 2 if self.bidirectional else 1
        if self.num_buckets % sides or self.num_buckets < 2 * sides:
            raise ValueError(
                f"Expected `num_buckets` of at least {2 * sides}, and even where `bidirectional`. "
                f"Received: num_buckets={self.num_buckets}, bidirectional={self.bidirectional}"
            )
        near = self.num_buckets // sides // 2
        if self.max_distance <= near:
            raise ValueError(
                f"Expected `max_distance` above {near}, the number of distances with a bucket of "
                f"their own. Received: max_distance={self.max_distance}"
            )

    def build(self, query_shape, key_shape, value_shape):
        heads, key_dim = query_shape[1], query_shape[-1]
        self.table = self.add_weight(
            name="table",
            shape=(self.num_buckets, heads),
            initializer=keras.initializers.RandomNormal(stddev=(heads * key_dim) ** -0.5),
            autocast=False,
        )

    def bias(self, query, query_positions, key_positions):
        """`b[bucket(j - i)]`, of shape `(1, heads, query, key)`; see `Position.bias`."""
        relative = relative_positions(query_positions, key_positions)  # (batch or 1, query, key)
        buckets = relative_buckets(
            relative, self.num_buckets, self.max_distance, self.bidirectional
        )
        table = ops.cast(ops.transpose(self.table), at_least_float32(query).dtype)
        return ops.swapaxes(ops.take(table, buckets, axis=1), 0, 1)  # (batch or 1, heads, ...)

    def get_config(self):
        config = {
            "num_buckets": self.num_buckets,
            "max_distance": self.max_distance,
            "bidirectional": self.bidirectional,
        }
        return {**super().get_config(), **config}

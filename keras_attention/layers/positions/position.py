"""The base class of positions inside attention."""

import keras

from keras_attention.layers.base.refusals import OnlyFloats
from keras_attention.layers.base.subclasses import overridden_after


@keras.saving.register_keras_serializable("keras_attention")
class Position(OnlyFloats, keras.layers.Layer):
    """What multi-head attention knows of where its queries and keys stand.

    Positions can enter at three places, each one method; the methods here do nothing, so that a
    subclass implements only its own:

    `context_i = sum_j weights_ij value_j + values(weights)_i`,
    `weights_i = softmax_j(rotate(query)_i . rotate(key)_j / sqrt(key_dim) + bias_ij)`.

    Positions are given, never counted here. Those of shape `(length,)` count up by one, from
    wherever they start, as where a whole sequence is read at once; those of shape `(batch, length)`
    may be any, as at one step of a decoder, which stands elsewhere in every row. Only distances
    matter: where keys hold a memory of former segments, queries start later than keys.

    A position is an argument of `MultiHeadAttention`. It is no layer to call. (What is added to
    embeddings instead is an ordinary layer with `call(x, start=0)`, such as `SinusoidalPosition`.
    Models give it `start` as an integer, or as an int32 tensor of shape `(batch,)`: a decoder in
    each step, and `TransformerEncoder` where there is a mask, as minus the number of padded
    positions on the left, so that the first real position is 0.)
    """

    # Whether `values` is to be called, which needs the weights of all keys at once. It is True for
    # a subclass that overrides `values` and does not say otherwise.
    needs_weights = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if overridden_after(cls, "needs_weights", ["values"]):
            cls.needs_weights = True

    def check_parts(self, parts):
        """Refuses parts beside which this position would not be what it says; here none.

        Args:
            parts: List of `HeadPart`s.

        Raises:
            ValueError: If it cannot stand beside one of them.
        """

    def build(self, query_shape, key_shape, value_shape):
        """Makes the weights; the base class has none.

        Args:
            query_shape: `(batch, heads, query, key_dim)`.
            key_shape: `(batch, key_value_heads, key, key_dim)`.
            value_shape: `(batch, key_value_heads, key, value_dim)`.
        """

    def rotate(self, x, positions):
        """Queries or keys that carry their positions.

        Args:
            x: Projected queries or keys of shape `(batch, heads, length, key_dim)`.
            positions: Int32 tensor of shape `(length,)` or `(batch, length)`.

        Returns:
            Float tensor of the shape and dtype of `x`; here `x` itself.
        """
        return x

    def bias(self, query, query_positions, key_positions):
        """What is added to the scaled scores.

        Args:
            query: Projected queries of shape `(batch, heads, query, key_dim)`, not yet scaled.
            query_positions: Int32 tensor of shape `(query,)` or `(batch, query)`.
            key_positions: Int32 tensor of shape `(key,)` or `(batch, key)`.

        Returns:
            Float tensor that broadcasts to `(batch, heads, query, key)`, or None; here None.
        """
        return None

    def values(self, weights, query_positions, key_positions):
        """What is added to the context of each head; called only where `needs_weights`.

        Args:
            weights: Float tensor of shape `(batch, heads, query, key)`.
            query_positions: Int32 tensor of shape `(query,)` or `(batch, query)`.
            key_positions: Int32 tensor of shape `(key,)` or `(batch, key)`.

        Returns:
            Float tensor of shape `(batch, heads, query, value_dim)`, or None; here None.
        """
        return None

"""The base class of the parts of multi-head attention."""

import keras

from keras_attention.layers.nested import overrides
from keras_attention.layers.refusals import OnlyFloats


class HeadPart(OnlyFloats, keras.layers.Layer):
    """An addition to `MultiHeadAttention`: hooks along the way from queries to context.

    The hooks of this class change nothing; a part overrides those it needs. Parts are given as
    `MultiHeadAttention(..., parts=[...])` and are called in that order.

    """

    @property
    def needs_weights(self):
        """Whether the part reads scores or weights; it does where it overrides their hooks.

        The whole `(batch, heads, query, key)` block is then computed, whatever the length. A
        subclass that knows better says so by `needs_weights = False`.
        """
        return overrides(self, HeadPart, "change_scores", "change_weights")

    @property
    def needs_logsumexp(self):
        """Whether the part reads the logarithm of the sums of exponentials, which only softmax has.

        It does where it overrides `share`.
        """
        return overrides(self, HeadPart, "share")

    def build(self, query_shape, key_shape, value_shape, input_shape):
        """Makes the weights; the base class has none.

        Args:
            query_shape: `(batch, heads, query, key_dim)`.
            key_shape: `(batch, key_value_heads, key, key_dim)`.
            value_shape: `(batch, key_value_heads, key, value_dim)`.
            input_shape: `(batch, query, query_dim)`, the query before its projection.
        """

    def change_query(self, query):
        """The projected queries, before positions rotate them.

        Args:
            query: Float tensor of shape `(batch, heads, query, key_dim)`.

        Returns:
            Tensor of the same shape.
        """
        return query

    def change_key(self, key):
        """The projected keys, before positions rotate them.

        Args:
            key: Float tensor of shape `(batch, key_value_heads, key, key_dim)`.

        Returns:
            Tensor of the same shape.
        """
        return key

    def change_scores(self, scores):
        """The scores before the normaliser.

        Args:
            scores: Float tensor of shape `(batch, heads, query, key)`.

        Returns:
            Tensor of the same shape.
        """
        return scores

    def change_weights(self, weights):
        """The weights behind the normaliser.

        Args:
            weights: Float tensor of shape `(batch, heads, query, key)`.

        Returns:
            Tensor of the same shape.
        """
        return weights

    def share(self, logsumexp):
        """How much of its weight a query keeps; asked where `needs_logsumexp`.

        Args:
            logsumexp: Float32 tensor of shape `(batch, heads, query)`.

        Returns:
            Factors of the weights, a tensor of the same shape.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `share`.")

    def change_context(self, context, inputs):
        """The context of each head, before the heads are joined.

        Args:
            context: Float tensor of shape `(batch, heads, query, value_dim)`.
            inputs: The query before its projection, `(batch, query, query_dim)`.

        Returns:
            Tensor of the shape of `context`.
        """
        return context

    def call(self, inputs):
        """Parts are not called by themselves.

        Args:
            inputs: Anything.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            f"{type(self).__name__} is a part of MultiHeadAttention: give it as `parts=[...]`."
        )

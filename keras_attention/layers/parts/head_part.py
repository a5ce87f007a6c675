"""The base class of the parts of multi-head attention."""

import keras

from keras_attention.layers.base.refusals import OnlyFloats
from keras_attention.layers.base.subclasses import overridden_after


class HeadPart(OnlyFloats, keras.layers.Layer):
    """An addition to `MultiHeadAttention`: hooks along the way from queries to context.

    The hooks of this class change nothing; a part overrides those it needs. Parts are given as
    `MultiHeadAttention(..., parts=[...])` and are called in that order.

    """

    # Whether the part reads scores or weights, so that the full matrix of weights is computed,
    # whatever the length. It is True for a subclass that overrides `change_scores` or
    # `change_weights` and does not say `needs_weights = False`.
    needs_weights = False
    # Whether the part reads the logarithm of the sums of exponentials, which only softmax has. It
    # is True for a subclass that overrides `share`.
    needs_logsumexp = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if overridden_after(cls, "needs_weights", ["change_scores", "change_weights"]):
            cls.needs_weights = True
        if overridden_after(cls, "needs_logsumexp", ["share"]):
            cls.needs_logsumexp = True

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
        raise NotImplementedError(
            f"{type(self).__name__} is a part of MultiHeadAttention: give it as `parts=[...]`."
        )

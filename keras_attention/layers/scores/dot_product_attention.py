"""Dot-product attention."""

import keras

from keras_attention.layers.base.argument_checks import check_same_size
from keras_attention.layers.base.attention import Attention
from keras_attention.ops import dot_product_scores


@keras.saving.register_keras_serializable("keras_attention")
class DotProductAttention(Attention):
    """Attention whose score is the dot product of query and key.

    `score(q, k) = q . k` (Luong et al., 2015, section 3.1, "dot"). It has no weights; query and key
    must be of one size. Scores grow with that size: where inputs are not small,
    `ScaledDotProductAttention` trains more easily.

    Unlike `keras.layers.Attention` it takes its inputs by name and not in a list, and a query that
    may attend to nothing has zero weights.

    Args:
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, dim)`; `value` if not given.
        query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores, training: see `Attention`.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import DotProductAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 7))
    >>> tuple(DotProductAttention()(query, memory).shape)
    (2, 3, 7)

    Reference:
        Luong, Pham and Manning, 2015, "Effective Approaches to Attention-based Neural Machine
        Translation".
    """

    _multiplies_inputs = True

    def build(self, query_shape, value_shape, key_shape=None):
        check_same_size(query_shape, key_shape or value_shape)

    def score(self, query, key):
        """The dot product of each query with each key.

        Args:
            query: Float tensor of shape `(batch, query, dim)`.
            key: Float tensor of shape `(batch, key, dim)`.

        Returns:
            Scores of shape `(batch, query, key)`.
        """
        return dot_product_scores(query, key)

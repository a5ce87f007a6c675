"""Scaled dot-product attention."""

import keras

from keras_attention.layers.scores.dot_product_attention import DotProductAttention
from keras_attention.ops import dot_product_scores


@keras.saving.register_keras_serializable("keras_attention")
class ScaledDotProductAttention(DotProductAttention):
    """Attention whose score is the dot product over the root of the size.

    `score(q, k) = q . k / sqrt(dim)` (Vaswani et al., 2017, equation 1). The scores of queries and
    keys of unit variance have unit variance, whatever their size. It has no weights.

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
    >>> from keras_attention.layers import ScaledDotProductAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 7))
    >>> tuple(ScaledDotProductAttention()(query, memory).shape)
    (2, 3, 7)

    Reference:
        Vaswani et al., 2017, "Attention Is All You Need".
    """

    def score(self, query, key):
        """The dot product of each query with each key, over the root of their size.

        Args:
            query: Float tensor of shape `(batch, query, dim)`.
            key: Float tensor of shape `(batch, key, dim)`.

        Returns:
            Scores of shape `(batch, query, key)`.
        """
        return dot_product_scores(query, key, scale=query.shape[-1] ** -0.5)

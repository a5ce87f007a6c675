"""Multi-query and grouped-query attention: heads that share keys and values."""

import keras

from keras_attention.layers.multi_head.multi_head_attention import MultiHeadAttention


@keras.saving.register_keras_serializable("keras_attention")
class MultiQueryAttention(MultiHeadAttention):
    """Multi-head attention whose heads share one key and one value head.

    `MultiHeadAttention` with `num_key_value_heads=1`: each head asks its own question of the same
    memory. What a decoder caches is smaller by the number of heads.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of the queries and the keys.
        **kwargs: The other arguments of `MultiHeadAttention`.

    Call arguments and output: those of `MultiHeadAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import MultiQueryAttention
    >>> layer, x = MultiQueryAttention(4, 5), keras.random.normal((2, 3, 7))
    >>> tuple(layer(x, x).shape), tuple(layer.project_memory(x)["key"].shape)
    ((2, 3, 7), (2, 1, 3, 5))

    Reference:
        Shazeer, 2019, "Fast Transformer Decoding: One Write-Head is All You Need", section 3.
    """

    _fixed_arguments = ("num_key_value_heads",)

    def __init__(self, num_heads, key_dim, **kwargs):
        super().__init__(num_heads, key_dim, num_key_value_heads=1, **kwargs)


@keras.saving.register_keras_serializable("keras_attention")
class GroupedQueryAttention(MultiHeadAttention):
    """Multi-head attention whose heads share keys and values in groups.

    `MultiHeadAttention` that insists on `num_key_value_heads`: between multi-head attention (as
    many as query heads) and multi-query attention (one). Neighbouring heads form a group.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        num_key_value_heads: Number of groups, a divisor of `num_heads`.
        **kwargs: The other arguments of `MultiHeadAttention`.

    Call arguments and output: those of `MultiHeadAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import GroupedQueryAttention
    >>> layer, x = GroupedQueryAttention(6, 5, 2), keras.random.normal((2, 3, 7))
    >>> tuple(layer(x, x).shape), tuple(layer.project_memory(x)["key"].shape)
    ((2, 3, 7), (2, 2, 3, 5))

    Reference:
        Ainslie et al., 2023, "GQA: Training Generalized Multi-Query Transformer Models from
        Multi-Head Checkpoints", section 2.2.
    """

    def __init__(self, num_heads, key_dim, num_key_value_heads, **kwargs):
        super().__init__(num_heads, key_dim, num_key_value_heads=num_key_value_heads, **kwargs)

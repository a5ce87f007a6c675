"""Multi-query attention."""

import keras

from keras_attention.layers.multi_head_attention import MultiHeadAttention


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

    def __init__(self, num_heads, key_dim, **kwargs):
        super().__init__(num_heads, key_dim, num_key_value_heads=1, **kwargs)

    def get_config(self):
        """The arguments that make this layer again."""
        config = super().get_config()
        del config["num_key_value_heads"]
        return config

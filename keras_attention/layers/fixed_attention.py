"""Attention in the fixed pattern of sparse transformers."""

import keras

from keras_attention.layers.pattern_preset import PatternPreset
from keras_attention.layers.patterns.fixed import Fixed


@keras.saving.register_keras_serializable("keras_attention")
class FixedAttention(PatternPreset):
    """Multi-head attention to the own block and to the end of every block.

    Position `i` attends to `j` where `i div block_length = j div block_length`, or
    `j mod block_length >= block_length - summary_length`: the ends of blocks come to hold what
    their blocks are about. With `use_causal_mask` these are the sets of Child et al., 2019, section
    4.3, that the paper is about. Each head attends to both sets together (equation 7).

    A query has `block_length + summary_length * length / block_length` scores. The paper's blocks
    are 128 or 256 long, their ends 8 to 32. It suits data without a period, such as text.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        block_length: A positive integer, best near the square root of the length.
        summary_length: How many positions at the end of a block all others may attend to.
        **kwargs: The other arguments of `MultiHeadAttention`.

    Call arguments and output: those of `MultiHeadAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import FixedAttention
    >>> layer, x = FixedAttention(2, 5, block_length=6), keras.random.normal((2, 31, 7))
    >>> tuple(layer(x, x, use_causal_mask=True).shape)
    (2, 31, 7)

    Reference:
        Child et al., 2019, "Generating Long Sequences with Sparse Transformers".
    """

    def __init__(self, num_heads, key_dim, block_length, summary_length=1, **kwargs):
        super().__init__(num_heads, key_dim, Fixed(block_length, summary_length), **kwargs)

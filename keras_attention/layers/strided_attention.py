"""Attention in the strided pattern of sparse transformers."""

import keras

from keras_attention.layers.pattern_preset import PatternPreset
from keras_attention.layers.patterns.strided import Strided


@keras.saving.register_keras_serializable("keras_attention")
class StridedAttention(PatternPreset):
    """Multi-head attention to near positions and to every `stride`-th one.

    Position `i` attends to `j` where `|i - j| <= stride`, or `(i - j) mod stride = 0`. With
    `use_causal_mask` these are the sets of Child et al., 2019, section 4.3, that the paper is
    about; without, the same to both sides. Each head attends to both sets together (equation 7).

    A query has `3 * stride + length / stride` scores, so that a stride near the square root of the
    length is best. The pattern suits data with that period, such as the rows of an image.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        stride: A positive integer.
        **kwargs: The other arguments of `MultiHeadAttention`.

    Call arguments and output: those of `MultiHeadAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import StridedAttention
    >>> layer, x = StridedAttention(2, 5, stride=6), keras.random.normal((2, 31, 7))
    >>> tuple(layer(x, x, use_causal_mask=True).shape)
    (2, 31, 7)

    Reference:
        Child et al., 2019, "Generating Long Sequences with Sparse Transformers".
    """

    def __init__(self, num_heads, key_dim, stride, **kwargs):
        super().__init__(num_heads, key_dim, Strided(stride), **kwargs)

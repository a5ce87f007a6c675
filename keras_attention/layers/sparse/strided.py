"""The strided pattern of sparse transformers, and attention in it."""

import keras

from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.sparse.pattern import Pattern
from keras_attention.layers.sparse.pattern_attention import PatternAttention
from keras_attention.ops.sparse.strided import strided_allowed, strided_attention


@keras.saving.register_keras_serializable("keras_attention")
class Strided(Pattern):
    """Each position attends to those nearer than the stride, and to every `stride`-th from it.

    `|i - j| <= stride`, or `(i - j) mod stride = 0` (Child et al., 2019, section 4.3). See
    `StridedAttention`.

    Args:
        stride: A positive integer, best near the square root of the length.

    Reference:
        Child et al., 2019, "Generating Long Sequences with Sparse Transformers".
    """

    counts_from_start = False

    def __init__(self, stride):
        stride = check_count("stride", stride)
        self.stride = stride

    def allowed(self, query_positions, key_positions):
        """Near positions, and every `stride`-th; see `Pattern.allowed`."""
        return strided_allowed(query_positions, key_positions, self.stride)

    def attend(self, query, key, value, masks, scale, weigh, bias=None, training=False):
        """In time `length ** 1.5` where the stride is its root; see `Pattern.attend`."""
        return strided_attention(
            query, key, value, self.stride, masks, scale, weigh, bias, return_rows=True
        )

    def get_config(self):
        return {"stride": self.stride}


@keras.saving.register_keras_serializable("keras_attention")
class StridedAttention(PatternAttention):
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

    # Its configuration has the arguments of the pattern.
    _pattern_class = Strided
    _fixed_arguments = ("pattern",)

    def __init__(self, num_heads, key_dim, stride, **kwargs):
        super().__init__(num_heads, key_dim, Strided(stride), **kwargs)

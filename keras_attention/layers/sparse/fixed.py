"""The fixed pattern of sparse transformers, and attention in it."""

import keras

from keras_attention.layers.base.argument_checks import as_python
from keras_attention.layers.sparse.pattern import Pattern
from keras_attention.layers.sparse.pattern_attention import PatternAttention
from keras_attention.ops.sparse.strided import fixed_allowed, fixed_attention


@keras.saving.register_keras_serializable("keras_attention")
class Fixed(Pattern):
    """Each position attends to its own block, and to the last positions of every block.

    `i div block_length = j div block_length`, or
    `j mod block_length >= block_length - summary_length` (Child et al., 2019, section 4.3). See
    `FixedAttention`.

    Args:
        block_length: A positive integer, best near the square root of the length.
        summary_length: How many positions at the end of a block all others may attend to.

    Reference:
        Child et al., 2019, "Generating Long Sequences with Sparse Transformers".
    """

    def __init__(self, block_length, summary_length=1):
        if not 1 <= summary_length <= block_length:
            raise ValueError(
                "Expected 1 <= summary_length <= block_length. Received: "
                f"summary_length={summary_length}, block_length={block_length}"
            )
        self.block_length = as_python(block_length)
        self.summary_length = as_python(summary_length)

    def allowed(self, query_positions, key_positions):
        """The own block, and the ends of all; see `Pattern.allowed`."""
        return fixed_allowed(query_positions, key_positions, self.block_length, self.summary_length)

    def attend(self, query, key, value, masks, scale, weigh, bias=None, training=False):
        """In time `length ** 1.5` where the block is its root; see `Pattern.attend`."""
        return fixed_attention(
            query,
            key,
            value,
            **self.get_config(),
            masks=masks,
            scale=scale,
            weigh=weigh,
            bias=bias,
            return_rows=True,
            at_once=training,
        )

    def get_config(self):
        return {"block_length": self.block_length, "summary_length": self.summary_length}


@keras.saving.register_keras_serializable("keras_attention")
class FixedAttention(PatternAttention):
    """Multi-head attention to the own block and to the end of every block.

    Position `i` attends to `j` where `i div block_length = j div block_length`, or
    `j mod block_length >= block_length - summary_length`: the ends of blocks come to hold what
    their blocks are about. With `use_causal_mask` these are the sets of Child et al., 2019, section
    4.3, that the paper is about. Each head attends to both sets together (equation 7).

    A query has `block_length + summary_length * length / block_length` scores. The paper's blocks
    are 128 or 256 long, their ends 8 to 32. It suits data without a period, such as text.
    Blocks are counted from the first position, whether it is padding or not; only
    `TransformerEncoder` counts from the first real one.

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

    # Its configuration has the arguments of the pattern.
    _pattern_class = Fixed
    _fixed_arguments = ("pattern",)

    def __init__(self, num_heads, key_dim, block_length, summary_length=1, **kwargs):
        super().__init__(num_heads, key_dim, Fixed(block_length, summary_length), **kwargs)

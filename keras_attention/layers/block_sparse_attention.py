"""Attention of blocks to near, global and random blocks."""

import keras

from keras_attention.layers.pattern_preset import PatternPreset
from keras_attention.layers.patterns.block_sparse import BlockSparse


@keras.saving.register_keras_serializable("keras_attention")
class BlockSparseAttention(PatternPreset):
    """Multi-head attention of blocks to near, global and random ones, linear in the length.

    A block of `block_length` positions attends to `window_blocks // 2` blocks on each side, to the
    first `global_blocks`, which attend to all, and to `random_blocks` that it draws (Zaheer et al.,
    2020, section 2 and appendix D, BigBird-ITC).

    The paper draws among all blocks of one length. Here even draws look back and odd ones ahead, as
    far as the block stands from the start; they do not depend on the length, so that neither
    padding nor the next token of a decoder changes them. All heads share the draws.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        block_length: Number of positions in a block; 64 in the paper.
        window_blocks: How many blocks the window holds, the query's own in the middle: an odd
            number.
        global_blocks: How many blocks at the start are global.
        random_blocks: How many blocks each block draws.
        random_seed: Integer that chooses them; `seed` is that of the dropout.
        **kwargs: The other arguments of `MultiHeadAttention`.

    Call arguments and output: those of `MultiHeadAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import BlockSparseAttention
    >>> layer, x = BlockSparseAttention(2, 5, block_length=3), keras.random.normal((2, 31, 7))
    >>> tuple(layer(x, x).shape)
    (2, 31, 7)

    Reference:
        Zaheer et al., 2020, "Big Bird: Transformers for Longer Sequences".
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        block_length,
        window_blocks=3,
        global_blocks=1,
        random_blocks=2,
        random_seed=0,
        **kwargs,
    ):
        pattern = BlockSparse(
            block_length, window_blocks, global_blocks, random_blocks, random_seed
        )
        super().__init__(num_heads, key_dim, pattern, **kwargs)

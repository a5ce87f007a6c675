"""The pattern of near, global and random blocks, and attention in it."""

import keras

from keras_attention.layers.base.argument_checks import as_python
from keras_attention.layers.sparse.pattern import Pattern
from keras_attention.layers.sparse.pattern_attention import PatternAttention
from keras_attention.ops.sparse.block_sparse import (
    block_sparse_allowed,
    block_sparse_attention,
    check_window_blocks,
)


@keras.saving.register_keras_serializable("keras_attention")
class BlockSparse(Pattern):
    """Blocks of positions attend to the blocks around them, to the first ones, and to random ones.

    The first blocks are global: they attend to all and are attended to by all (Zaheer et al., 2020,
    section 2). See `BlockSparseAttention`.

    Args:
        block_length: Number of positions in a block.
        window_blocks: How many blocks the window holds, the query's own in the middle: an odd
            number.
        global_blocks: How many blocks at the start are global.
        random_blocks: How many blocks each block draws.
        random_seed: Integer that chooses them.

    Reference:
        Zaheer et al., 2020, "Big Bird: Transformers for Longer Sequences".
    """

    def __init__(
        self, block_length, window_blocks=3, global_blocks=1, random_blocks=2, random_seed=0
    ):
        self.block_length = as_python(block_length)
        self.window_blocks = as_python(window_blocks)
        self.global_blocks = as_python(global_blocks)
        self.random_blocks = as_python(random_blocks)
        self.random_seed = as_python(random_seed)
        lowest = {"block_length": 1, "window_blocks": 1, "global_blocks": 0, "random_blocks": 0}
        for name, least in lowest.items():
            if getattr(self, name) < least:
                raise ValueError(
                    f"Expected `{name}` of at least {least}. Received: {name}={getattr(self, name)}"
                )
        check_window_blocks(window_blocks)

    def allowed(self, query_positions, key_positions):
        """Near, global and random blocks; see `Pattern.allowed`."""
        return block_sparse_allowed(query_positions, key_positions, **self.get_config())

    def attend(self, query, key, value, masks, scale, weigh, bias=None, training=False):
        """In time linear in the length; see `Pattern.attend`."""
        return block_sparse_attention(
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
        return {
            "block_length": self.block_length,
            "window_blocks": self.window_blocks,
            "global_blocks": self.global_blocks,
            "random_blocks": self.random_blocks,
            "random_seed": self.random_seed,
        }


@keras.saving.register_keras_serializable("keras_attention")
class BlockSparseAttention(PatternAttention):
    """Multi-head attention of blocks to near, global and random ones, linear in the length.

    A block of `block_length` positions attends to `window_blocks // 2` blocks on each side, to the
    first `global_blocks`, which attend to all, and to `random_blocks` that it draws (Zaheer et al.,
    2020, section 2 and appendix D, BigBird-ITC).

    The paper draws among all blocks of one length. Here even draws look back and odd ones ahead, as
    far as the block stands from the start; they do not depend on the length, so that neither
    padding behind the input nor the next token of a decoder changes them. All heads share the
    draws. Blocks are counted from the first position, whether it is padding or not; only
    `TransformerEncoder` counts from the first real one.

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

    # Its configuration has the arguments of the pattern.
    _pattern_class = BlockSparse
    _fixed_arguments = ("pattern",)

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

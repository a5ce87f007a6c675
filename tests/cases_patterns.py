"""Multi-head attention in sparse patterns."""

from cases_heads import head_case

from keras_attention import layers
from keras_attention.layers.sparse import SlidingWindow
from keras_attention.layers.sparse.block_sparse import BlockSparseAttention
from keras_attention.layers.sparse.fixed import FixedAttention
from keras_attention.layers.sparse.pattern_attention import PatternAttention
from keras_attention.layers.sparse.sliding_window import SlidingWindowAttention
from keras_attention.layers.sparse.strided import StridedAttention


def pattern_case(layer, **settings):
    return head_case(layer, self_attention=True, **settings)


CASES = {
    # The first case of a class is the one that is exported.
    "pattern_sliding_window_global": pattern_case(
        SlidingWindowAttention, window=3, global_tokens=2, num_key_value_heads=2
    ),
    "pattern_sliding_window": pattern_case(SlidingWindowAttention, window=2),
    "pattern_sliding_window_causal": pattern_case(
        SlidingWindowAttention, window=(3, 0), causal=True
    ),
    "pattern_strided": pattern_case(StridedAttention, stride=2),
    "pattern_fixed": pattern_case(FixedAttention, block_length=3, summary_length=1),
    "pattern_block_sparse": pattern_case(
        BlockSparseAttention, block_length=2, window_blocks=1, random_blocks=2, random_seed=11
    ),
    "pattern_with_parts": pattern_case(
        PatternAttention,
        pattern=lambda: SlidingWindow(2),
        parts=lambda: [layers.QueryKeyNorm(), layers.LearnedSinks()],
        options={"dropout": 0.25, "seed": 31},
    ),
}

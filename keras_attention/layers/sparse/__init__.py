"""Sparse attention: patterns, named as their papers name them, and multi-head attention in them."""

from keras_attention.layers.sparse.adaptive_span_attention import (
    AdaptiveSpanAttention as AdaptiveSpanAttention,
)
from keras_attention.layers.sparse.block_sparse import BlockSparse as BlockSparse
from keras_attention.layers.sparse.block_sparse import BlockSparseAttention as BlockSparseAttention
from keras_attention.layers.sparse.fixed import Fixed as Fixed
from keras_attention.layers.sparse.fixed import FixedAttention as FixedAttention
from keras_attention.layers.sparse.pattern import Pattern as Pattern
from keras_attention.layers.sparse.pattern_attention import PatternAttention as PatternAttention
from keras_attention.layers.sparse.sliding_window import SlidingWindow as SlidingWindow
from keras_attention.layers.sparse.sliding_window import (
    SlidingWindowAttention as SlidingWindowAttention,
)
from keras_attention.layers.sparse.strided import Strided as Strided
from keras_attention.layers.sparse.strided import StridedAttention as StridedAttention

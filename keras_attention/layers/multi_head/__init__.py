"""Attention of several heads."""

from keras_attention.layers.multi_head.multi_head_attention import (
    MultiHeadAttention as MultiHeadAttention,
)
from keras_attention.layers.multi_head.residual_attention import (
    ResidualAttention as ResidualAttention,
)
from keras_attention.layers.multi_head.segment_memory import SegmentMemory as SegmentMemory
from keras_attention.layers.multi_head.shared_heads_attention import (
    GroupedQueryAttention as GroupedQueryAttention,
)
from keras_attention.layers.multi_head.shared_heads_attention import (
    MultiQueryAttention as MultiQueryAttention,
)

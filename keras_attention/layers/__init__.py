"""Attention layers, one class a file, named as their papers name them."""

from keras_attention.layers.alignment.choice_attention import ChoiceAttention as ChoiceAttention
from keras_attention.layers.alignment.hard_attention import HardAttention as HardAttention
from keras_attention.layers.alignment.local_attention import LocalAttention as LocalAttention
from keras_attention.layers.alignment.location_sensitive_attention import (
    LocationSensitiveAttention as LocationSensitiveAttention,
)
from keras_attention.layers.alignment.monotonic_attention import (
    MonotonicAttention as MonotonicAttention,
)
from keras_attention.layers.alignment.monotonic_chunkwise_attention import (
    MonotonicChunkwiseAttention as MonotonicChunkwiseAttention,
)
from keras_attention.layers.alignment.predictive_local_attention import (
    PredictiveLocalAttention as PredictiveLocalAttention,
)
from keras_attention.layers.alignment.recursive_attention import (
    RecursiveAttention as RecursiveAttention,
)
from keras_attention.layers.base.attention import Attention as Attention
from keras_attention.layers.efficient.linear_attention import LinearAttention as LinearAttention
from keras_attention.layers.efficient.linformer_attention import (
    LinformerAttention as LinformerAttention,
)
from keras_attention.layers.efficient.memory_compressed_attention import (
    MemoryCompressedAttention as MemoryCompressedAttention,
)
from keras_attention.layers.efficient.performer_attention import (
    PerformerAttention as PerformerAttention,
)
from keras_attention.layers.fusion.co_attention import CoAttention as CoAttention
from keras_attention.layers.fusion.cross_modal_attention import (
    CrossModalAttention as CrossModalAttention,
)
from keras_attention.layers.fusion.gated_fusion import GatedFusion as GatedFusion
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
from keras_attention.layers.parts import HeadPart as HeadPart
from keras_attention.layers.parts import LearnedSinks as LearnedSinks
from keras_attention.layers.parts import OutputGate as OutputGate
from keras_attention.layers.parts import QueryKeyNorm as QueryKeyNorm
from keras_attention.layers.parts import TalkingHeads as TalkingHeads
from keras_attention.layers.pooling.attention_pooling import AttentionPooling as AttentionPooling
from keras_attention.layers.pooling.hierarchical_attention import (
    HierarchicalAttention as HierarchicalAttention,
)
from keras_attention.layers.positions import ALiBiPosition as ALiBiPosition
from keras_attention.layers.positions import LearnedPosition as LearnedPosition
from keras_attention.layers.positions import LinearScaling as LinearScaling
from keras_attention.layers.positions import NTKScaling as NTKScaling
from keras_attention.layers.positions import Position as Position
from keras_attention.layers.positions import RotaryPosition as RotaryPosition
from keras_attention.layers.positions import RotaryScaling as RotaryScaling
from keras_attention.layers.positions import ShawPosition as ShawPosition
from keras_attention.layers.positions import SinusoidalPosition as SinusoidalPosition
from keras_attention.layers.positions import T5Position as T5Position
from keras_attention.layers.positions import TransformerXLPosition as TransformerXLPosition
from keras_attention.layers.positions import YaRNScaling as YaRNScaling
from keras_attention.layers.positions.adaptive_span_position import (
    AdaptiveSpanPosition as AdaptiveSpanPosition,
)
from keras_attention.layers.scores.bahdanau_attention import BahdanauAttention as BahdanauAttention
from keras_attention.layers.scores.cosine_attention import CosineAttention as CosineAttention
from keras_attention.layers.scores.custom_attention import CustomAttention as CustomAttention
from keras_attention.layers.scores.dot_product_attention import (
    DotProductAttention as DotProductAttention,
)
from keras_attention.layers.scores.luong_attention import LuongAttention as LuongAttention
from keras_attention.layers.scores.luong_location_attention import (
    LuongLocationAttention as LuongLocationAttention,
)
from keras_attention.layers.scores.scaled_dot_product_attention import (
    ScaledDotProductAttention as ScaledDotProductAttention,
)
from keras_attention.layers.sparse import BlockSparse as BlockSparse
from keras_attention.layers.sparse import Fixed as Fixed
from keras_attention.layers.sparse import Pattern as Pattern
from keras_attention.layers.sparse import SlidingWindow as SlidingWindow
from keras_attention.layers.sparse import Strided as Strided
from keras_attention.layers.sparse.adaptive_span_attention import (
    AdaptiveSpanAttention as AdaptiveSpanAttention,
)
from keras_attention.layers.sparse.block_sparse import (
    BlockSparseAttention as BlockSparseAttention,
)
from keras_attention.layers.sparse.fixed import FixedAttention as FixedAttention
from keras_attention.layers.sparse.pattern_attention import PatternAttention as PatternAttention
from keras_attention.layers.sparse.sliding_window import (
    SlidingWindowAttention as SlidingWindowAttention,
)
from keras_attention.layers.sparse.strided import StridedAttention as StridedAttention
from keras_attention.layers.vision.channel_attention import ChannelAttention as ChannelAttention
from keras_attention.layers.vision.convolutional_block_attention import (
    ConvolutionalBlockAttention as ConvolutionalBlockAttention,
)
from keras_attention.layers.vision.spatial_attention import SpatialAttention as SpatialAttention
from keras_attention.layers.vision.squeeze_excite import SqueezeExcite as SqueezeExcite

"""Attention layers, one class a file, named as their papers name them."""

from keras_attention.layers.attention import Attention as Attention
from keras_attention.layers.bahdanau_attention import BahdanauAttention as BahdanauAttention
from keras_attention.layers.dot_product_attention import DotProductAttention as DotProductAttention
from keras_attention.layers.grouped_query_attention import (
    GroupedQueryAttention as GroupedQueryAttention,
)
from keras_attention.layers.luong_attention import LuongAttention as LuongAttention
from keras_attention.layers.multi_head_attention import MultiHeadAttention as MultiHeadAttention
from keras_attention.layers.multi_query_attention import MultiQueryAttention as MultiQueryAttention
from keras_attention.layers.parts import HeadPart as HeadPart
from keras_attention.layers.parts import LearnedSinks as LearnedSinks
from keras_attention.layers.parts import OutputGate as OutputGate
from keras_attention.layers.parts import QueryKeyNorm as QueryKeyNorm
from keras_attention.layers.parts import TalkingHeads as TalkingHeads
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
from keras_attention.layers.residual_attention import ResidualAttention as ResidualAttention
from keras_attention.layers.scaled_dot_product_attention import (
    ScaledDotProductAttention as ScaledDotProductAttention,
)

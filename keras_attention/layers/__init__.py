"""Attention layers, one class a file, named as their papers name them."""

from keras_attention.layers.attention import Attention as Attention
from keras_attention.layers.bahdanau_attention import BahdanauAttention as BahdanauAttention
from keras_attention.layers.dot_product_attention import DotProductAttention as DotProductAttention
from keras_attention.layers.luong_attention import LuongAttention as LuongAttention
from keras_attention.layers.scaled_dot_product_attention import (
    ScaledDotProductAttention as ScaledDotProductAttention,
)

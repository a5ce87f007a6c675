"""Attention of one head, by its score."""

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

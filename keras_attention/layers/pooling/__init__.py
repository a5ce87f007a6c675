"""Attention that makes one vector of a sequence."""

from keras_attention.layers.pooling.attention_pooling import AttentionPooling as AttentionPooling
from keras_attention.layers.pooling.hierarchical_attention import (
    HierarchicalAttention as HierarchicalAttention,
)

"""Attention between two inputs."""

from keras_attention.layers.fusion.co_attention import CoAttention as CoAttention
from keras_attention.layers.fusion.cross_modal_attention import (
    CrossModalAttention as CrossModalAttention,
)
from keras_attention.layers.fusion.gated_fusion import GatedFusion as GatedFusion

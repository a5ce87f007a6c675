"""Attention to the channels and places of pictures."""

from keras_attention.layers.vision.channel_attention import ChannelAttention as ChannelAttention
from keras_attention.layers.vision.convolutional_block_attention import (
    ConvolutionalBlockAttention as ConvolutionalBlockAttention,
)
from keras_attention.layers.vision.spatial_attention import SpatialAttention as SpatialAttention
from keras_attention.layers.vision.squeeze_excite import SqueezeExcite as SqueezeExcite

"""What all layers share: the base class, checks of arguments and calls, weights."""

from keras_attention.layers.base.attention import Attention as Attention

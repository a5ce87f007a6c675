"""Attention in linear time."""

from keras_attention.ops.efficient.linear import elu_features as elu_features
from keras_attention.ops.efficient.linear import linear_attention as linear_attention

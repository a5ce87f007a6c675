"""The full matrix of scores, as a whole or in blocks."""

from keras_attention.ops.dense.additive import additive_scores as additive_scores
from keras_attention.ops.dense.blocked import blocked_attention as blocked_attention
from keras_attention.ops.dense.dot_product import dot_product_attention as dot_product_attention
from keras_attention.ops.dense.dot_product import dot_product_scores as dot_product_scores
from keras_attention.ops.dense.dot_product import weighted_sum as weighted_sum
from keras_attention.ops.dense.projection import join_heads as join_heads
from keras_attention.ops.dense.projection import repeat_heads as repeat_heads
from keras_attention.ops.dense.projection import split_heads as split_heads

"""The algebra of attention as pure functions: no weights, no state."""

from keras_attention.ops import normalizers as normalizers
from keras_attention.ops.additive import additive_scores as additive_scores
from keras_attention.ops.attention import dot_product_attention as dot_product_attention
from keras_attention.ops.attention import dot_product_scores as dot_product_scores
from keras_attention.ops.attention import weighted_sum as weighted_sum
from keras_attention.ops.blocked import blocked_attention as blocked_attention
from keras_attention.ops.heads import join_heads as join_heads
from keras_attention.ops.heads import repeat_heads as repeat_heads
from keras_attention.ops.heads import split_heads as split_heads
from keras_attention.ops.masks import NO_MASKS as NO_MASKS
from keras_attention.ops.masks import Masks as Masks
from keras_attention.ops.masks import causal_mask as causal_mask
from keras_attention.ops.masks import combine_masks as combine_masks
from keras_attention.ops.masks import padding_mask as padding_mask
from keras_attention.ops.normalizers import entmax15 as entmax15
from keras_attention.ops.normalizers import hardmax as hardmax
from keras_attention.ops.normalizers import sigmoid as sigmoid
from keras_attention.ops.normalizers import softmax as softmax
from keras_attention.ops.normalizers import sparsemax as sparsemax

"""Sparse patterns, and attention that computes only what they allow."""

from keras_attention.ops.sparse.block_sparse import block_sparse_attention as block_sparse_attention
from keras_attention.ops.sparse.block_sparse import block_sparse_mask as block_sparse_mask
from keras_attention.ops.sparse.strided import fixed_attention as fixed_attention
from keras_attention.ops.sparse.strided import fixed_mask as fixed_mask
from keras_attention.ops.sparse.strided import strided_attention as strided_attention
from keras_attention.ops.sparse.strided import strided_mask as strided_mask
from keras_attention.ops.sparse.window import window_attention as window_attention
from keras_attention.ops.sparse.window import window_mask as window_mask

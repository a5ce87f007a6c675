"""Sparse patterns of attention, one class a file, named as their papers name them."""

from keras_attention.layers.patterns.block_sparse import BlockSparse as BlockSparse
from keras_attention.layers.patterns.fixed import Fixed as Fixed
from keras_attention.layers.patterns.pattern import Pattern as Pattern
from keras_attention.layers.patterns.sliding_window import SlidingWindow as SlidingWindow
from keras_attention.layers.patterns.strided import Strided as Strided

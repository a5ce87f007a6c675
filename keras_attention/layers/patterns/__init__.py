"""Patterns of sparse attention under the name that version 0.1 gave their package."""

from keras_attention.layers.sparse import BlockSparse as BlockSparse
from keras_attention.layers.sparse import Fixed as Fixed
from keras_attention.layers.sparse import Pattern as Pattern
from keras_attention.layers.sparse import SlidingWindow as SlidingWindow
from keras_attention.layers.sparse import Strided as Strided

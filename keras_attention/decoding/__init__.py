"""Search over a step function: from scores of the next token to whole sentences."""

from keras_attention.decoding.beam import Beam as Beam
from keras_attention.decoding.greedy import Greedy as Greedy
from keras_attention.decoding.penalties import coverage_penalty as coverage_penalty
from keras_attention.decoding.penalties import length_penalty as length_penalty
from keras_attention.decoding.search import Search as Search
from keras_attention.decoding.search import SearchResult as SearchResult

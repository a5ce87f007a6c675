"""Search over a step function: from scores of the next token to whole sentences."""

from keras_attention.decoding.allowed_ids import AllowedIds as AllowedIds
from keras_attention.decoding.beam import Beam as Beam
from keras_attention.decoding.constraint import Constraint as Constraint
from keras_attention.decoding.constraint import Prefixes as Prefixes
from keras_attention.decoding.diverse_beam import DiverseBeam as DiverseBeam
from keras_attention.decoding.greedy import Greedy as Greedy
from keras_attention.decoding.minimum_length import MinimumLength as MinimumLength
from keras_attention.decoding.no_repeat_ngram import NoRepeatNGram as NoRepeatNGram
from keras_attention.decoding.options import changed_search as changed_search
from keras_attention.decoding.options import make_search as make_search
from keras_attention.decoding.penalties import coverage_penalty as coverage_penalty
from keras_attention.decoding.penalties import length_penalty as length_penalty
from keras_attention.decoding.penalties import simple_length_penalty as simple_length_penalty
from keras_attention.decoding.sample import Sample as Sample
from keras_attention.decoding.search import Search as Search
from keras_attention.decoding.search import SearchResult as SearchResult
from keras_attention.decoding.search_options import SearchOptions as SearchOptions

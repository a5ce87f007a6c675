"""Codecs: two-way maps between raw things and what a model reads or writes, as graph operations."""

try:
    import tensorflow as _tensorflow  # noqa: F401
except ImportError as error:
    raise ImportError(
        "keras_attention.codecs needs TensorFlow: "
        'install it with pip install "keras-attention[training]".'
    ) from error

from keras_attention.codecs.codec import Codec as Codec
from keras_attention.codecs.labelling import LabelsAndTags as LabelsAndTags
from keras_attention.codecs.labels import Labels as Labels
from keras_attention.codecs.loading import load as load
from keras_attention.codecs.tags import Tags as Tags
from keras_attention.codecs.text_pair import TextPair as TextPair
from keras_attention.codecs.words import tokens_to_words as tokens_to_words
from keras_attention.codecs.words import word_offsets as word_offsets
from keras_attention.codecs.words import words_to_tokens as words_to_tokens

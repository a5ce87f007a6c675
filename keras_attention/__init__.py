"""Attention layers and sequence-to-sequence models for Keras 3."""

try:
    import keras as _keras  # noqa: F401
except ModuleNotFoundError as error:  # Keras imports its backend, TensorFlow if none is chosen.
    raise ModuleNotFoundError(
        f"keras_attention needs a backend of Keras, and {error.name.split('.')[0]} is missing: "
        'pip install "keras-attention[training]" brings TensorFlow; '
        "or set KERAS_BACKEND to jax or torch, and install that.",
        name=error.name,
    ) from error

from keras_attention import analysis as analysis
from keras_attention import decoding as decoding
from keras_attention import display as display
from keras_attention import layers as layers
from keras_attention import losses as losses
from keras_attention import metrics as metrics
from keras_attention import models as models
from keras_attention import ops as ops
from keras_attention import visualization as visualization
from keras_attention.analysis import attention_weights as attention_weights
from keras_attention.errors import UserError as UserError
from keras_attention.predictors import Labeller as Labeller
from keras_attention.predictors import Labelling as Labelling
from keras_attention.predictors import Predictor as Predictor
from keras_attention.predictors import Translator as Translator
from keras_attention.share_monitor import ShareMonitor as ShareMonitor
from keras_attention.spans import Span as Span
from keras_attention.translations import Explanation as Explanation
from keras_attention.translations import Hypothesis as Hypothesis
from keras_attention.translations import TranslationScore as TranslationScore
from keras_attention.version import __version__ as __version__

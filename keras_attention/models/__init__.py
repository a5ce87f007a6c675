"""Functional sequence-to-sequence models."""

from keras_attention.models.bahdanau_decoder import BahdanauDecoder as BahdanauDecoder
from keras_attention.models.compiled import CompiledSearch as CompiledSearch
from keras_attention.models.ensemble import Ensemble as Ensemble
from keras_attention.models.feed_forward import FeedForward as FeedForward
from keras_attention.models.input_feeding_decoder import InputFeedingDecoder as InputFeedingDecoder
from keras_attention.models.language_model import LanguageModel as LanguageModel
from keras_attention.models.parallel_decoder import ParallelDecoder as ParallelDecoder
from keras_attention.models.recurrent_decoder import RecurrentDecoder as RecurrentDecoder
from keras_attention.models.recurrent_encoder import RecurrentEncoder as RecurrentEncoder
from keras_attention.models.self_attentions import SELF_ATTENTIONS as SELF_ATTENTIONS
from keras_attention.models.seq2seq import Seq2Seq as Seq2Seq
from keras_attention.models.transformer_decoder import TransformerDecoder as TransformerDecoder
from keras_attention.models.transformer_encoder import TransformerEncoder as TransformerEncoder
from keras_attention.models.transformers import TRANSFORMER_SIZES as TRANSFORMER_SIZES
from keras_attention.models.transformers import transformer as transformer

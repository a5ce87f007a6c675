"""From files of text to a run directory on disk.

from keras_attention import training

training.train_and_evaluate(training.recipes.get("dates"), "runs/dates")
"""

from keras_attention.decoding import SearchOptions as SearchOptions
from keras_attention.decoding import make_search as make_search

from . import recipes as recipes
from . import requirements as _requirements  # noqa: F401  First: it says what is missing.
from .build import make_model as make_model
from .build import make_tokenizers as make_tokenizers
from .data_options import DataOptions as DataOptions
from .data_options import EmbeddedData as EmbeddedData
from .data_options import ParallelFiles as ParallelFiles
from .data_options import Tables as Tables
from .data_options import TfdsData as TfdsData
from .datasets import Pairs as Pairs
from .datasets import dates as dates
from .datasets import dates_stream as dates_stream
from .datasets import parallel_text as parallel_text
from .datasets import split_share as split_share
from .datasets import table as table
from .datasets import tfds_translation as tfds_translation
from .evaluate import evaluate as evaluate
from .labelled_texts import TokenizedTexts as TokenizedTexts
from .labelled_texts import tokenize_texts as tokenize_texts
from .model_options import ModelOptions as ModelOptions
from .model_options import RecurrentOptions as RecurrentOptions
from .model_options import TransformerOptions as TransformerOptions
from .pipeline import Batches as Batches
from .pipeline import TokenizedPairs as TokenizedPairs
from .pipeline import make_batches as make_batches
from .pipeline import tokenize as tokenize
from .recipe import FitOptions as FitOptions
from .recipe import Recipe as Recipe
from .recipe import ScoreOptions as ScoreOptions
from .recipe import TextOptions as TextOptions
from .schedules import WarmupConstant as WarmupConstant
from .schedules import WarmupCosine as WarmupCosine
from .schedules import WarmupInverseSqrt as WarmupInverseSqrt
from .scores import score_texts as score_texts
from .splits import Splits as Splits
from .splits import load_splits as load_splits
from .train import train_and_evaluate as train_and_evaluate

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
from .data.datasets import Pairs as Pairs
from .data.datasets import dates as dates
from .data.datasets import dates_stream as dates_stream
from .data.datasets import parallel_text as parallel_text
from .data.datasets import split_share as split_share
from .data.datasets import table as table
from .data.datasets import tfds_translation as tfds_translation
from .data.encoded_labels import EncodedLabels as EncodedLabels
from .data.encoded_labels import encode_labelled as encode_labelled
from .data.labelled import LabelledTexts as LabelledTexts
from .data.labelled_dates import date_parts as date_parts
from .data.labelled_dates import languages as languages
from .data.labelled_files import labelled_table as labelled_table
from .data.labelled_splits import labelled_splits as labelled_splits
from .data.labelled_texts import TokenizedTexts as TokenizedTexts
from .data.labelled_texts import tokenize_texts as tokenize_texts
from .data.pipeline import Batches as Batches
from .data.pipeline import TokenizedPairs as TokenizedPairs
from .data.pipeline import make_batches as make_batches
from .data.pipeline import tokenize as tokenize
from .data.question_splits import question_splits as question_splits
from .data.questions import Questions as Questions
from .data.questions import squad as squad
from .data.splits import Splits as Splits
from .data.splits import load_splits as load_splits
from .evaluate import evaluate as evaluate
from .recipes.data_options import DataOptions as DataOptions
from .recipes.data_options import EmbeddedData as EmbeddedData
from .recipes.data_options import ParallelFiles as ParallelFiles
from .recipes.data_options import Tables as Tables
from .recipes.data_options import TfdsData as TfdsData
from .recipes.label_model_options import EncoderOptions as EncoderOptions
from .recipes.labelled_data_options import LabelledDataOptions as LabelledDataOptions
from .recipes.labelling import LabellingRecipe as LabellingRecipe
from .recipes.labelling import LabelScoreOptions as LabelScoreOptions
from .recipes.labelling import LabelTextOptions as LabelTextOptions
from .recipes.model_options import ModelOptions as ModelOptions
from .recipes.model_options import RecurrentOptions as RecurrentOptions
from .recipes.model_options import TransformerOptions as TransformerOptions
from .recipes.question_data_options import QuestionDataOptions as QuestionDataOptions
from .recipes.recipe import FitOptions as FitOptions
from .recipes.recipe import Recipe as Recipe
from .recipes.recipe import ScoreOptions as ScoreOptions
from .recipes.recipe import TextOptions as TextOptions
from .schedules import WarmupConstant as WarmupConstant
from .schedules import WarmupCosine as WarmupCosine
from .schedules import WarmupInverseSqrt as WarmupInverseSqrt
from .scores import score_texts as score_texts
from .train import train_and_evaluate as train_and_evaluate

"""Every option of a training run: its name, its default and its help text.

The command line is made from these dataclasses and `recipe.json` records them, so an option is
described here and nowhere else; those of the search, which an exported file has too, in
`keras_attention.decoding.SearchOptions`.
"""

import dataclasses
from typing import ClassVar, Literal

from keras_attention.decoding.search_options import SearchOptions

from .checks import check_choices, check_model, check_numbers, check_pairs_of_options, check_search
from .data_options import PAIRS, EmbeddedData, ParallelFiles, Tables, TfdsData, UnnamedData
from .model_options import SEQ2SEQ, RecurrentOptions, TransformerOptions

TokenizerKind = Literal["character", "byte", "word", "wordpiece", "sentencepiece"]

BleuTokenizer = Literal["13a", "none", "intl", "zh", "ja-mecab", "ko-mecab", "char", "flores200"]


@dataclasses.dataclass(frozen=True)
class TextOptions:
    """How text becomes ids. Vocabularies are learned from the training pairs."""

    source_tokenizer: TokenizerKind = "sentencepiece"
    """Tokenizer of the source."""
    target_tokenizer: TokenizerKind = "sentencepiece"
    """Tokenizer of the target."""
    vocabulary_size: int = 5000
    """Size of a learned vocabulary, special tokens included. Character and byte tokenizers use as
    many ids as they need."""
    byte_fallback: bool = True
    """Encode characters that a wordpiece or sentencepiece vocabulary lacks, such as an emoji, as
    bytes, which take 256 ids of the vocabulary. Without it they are unknown tokens."""
    user_defined_symbols: str = ""
    """Symbols that a wordpiece or sentencepiece tokenizer never splits, separated by spaces:
    "<br> @user"."""
    joint_vocabulary: bool = False
    """Learn one vocabulary from source and target together."""
    lowercase: bool = False
    """Lower-case the text before it is tokenized."""
    normalization: Literal["none", "nfc", "nfkc"] = "none"
    """Unicode normalization before the text is tokenized: nfc unifies composed and decomposed
    accents, nfkc also compatibility characters, such as full-width letters."""
    max_source_length: int = 128
    """Most source tokens of a pair, including the end token; longer pairs are left out and
    counted."""
    max_target_length: int = 128
    """Most target tokens of a pair, including the end token; longer pairs are left out and
    counted."""


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """How the model is fitted."""

    epochs: int = 20
    """Passes over the training pairs."""
    batch_size: int = 128
    """Pairs in a batch."""
    learning_rate: float = 1e-3
    """Peak learning rate of Adam."""
    schedule: Literal["constant", "cosine", "inverse-sqrt"] = "cosine"
    """Learning rate schedule after the warm-up."""
    warmup_steps: int | None = None
    """Steps in which the learning rate rises from zero; 200 if not given."""
    warmup_share: float | None = None
    """Largest fraction of the run's steps that the warm-up may take; a tenth if neither this nor
    --warmup-steps is given, no limit if only --warmup-steps is."""
    label_smoothing: float = 0.1
    """Label smoothing: fraction of each label spread evenly over the vocabulary."""
    clip_norm: float = 1.0
    """Gradient clipping: the largest global norm of the gradients."""
    average_decay: float = 0.0
    """Decay of a running average of the weights, which validation and the saved model use; 0 for
    none. It is lowered if the average would span more than a tenth of the run."""
    steps_per_execution: int = 1
    """Training steps in one compiled call; more steps reduce the overhead of small models."""
    jit_compile: bool = False
    """Compile with XLA, once for each sequence length; does not pay off for recurrent layers."""
    mixed_precision: bool = False
    """Compute in float16 with float32 weights, for GPUs."""
    seed: int = 0
    """Seed of everything random: data, weights, order, dropout."""


@dataclasses.dataclass(frozen=True)
class ScoreOptions:
    """How translations are scored."""

    metric: Literal["exact_match", "bleu", "chrf"] = "bleu"
    """Validation metric that selects the best epoch."""
    bleu_tokenizer: BleuTokenizer = "13a"
    """sacrebleu's tokenizer: `none` for text that is already tokenized, `zh`, `ja-mecab` and
    `ko-mecab` for Chinese, Japanese and Korean, `flores200` or `char` for other scripts without
    spaces between words."""
    validation_decodes: int = 500
    """Validation pairs decoded after each epoch; 0 takes all."""
    heatmaps: int = 4
    """Validation sentences whose alignment is drawn after each epoch."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All options of a run that trains a translation model."""

    task: ClassVar[str] = "translation"  # As `recipe.json` names it.
    data_kinds: ClassVar = PAIRS
    model_kinds: ClassVar = SEQ2SEQ

    name: str = "translation"
    """Name that the run, its bundle and its manifest carry."""
    data: EmbeddedData | ParallelFiles | Tables | TfdsData | UnnamedData = UnnamedData()
    text: TextOptions = TextOptions()
    model: RecurrentOptions | TransformerOptions = RecurrentOptions()
    fit: FitOptions = FitOptions()
    search: SearchOptions = SearchOptions()
    score: ScoreOptions = ScoreOptions()

    def check(self):
        """Raises `UserError` where two options do not fit each other or a number makes no sense."""
        check_choices(self)
        check_numbers(self)
        check_pairs_of_options(self)
        check_model(self.model, SEQ2SEQ.family(self.model.model))
        check_search(self)

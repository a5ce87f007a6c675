"""Every option of a training run: its name, its default and its help text.

The command line is made from these dataclasses and `recipe.json` records them, so an option is
described here and nowhere else; those of the search, which an exported file has too, in
`keras_attention.decoding.SearchOptions`.
"""

import dataclasses
from typing import ClassVar, Literal

from keras_attention.decoding.search_options import SearchOptions

from .recipe_checks import (
    check_family,
    check_model,
    check_numbers,
    check_pairs_of_options,
    check_search,
)

TokenizerKind = Literal["character", "byte", "word", "wordpiece", "sentencepiece"]

ModelKind = Literal[
    "recurrent", "transformer-tiny", "transformer-small", "transformer-base", "transformer-big"
]

BleuTokenizer = Literal["13a", "none", "intl", "zh", "ja-mecab", "ko-mecab", "char", "flores200"]


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """Where pairs come from: exactly one of `embedded`, `train_source`, `train_table`, `tfds`."""

    embedded: Literal["", "dates"] = ""
    """Data that comes with the package: `dates`, as people write them, into ISO 8601."""
    train_source: str = ""
    """Text file with one source sentence a line, plain or compressed (.gz, .xz, .bz2, .zst)."""
    train_target: str = ""
    """Text file with the translation of each line of --train-source."""
    validation_source: str = ""
    """The same for validation; without it --validation-share of the training pairs is held out."""
    validation_target: str = ""
    """The same for validation."""
    test_source: str = ""
    """The same for the final test; without it --test-share of the training pairs is held out."""
    test_target: str = ""
    """The same for the final test."""
    train_table: str = ""
    """Table (TSV, CSV) or JSON lines, plain or compressed, with a source and a target column."""
    validation_table: str = ""
    """The same for validation."""
    test_table: str = ""
    """The same for the final test."""
    source_column: str = "1"
    """Name, or number counted from 1, of the table's source column; the key in JSON lines, with
    dots into objects within (translation.de)."""
    target_column: str = "2"
    """Name, or number counted from 1, of the table's target column; likewise."""
    table_header: Literal["auto", "yes", "no"] = "auto"
    """Whether the first row of a table holds names; auto decides, and says so."""
    table_delimiter: Literal["auto", "suffix", "tab", "comma", "semicolon", "pipe"] = "auto"
    """What divides the columns of a table: auto takes what divides its rows alike, suffix a comma
    in .csv and a tab in others."""
    table_quotes: Literal["auto", "yes", "no"] = "auto"
    """Whether a field of a table may stand in double quotes, and then hold newlines; auto: in all
    but tab files, where a sentence may begin with a quotation mark."""
    encoding: str = "auto"
    """Encoding of text files and tables, such as windows-1252; auto is UTF-8, or what a byte-order
    mark says."""
    tfds: str = ""
    """Name of a TFDS translation set, such as ted_hrlr_translate/pt_to_en."""
    tfds_data_dir: str = ""
    """Folder where TFDS keeps prepared data; its own default if empty."""
    validation_share: float = 0.05
    """Fraction of the training pairs held out for validation when no validation data is given."""
    test_share: float = 0.05
    """Fraction of the training pairs held out for the test when no test data is given."""
    same_source: Literal["normalized", "case"] = "normalized"
    """What is held out together, as the same source: normalized, if equal but for case, white space
    and Unicode form; case, if equal but for case and white space, as in version 0.1."""
    drop_overlap: bool = False
    """Leave pairs out of training whose source stands in validation or test too (and out of
    validation for test); otherwise their number is reported only."""
    train_size: int = 0
    """Pairs used for training; 0 takes all. Needed for embedded data, which has no end."""
    validation_size: int = 0
    """Pairs used for validation; 0 takes all."""
    test_size: int = 0
    """Pairs used for the test; 0 takes all."""


@dataclasses.dataclass(frozen=True)
class TextOptions:
    """How text becomes ids. Vocabularies are learned from the training pairs."""

    source_tokenizer: TokenizerKind = "sentencepiece"
    """Tokenizer of the source."""
    target_tokenizer: TokenizerKind = "sentencepiece"
    """Tokenizer of the target."""
    vocabulary_size: int = 5000
    """Size of a learned vocabulary, special tokens included. Characters and bytes take what they
    need."""
    byte_fallback: bool = True
    """Spell what a wordpiece or sentencepiece vocabulary lacks, such as an emoji, as bytes, which
    take 256 ids of its size. Without it such a character is unknown."""
    user_defined_symbols: str = ""
    """Symbols that a wordpiece or sentencepiece vocabulary never cuts, with spaces between them:
    "<br> @user"."""
    joint_vocabulary: bool = False
    """Learn one vocabulary from both sides."""
    lowercase: bool = False
    """Lower-case the text before it is tokenized."""
    normalization: Literal["none", "nfc", "nfkc"] = "none"
    """Unicode normal form of the text before it is split: nfc makes one spelling of an accented
    letter, nfkc also of letters that only look different, such as full-width ones."""
    max_source_length: int = 128
    """Source tokens a model takes, the end token included; longer pairs are left out and
    counted."""
    max_target_length: int = 128
    """Target tokens a model makes, the end token included; longer pairs are left out and
    counted."""


@dataclasses.dataclass(frozen=True)
class CommonModelOptions:
    """What every family of models has."""

    model: ModelKind = "recurrent"
    """Family and size: a recurrent model, or a Transformer (tiny 4+4 blocks of width 128, small
    3+3 of 256, base 6+6 of 512, big 6+6 of 1024)."""
    dropout: float = 0.3
    """Dropout rate of the features, around every layer."""
    tie_embeddings: bool = True
    """Use the target embedding as the output projection too."""
    share_embeddings: bool = False
    """Use one embedding for source and target; needs --joint-vocabulary."""


@dataclasses.dataclass(frozen=True)
class RecurrentOptions(CommonModelOptions):
    """A recurrent encoder and decoder with attention."""

    cell: Literal["lstm", "gru"] = "gru"
    """Kind of recurrent cell."""
    encoder_units: int = 256
    """State size of each direction of the encoder."""
    encoder_layers: int = 1
    """Layers of the encoder."""
    bidirectional: bool = True
    """Read the source in both directions."""
    decoder_units: int = 256
    """State size of the decoder."""
    decoder_layers: int = 1
    """Layers of the decoder."""
    wiring: Literal["bahdanau", "input-feeding", "parallel"] = "parallel"
    """Where the context goes: into the cell (Bahdanau), into the next step (Luong's input feeding),
    or past the cell, which trains in one pass (Luong, parallel)."""
    attention: Literal["bahdanau", "dot", "scaled-dot", "general", "concat"] = "general"
    """Attention score: additive (bahdanau), scaled dot product, or one of Luong et al. 2015 (dot,
    general, concat)."""
    embedding_dim: int = 256
    """Width of the token embeddings."""


@dataclasses.dataclass(frozen=True)
class TransformerOptions(CommonModelOptions):
    """A Transformer of a named size, which fixes its width, heads and number of blocks."""

    model: ModelKind = "transformer-tiny"
    """Family and size: a recurrent model, or a Transformer (tiny 4+4 blocks of width 128, small
    3+3 of 256, base 6+6 of 512, big 6+6 of 1024)."""
    attention: Literal[
        "full",
        "sliding-window",
        "strided",
        "fixed",
        "linear",
        "performer",
        "talking-heads",
        "output-gate",
        "query-key-norm",
        "learned-sinks",
        "sparsemax",
        "entmax15",
        "sigmoid",
    ] = "full"
    """Self-attention of every block: full; sparse (sliding-window of 32 tokens to each side,
    strided, fixed); linear in the length (linear, performer); an extension of full attention
    (talking-heads, output-gate, query-key-norm, learned-sinks), or full attention with another
    normalizer than softmax (sparsemax, entmax15, sigmoid)."""
    norm: Literal["pre", "post"] = "pre"
    """Where a Transformer normalizes: before each sublayer, or after it (Vaswani et al. 2017)."""
    activation: Literal["relu", "gelu", "swiglu"] = "relu"
    """Activation function of the feed-forward networks."""
    attention_dropout: float = 0.0
    """Dropout rate of the attention weights."""
    num_key_value_heads: int | None = None
    """Heads of keys and values, shared by groups of query heads; as many as query heads if not
    given."""
    position: Literal["sinusoidal", "rotary", "alibi", "shaw", "t5", "transformer-xl"] = (
        "sinusoidal"
    )
    """Position encoding: added to the embeddings (sinusoidal), or inside the attention of every
    block."""


MODEL_FAMILIES = (RecurrentOptions, TransformerOptions)


def model_family(model):
    """The class of options that a model has.

    Args:
        model: str. One of `ModelKind`.
    """
    return RecurrentOptions if model == "recurrent" else TransformerOptions


def ModelOptions(model="recurrent", **options):
    """Options of a model, of the class that its family has.

    Args:
        model: str. `"recurrent"`, or a Transformer such as `"transformer-tiny"`.
        **options: those of `RecurrentOptions` or of `TransformerOptions`.

    Returns:
        An instance of one of these classes.

    Raises:
        UserError: an option belongs to another family.

    Example:

    >>> from keras_attention.training import ModelOptions
    >>> type(ModelOptions("transformer-small", norm="post")).__name__
    'TransformerOptions'
    """
    family = model_family(model)
    for name, value in options.items():
        check_family(family, name, value, model)
    return family(model=model, **options)


def changed_model(options, **changes):
    """Options of a model with some of them changed; of another family if `model` says so.

    Args:
        options: instance of one of `MODEL_FAMILIES`.
        **changes: options that are others. What both families have is kept.

    Raises:
        UserError: an option belongs to another family.
    """
    family = model_family(changes.get("model", options.model))
    kept = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(
            family if isinstance(options, family) else CommonModelOptions
        )
    }
    return ModelOptions(**{**kept, **changes})


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
    """Largest share of the run's steps that the warm-up may take; a tenth if neither this nor
    --warmup-steps is given, no limit if only --warmup-steps is."""
    label_smoothing: float = 0.1
    """Label smoothing: fraction of each label spread evenly over the vocabulary."""
    clip_norm: float = 1.0
    """Gradient clipping: the largest global norm of the gradients."""
    average_decay: float = 0.0
    """Decay of a running average of the weights that validation and the saved model use; 0 for
    none. It is lowered where the average would hold more than a tenth of the run."""
    steps_per_execution: int = 1
    """Steps run in one compiled call; more saves overhead for small models."""
    jit_compile: bool = False
    """Compile by XLA, anew for every length; does not pay for recurrent layers."""
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
    """sacrebleu's tokenizer: `none` for text that is tokenised already, `zh`, `ja-mecab` and
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

    name: str = "translation"
    """Name that the run, its bundle and its manifest carry."""
    data: DataOptions = DataOptions()
    text: TextOptions = TextOptions()
    model: RecurrentOptions | TransformerOptions = RecurrentOptions()
    fit: FitOptions = FitOptions()
    search: SearchOptions = SearchOptions()
    score: ScoreOptions = ScoreOptions()

    def check(self):
        """Raises `UserError` where two options do not fit each other or a number makes no sense."""
        check_numbers(self)
        check_pairs_of_options(self)
        check_model(self.model, model_family(self.model.model))
        check_search(self)

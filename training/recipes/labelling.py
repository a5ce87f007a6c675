"""Every option of a run that trains a model of labels, of tags, or of both."""

import dataclasses
from typing import ClassVar, Literal

from keras_attention.errors import UserError

from .checks import SUB_WORD, check_choices, check_model, check_numbers
from .label_model_options import (
    ENCODERS,
    EmbeddingsOptions,
    RecurrentEncoderOptions,
    TransformerEncoderOptions,
)
from .labelled_data_options import (
    LABELS,
    ConllFiles,
    EmbeddedLabels,
    LabelledTables,
    LabelledTfds,
    SlotFolders,
    SpanFiles,
    UnnamedLabels,
)
from .recipe import FitOptions, TokenizerKind


@dataclasses.dataclass(frozen=True)
class LabelTextOptions:
    """How texts become ids, and labels. Vocabularies are learned from the training texts."""

    source_tokenizer: TokenizerKind = "word"
    """Tokenizer of the texts."""
    vocabulary_size: int = 20_000
    """Largest size of a learned vocabulary, special tokens included. Character and byte tokenizers
    use as many ids as they need."""
    byte_fallback: bool = True
    """Encode characters that a wordpiece or sentencepiece vocabulary lacks, such as an emoji, as
    bytes, which take 256 ids of the vocabulary. Without it they are unknown tokens."""
    user_defined_symbols: str = ""
    """Symbols that a wordpiece or sentencepiece tokenizer never splits, separated by spaces:
    "<br> @user"."""
    lowercase: bool = False
    """Lower-case the text before it is tokenized."""
    normalization: Literal["none", "nfc", "nfkc"] = "none"
    """Unicode normalization before the text is tokenized: nfc unifies composed and decomposed
    accents, nfkc also compatibility characters, such as full-width letters."""
    max_source_length: int = 128
    """Most tokens of a text, including the end token; longer texts are left out of training and
    counted."""
    tag_scheme: Literal["bio", "bilou", "plain"] = "bio"
    """How tags mark spans of words: BIO, BILOU, or plain tags that mark no spans, such as parts of
    speech. Tags of the data in the other of BIO and BILOU are rewritten."""


@dataclasses.dataclass(frozen=True)
class LabelScoreOptions:
    """How answers are scored."""

    metric: Literal[
        "auto", "accuracy", "macro_f1", "span_f1", "tag_accuracy", "sentence_accuracy"
    ] = "auto"
    """Validation metric that selects the best epoch: auto is accuracy of labels, F1 of spans, or
    with both the share of sentences whose label and tags are all right."""
    validation_decodes: int = 0
    """Validation texts scored after each epoch; 0 takes all."""
    heatmaps: int = 4
    """Validation texts whose evidence is drawn after each epoch."""
    evidence_texts: int = 100
    """Texts of validation and of the test on which the evidence is compared with random words at
    the end (DeYoung et al. 2020); 0 leaves it out. For data with labels."""


@dataclasses.dataclass(frozen=True)
class LabellingRecipe:
    """All options of a run that trains a model of labels, of tags, or of both."""

    task: ClassVar[str] = "labelling"  # As `recipe.json` names it.
    data_kinds: ClassVar = LABELS
    model_kinds: ClassVar = ENCODERS

    name: str = "labelling"
    """Name that the run, its bundle and its manifest carry."""
    data: (
        EmbeddedLabels
        | LabelledTables
        | ConllFiles
        | SlotFolders
        | SpanFiles
        | LabelledTfds
        | UnnamedLabels
    ) = UnnamedLabels()
    text: LabelTextOptions = LabelTextOptions()
    model: RecurrentEncoderOptions | EmbeddingsOptions | TransformerEncoderOptions = (
        RecurrentEncoderOptions()
    )
    fit: FitOptions = FitOptions()
    score: LabelScoreOptions = LabelScoreOptions()

    def check(self):
        """Raises `UserError` where two options do not fit each other or a number makes no sense."""
        check_choices(self)
        check_numbers(self)
        text = self.text
        if text.user_defined_symbols and text.source_tokenizer not in SUB_WORD:
            raise UserError(
                "--user-defined-symbols is for the tokenizers wordpiece and sentencepiece. "
                f"Received: --source-tokenizer {text.source_tokenizer}"
            )
        check_model(self.model, ENCODERS.family(self.model.model))

"""Options of the data of a labelling run, one class for each kind of data."""

import dataclasses
from typing import Literal

from .kinds import DataKinds


@dataclasses.dataclass(frozen=True)
class CommonLabelledOptions:
    """Where texts and their labels come from, and which of them are held out."""

    validation_share: float = 0.05
    """Fraction of the training texts held out for validation when no validation data is given; the
    same fraction of each label."""
    test_share: float = 0.05
    """Fraction of the training texts held out for the test when no test data is given; the same
    fraction of each label."""
    same_source: Literal["normalized", "case"] = "normalized"
    """Which texts count as the same, and are held out together: those that differ only in case,
    white space and Unicode form (normalized), or only in case and white space (case)."""
    drop_overlap: bool = False
    """Leave texts out of training if they also occur in validation or test, and out of validation
    if they occur in test. If not given, their number is only reported."""
    train_size: int = 0
    """Texts used for training; 0 takes all. Required for embedded data, which is unlimited."""
    train_per_label: int = 0
    """Texts of each label used for training, drawn by --seed, such as 10 to see what few examples
    teach; 0 takes all."""
    validation_size: int = 0
    """Texts used for validation; 0 takes all."""
    test_size: int = 0
    """Texts used for the test; 0 takes all."""


@dataclasses.dataclass(frozen=True)
class EmbeddedLabels(CommonLabelledOptions):
    """Texts with labels that come with the package."""

    embedded: Literal["languages", "language-forms", "date-parts", "languages-and-parts"] = (
        "languages"
    )
    """Data that comes with the package, dates as people write them: with the language as label
    (languages), with the language and the form (language-forms: some 245 labels, of which some
    are rare), with tags for day, month, year and weekday (date-parts), or with the language and
    the tags (languages-and-parts)."""


@dataclasses.dataclass(frozen=True)
class LabelledFileOptions(CommonLabelledOptions):
    """What every kind of files has."""

    encoding: str = "auto"
    """Encoding of text files and tables, such as windows-1252; auto is UTF-8, or what a byte-order
    mark says."""


@dataclasses.dataclass(frozen=True)
class LabelledTables(LabelledFileOptions):
    """Tables or JSON lines, one text with its label per row."""

    train_table: str = ""
    """Table (TSV, CSV) or JSON lines, plain or compressed, with a column of texts and one of labels
    or of tags."""
    validation_table: str = ""
    """Like --train-table, for validation; if not given, --validation-share of the training texts is
    held out."""
    test_table: str = ""
    """Like --train-table, for the final test; if not given, --test-share of the training texts is
    held out."""
    source_column: str = "text"
    """Name or number (from 1) of the table's column of texts. In JSON lines it is the key, with
    dots for nested objects (message.text)."""
    target_column: str = "label"
    """Name or number (from 1) of the table's column of labels, or the key in JSON lines; empty for
    data that has tags only."""
    tags_column: str = ""
    """Name or number (from 1) of the table's column of tags, one for each word of the text, divided
    by spaces; in JSON lines it may be a list, and so may the text. Empty for data without tags."""
    table_header: Literal["auto", "yes", "no"] = "auto"
    """Whether the first row of a table has column names; auto detects it and reports it."""
    table_delimiter: str = "auto"
    """Column delimiter of a table: tab, comma, semicolon, pipe, or any one character, such as @;
    auto detects which of the four gives all rows the same number of columns; suffix is a comma in
    .csv files and a tab in others."""
    table_quotes: Literal["auto", "yes", "no"] = "auto"
    """Whether fields of a table may be enclosed in double quotes, and then contain newlines; auto:
    in all files but those with tabs, where a sentence may begin with a quotation mark."""


@dataclasses.dataclass(frozen=True)
class ConllFiles(LabelledFileOptions):
    """CoNLL files: a word and its tag per line, an empty line after each sentence."""

    train_conll: str = ""
    """CoNLL file, plain or compressed: one word a line with its tag in another column, divided by
    tabs or spaces, and an empty line between sentences."""
    validation_conll: str = ""
    """Like --train-conll, for validation; if not given, --validation-share of the training texts is
    held out."""
    test_conll: str = ""
    """Like --train-conll, for the final test; if not given, --test-share of the training texts is
    held out."""
    word_column: int = 1
    """Number (from 1) of the column of words."""
    tag_column: int = 0
    """Number (from 1) of the column of tags; 0 is the last one."""


@dataclasses.dataclass(frozen=True)
class SlotFolders(LabelledFileOptions):
    """Folders in the form of SNIPS and ATIS, with the files seq.in, seq.out and label."""

    train_slots: str = ""
    """Folder with a sentence per line in seq.in, the tags of its words in seq.out and, if there are
    labels, its label in the file label."""
    validation_slots: str = ""
    """Like --train-slots, for validation; if not given, --validation-share of the training texts is
    held out."""
    test_slots: str = ""
    """Like --train-slots, for the final test; if not given, --test-share of the training texts is
    held out."""


@dataclasses.dataclass(frozen=True)
class SpanFiles(LabelledFileOptions):
    """JSON with parts of each text named by their first and last character."""

    train_spans: str = ""
    """JSON lines, or one JSON list, plain or compressed: texts, each with a list of spans that have
    a kind, a begin and an end in characters."""
    validation_spans: str = ""
    """Like --train-spans, for validation; if not given, --validation-share of the training texts is
    held out."""
    test_spans: str = ""
    """Like --train-spans, for the final test; if not given, --test-share of the training texts is
    held out."""
    text_key: str = "text"
    """Key of the text in JSON, with dots for nested objects (message.text)."""
    spans_key: str = "spans"
    """Key of the list of spans; a text without it has none."""
    kind_key: str = "label"
    """Key of the kind of a span; where a span is a list ([3, 7, "city"]), its place from 1."""
    begin_key: str = "start"
    """Key of a span's first character, counted from 0; absent is 0."""
    end_key: str = "end"
    """Key of the character behind a span's last one."""
    context_key: str = ""
    """Key of a text, or of a list of texts, that is read before the text and has no tags, such as
    what was asked for; empty for none."""
    span_words: Literal["spaces", "signs"] = "spaces"
    """Words that are tagged: what stands between spaces; or also each sign at the ends of a word
    (signs: "Rome?" becomes "Rome ?"; texts to predict have to be written the same way)."""


@dataclasses.dataclass(frozen=True)
class LabelledTfds(CommonLabelledOptions):
    """A text-classification data set of TensorFlow Datasets."""

    tfds: str = ""
    """Name of a TFDS text-classification set, such as ag_news_subset."""
    tfds_data_dir: str = ""
    """Folder in which TFDS stores prepared data; the default of TFDS if empty."""
    tfds_text_key: str = ""
    """Name of the feature that is the text; by default that of supervised learning."""
    tfds_label_key: str = ""
    """Name of the feature that is the label; by default that of supervised learning."""


@dataclasses.dataclass(frozen=True)
class UnnamedLabels(CommonLabelledOptions):
    """Give one of --embedded, --train-table, --train-conll, --train-slots, --train-spans and
    --tfds: where texts come from.

    Each of these kinds of data has more options. To see them, give the option, then --help.
    """

    embedded: Literal["", "languages", "language-forms", "date-parts", "languages-and-parts"] = ""
    """Data that comes with the package: dates as people write them, with their language, their form
    or tags for their parts."""
    train_table: str = ""
    """Table (TSV, CSV) or JSON lines, plain or compressed, with a column of texts and one of labels
    or of tags."""
    train_conll: str = ""
    """CoNLL file, plain or compressed: one word a line with its tag in another column."""
    train_slots: str = ""
    """Folder with sentences in seq.in, the tags of their words in seq.out and, if there are labels,
    these in the file label."""
    train_spans: str = ""
    """JSON, plain or compressed, of texts with a list of spans, each with a kind, a begin and an
    end in characters."""
    tfds: str = ""
    """Name of a TFDS text-classification set, such as ag_news_subset."""


LABELLED_SELECTORS = {
    "embedded": EmbeddedLabels,
    "train_table": LabelledTables,
    "train_conll": ConllFiles,
    "train_slots": SlotFolders,
    "train_spans": SpanFiles,
    "tfds": LabelledTfds,
}
LABELS = DataKinds(
    (*LABELLED_SELECTORS.values(), UnnamedLabels),
    LABELLED_SELECTORS,
    files=(
        (LabelledTables, "table"),
        (ConllFiles, "conll"),
        (SlotFolders, "slots"),
        (SpanFiles, "spans"),
    ),
)


def LabelledDataOptions(**options):
    """Options of labelled data, of the class that its kind has.

    Args:
        **options: exactly one of the selectors, such as `embedded` or `train_table`, and the
            options of its class.

    Returns:
        An instance of that class; of `UnnamedLabels` if none is named.

    Raises:
        UserError: more than one is named, or an option belongs to another kind of data.

    Example:

    >>> type(LabelledDataOptions(train_conll="train.tsv", tag_column=2)).__name__
    'ConllFiles'
    """
    return LABELS.make(**options)

"""Options of the data of a training run, one class for each kind of data."""

import dataclasses
from typing import Literal

from .kinds import DataKinds


@dataclasses.dataclass(frozen=True)
class CommonDataOptions:
    """Where pairs come from, and which of them are held out."""

    validation_share: float = 0.05
    """Fraction of the training pairs held out for validation when no validation data is given."""
    test_share: float = 0.05
    """Fraction of the training pairs held out for the test when no test data is given."""
    same_source: Literal["normalized", "case"] = "normalized"
    """Which sources count as the same, and are held out together: those that differ only in case,
    white space and Unicode form (normalized), or only in case and white space (case), as in
    version 0.1."""
    drop_overlap: bool = False
    """Leave pairs out of training if their source also occurs in validation or test, and out of
    validation if it occurs in test. If not given, their number is only reported."""
    train_size: int = 0
    """Pairs used for training; 0 takes all. Required for embedded data, which is unlimited."""
    validation_size: int = 0
    """Pairs used for validation; 0 takes all."""
    test_size: int = 0
    """Pairs used for the test; 0 takes all."""


@dataclasses.dataclass(frozen=True)
class EmbeddedData(CommonDataOptions):
    """Pairs that come with the package."""

    embedded: Literal["dates"] = "dates"
    """Data that comes with the package: `dates`, as people write them, into ISO 8601."""


@dataclasses.dataclass(frozen=True)
class ParallelFiles(CommonDataOptions):
    """Parallel text files, one sentence per line."""

    train_source: str = ""
    """Text file with one source sentence a line, plain or compressed (.gz, .xz, .bz2, .zst)."""
    train_target: str = ""
    """Text file with the translation of each line of --train-source."""
    validation_source: str = ""
    """Like --train-source, for validation; if not given, --validation-share of the training pairs
    is held out."""
    validation_target: str = ""
    """Like --train-target, for validation."""
    test_source: str = ""
    """Like --train-source, for the final test; if not given, --test-share of the training pairs is
    held out."""
    test_target: str = ""
    """Like --train-target, for the final test."""
    encoding: str = "auto"
    """Encoding of text files and tables, such as windows-1252; auto is UTF-8, or what a byte-order
    mark says."""


@dataclasses.dataclass(frozen=True)
class Tables(CommonDataOptions):
    """Tables or JSON lines, one pair per row."""

    train_table: str = ""
    """Table (TSV, CSV) or JSON lines, plain or compressed, with a source and a target column."""
    validation_table: str = ""
    """Like --train-table, for validation; if not given, --validation-share of the training pairs is
    held out."""
    test_table: str = ""
    """Like --train-table, for the final test; if not given, --test-share of the training pairs is
    held out."""
    source_column: str = "1"
    """Name or number (from 1) of the table's source column. In JSON lines it is the key, with dots
    for nested objects (translation.de)."""
    target_column: str = "2"
    """Name or number (from 1) of the table's target column, or the key in JSON lines."""
    table_header: Literal["auto", "yes", "no"] = "auto"
    """Whether the first row of a table has column names; auto detects it and reports it."""
    table_delimiter: Literal["auto", "suffix", "tab", "comma", "semicolon", "pipe"] = "auto"
    """Column delimiter of a table: auto detects the one that gives all rows the same number of
    columns; suffix is a comma in .csv files and a tab in others."""
    table_quotes: Literal["auto", "yes", "no"] = "auto"
    """Whether fields of a table may be enclosed in double quotes, and then contain newlines; auto:
    in all files but those with tabs, where a sentence may begin with a quotation mark."""
    encoding: str = "auto"
    """Encoding of text files and tables, such as windows-1252; auto is UTF-8, or what a byte-order
    mark says."""


@dataclasses.dataclass(frozen=True)
class TfdsData(CommonDataOptions):
    """A translation data set of TensorFlow Datasets."""

    tfds: str = ""
    """Name of a TFDS translation set, such as ted_hrlr_translate/pt_to_en."""
    tfds_data_dir: str = ""
    """Folder in which TFDS stores prepared data; the default of TFDS if empty."""


@dataclasses.dataclass(frozen=True)
class UnnamedData(CommonDataOptions):
    """Give one of --embedded, --train-source, --train-table and --tfds: where pairs come from.

    Each of these four kinds of data has more options. To see them, give the option, then --help.
    """

    embedded: Literal["", "dates"] = ""
    """Data that comes with the package: `dates`, as people write them, into ISO 8601."""
    train_source: str = ""
    """Text file with one source sentence a line, plain or compressed (.gz, .xz, .bz2, .zst)."""
    train_table: str = ""
    """Table (TSV, CSV) or JSON lines, plain or compressed, with a source and a target column."""
    tfds: str = ""
    """Name of a TFDS translation set, such as ted_hrlr_translate/pt_to_en."""


DATA_FAMILIES = (EmbeddedData, ParallelFiles, Tables, TfdsData, UnnamedData)
# The option that names the data of each kind, and what an error calls that kind.
SELECTORS = {
    "embedded": EmbeddedData,
    "train_source": ParallelFiles,
    "train_table": Tables,
    "tfds": TfdsData,
}


PAIRS = DataKinds(
    DATA_FAMILIES,
    SELECTORS,
    files=((Tables, "table"), (ParallelFiles, "source"), (ParallelFiles, "target")),
)
data_family = PAIRS.family
changed_data = PAIRS.changed


def DataOptions(**options):
    """Options of the data, of the class that its kind has.

    Args:
        **options: exactly one of `embedded`, `train_source`, `train_table` and `tfds`, and the
            options of `EmbeddedData`, `ParallelFiles`, `Tables` or `TfdsData`.

    Returns:
        An instance of one of these classes; of `UnnamedData` if none is named.

    Raises:
        UserError: more than one is named, or an option belongs to another kind of data.

    Example:

    >>> from keras_attention.training import DataOptions
    >>> type(DataOptions(train_table="pairs.tsv", target_column="3")).__name__
    'Tables'
    """
    return PAIRS.make(**options)

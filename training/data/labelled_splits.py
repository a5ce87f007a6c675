"""Training, validation and test texts as a labelling recipe names them."""

from keras_attention.errors import UserError

from ..recipes.labelled_data_options import (
    LABELS,
    ConllFiles,
    EmbeddedLabels,
    LabelledTables,
    LabelledTfds,
    SlotFolders,
    SpanFiles,
)
from . import labelled_dates
from .character_spans import character_spans
from .labelled import few_of_each
from .labelled_files import conll, labelled_table, slot_folder
from .labelled_tfds import tfds_labelled, tfds_labelled_splits
from .split_reader import SplitReader, make_splits, read_paths
from .splits import SPLITS


def _embedded(options, seed, report, several):
    return make_splits(EMBEDDED[options.embedded], options, seed)


def _tables(options, seed, report, several):
    choice = {"auto": None, "yes": True, "no": False}
    reading = {
        "source_column": options.source_column,
        "target_column": options.target_column or None,
        "tags_column": options.tags_column or None,
        "header": choice[options.table_header],
        "quoted": choice[options.table_quotes],
        "delimiter": options.table_delimiter,
        "several": several,
    }
    return read_paths(labelled_table, "table", options, report, **reading)


def _conll(options, seed, report, several):
    columns = {"word_column": options.word_column, "tag_column": options.tag_column}
    return read_paths(conll, "conll", options, report, **columns)


def _slots(options, seed, report, several):
    return read_paths(slot_folder, "slots", options, report)


def _spans(options, seed, report, several):
    names = ("text_key", "spans_key", "kind_key", "begin_key", "end_key", "context_key")
    reading = {name: getattr(options, name) for name in names}
    return read_paths(
        character_spans, "spans", options, report, **reading, words=options.span_words
    )


def _tfds(options, seed, report, several):
    keys = (options.tfds_text_key, options.tfds_label_key, options.tfds_data_dir or None)
    available = tfds_labelled_splits(options.tfds, *keys)
    return [
        tfds_labelled(options.tfds, split, *keys, report=report) if split in available else None
        for split in SPLITS
    ]


def _few_of_each(train, options, seed):
    if not options.train_per_label:
        return train
    if train.labels is None:
        raise UserError("--train-per-label is for data with labels, and this has tags only.")
    return few_of_each(train, options.train_per_label, seed)


EMBEDDED = {
    "languages": labelled_dates.languages,
    "language-forms": lambda *split: labelled_dates.languages(*split, forms=True),
    "date-parts": labelled_dates.date_parts,
    "languages-and-parts": lambda *split: labelled_dates.date_parts(*split, labels=True),
}
READERS = {
    EmbeddedLabels: _embedded,
    LabelledTables: _tables,
    ConllFiles: _conll,
    SlotFolders: _slots,
    SpanFiles: _spans,
    LabelledTfds: _tfds,
}

_READER = SplitReader(LABELS, READERS, noun="texts", reduce=_few_of_each)
labelled_splits = _READER.load
other_labelled_splits = _READER.load_others

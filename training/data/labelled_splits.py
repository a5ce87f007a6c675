"""Training, validation and test texts as a labelling recipe names them."""

from keras_attention.errors import UserError

from ..recipes.checks import check_selectors
from ..recipes.labelled_data_options import (
    LABELLED_SELECTORS,
    LABELS,
    ConllFiles,
    EmbeddedLabels,
    LabelledTables,
    LabelledTfds,
    SlotFolders,
    SpanFiles,
    UnnamedLabels,
)
from . import labelled_dates
from .character_spans import character_spans
from .labelled_files import conll, labelled_table, slot_folder
from .labelled_tfds import tfds_labelled, tfds_labelled_splits
from .overlap import without_overlap
from .pairs import split_share
from .splits import SPLITS, Splits, first


def labelled_splits(options, seed, report=print, several=False):
    """Reads or makes the three splits.

    Args:
        options: `LabelledDataOptions`.
        seed: int. Of embedded data and of held-out shares, which are the same for each label.
        report: function that tells the user one line: how files were read, what was repaired.
        several: whether a text has any number of labels, also none.

    Returns:
        `Splits` of `LabelledTexts`.

    Raises:
        UserError: no data is named, or more than one kind, or it cannot be read.
    """
    if isinstance(options, UnnamedLabels):  # A selector may have been put in its place since.
        options = LABELS.make(**vars(options))
    selectors = LABELS.selectors
    check_selectors(selectors, [name for name in selectors if getattr(options, name, "")])
    splits = _fill(READERS[type(options)](options, seed, report, several), options, seed)
    named = {
        name: first(examples, getattr(options, f"{name}_size"))
        for name, examples in zip(SPLITS, splits, strict=True)
    }
    return Splits(**without_overlap(named, options.drop_overlap, report, noun="texts"))


def other_labelled_splits(options, changes, seed, report=print, several=False):
    """Validation and test texts that are named in place of a recipe's.

    Args:
        options: `LabelledDataOptions` of the recipe.
        changes: dict of the options that are others. With a path of validation or test among them,
            only what they name is read; otherwise all splits are read anew.
        seed: int. As for `labelled_splits`.
        report: function, as for `labelled_splits`.
        several: as for `labelled_splits`.

    Returns:
        `Splits`, with None for what is not named.

    Raises:
        UserError: as `labelled_splits`.
    """
    if any(name in changes for name in LABELLED_SELECTORS):  # In place of the recipe's own.
        nothing = dict.fromkeys(LABELLED_SELECTORS, "")
        changed = LABELS.changed(options, **{**nothing, **changes})
        return labelled_splits(changed, seed, report, several)
    named = {
        f"{split}_{side}": family
        for family, side in LABELS.files
        for split in ("validation", "test")
        if f"{split}_{side}" in changes
    }
    if not named:
        return labelled_splits(LABELS.changed(options, **changes), seed, report, several)
    families = set(named.values())
    if len(families) > 1:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in named)
        raise UserError(f"Validation and test need to be of one kind of data. Received: {flags}")
    (family,) = families
    own = vars(options) if isinstance(options, family) else {}
    no_paths = {f"{split}_{side}": "" for _, side in LABELS.files for split in SPLITS}
    kept = {name: value for name, value in own.items() if name not in no_paths}
    reading = family(**{**kept, **changes})
    sizes = [changes.get(f"{split}_size", 0) for split in SPLITS]
    splits = READERS[family](reading, seed, report, several)
    return Splits(
        *(examples and first(examples, size) for examples, size in zip(splits, sizes, strict=True))
    )


def _embedded(options, seed, report, several):
    sizes = {
        "train": options.train_size or 40_000,
        "validation": options.validation_size or 1_000,
        "test": options.test_size or 2_000,
    }
    make = EMBEDDED[options.embedded]
    return [make(split, size, seed) for split, size in sizes.items()]


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
    return _read(labelled_table, "table", options, report, **reading)


def _conll(options, seed, report, several):
    columns = {"word_column": options.word_column, "tag_column": options.tag_column}
    return _read(conll, "conll", options, report, **columns)


def _slots(options, seed, report, several):
    return _read(slot_folder, "slots", options, report)


def _spans(options, seed, report, several):
    names = ("text_key", "spans_key", "kind_key", "begin_key", "end_key", "context_key")
    reading = {name: getattr(options, name) for name in names}
    return _read(character_spans, "spans", options, report, **reading, words=options.span_words)


def _tfds(options, seed, report, several):
    keys = (options.tfds_text_key, options.tfds_label_key, options.tfds_data_dir or None)
    available = tfds_labelled_splits(options.tfds, *keys)
    return [
        tfds_labelled(options.tfds, split, *keys, report=report) if split in available else None
        for split in SPLITS
    ]


def _read(reader, side, options, report, **reading):
    """What a reader makes of the path of each split, None where there is none."""
    paths = [getattr(options, f"{split}_{side}") for split in SPLITS]
    reading = {**reading, "encoding": options.encoding, "report": report}
    return [reader(path, **reading) if path else None for path in paths]


def _fill(splits, options, seed):
    """The splits, with the same share of each label held out where none were given."""
    train, validation, test = splits
    if test is None:
        share = (options.test_share, seed, options.same_source)
        train, test = split_share(train, *share, strata=train.labels)
    if validation is None:
        share = (options.validation_share, seed + 1, options.same_source)
        train, validation = split_share(train, *share, strata=train.labels)
    return train, validation, test


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

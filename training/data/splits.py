"""Training, validation and test pairs as a recipe names them."""

import dataclasses

from keras_attention.errors import UserError

from ..recipes.checks import check_selectors
from ..recipes.data_options import (
    PAIRS,
    SELECTORS,
    DataOptions,
    EmbeddedData,
    ParallelFiles,
    Tables,
    TfdsData,
    UnnamedData,
    changed_data,
)
from . import datasets
from .data_paths import PATHS
from .overlap import without_overlap
from .pairs import Pairs, split_share

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Splits:
    """Pairs to train on, to choose by and to report on."""

    train: Pairs
    validation: Pairs
    test: Pairs


def load_splits(options, seed, report=print):
    """Reads or makes the three splits.

    Args:
        options: `DataOptions`.
        seed: int. Of embedded data and of held-out shares.
        report: function that tells the user one line: how files were read, what was repaired.

    Returns:
        `Splits`.

    Raises:
        UserError: no data is named, or more than one kind, or it cannot be read.
    """
    if isinstance(options, UnnamedData):  # A selector may have been put in its place since.
        options = DataOptions(**vars(options))
    check_selectors(SELECTORS, [name for name in SELECTORS if getattr(options, name, "")])
    splits = _fill(READERS[type(options)](options, seed, report), options, seed)
    sizes = (options.train_size, options.validation_size, options.test_size)
    splits = (first(pairs, size) for pairs, size in zip(splits, sizes, strict=True))
    named = dict(zip(SPLITS, splits, strict=True))
    return Splits(**without_overlap(named, options.drop_overlap, report))


def asked_options(options):
    """The options that are asked for, as a dict.

    Args:
        options: dict of options of `DataOptions`, all of which are asked for; or `DataOptions`, of
            which those are that are not the default; or None.
    """
    if options is None or isinstance(options, dict):
        return options or {}
    defaults = type(options)()
    return {
        name: value
        for name, value in vars(options).items()
        if value != getattr(defaults, name) or (name in SELECTORS and value)
    }


def other_splits(options, changes, seed, report=print):
    """Validation and test pairs that are named in place of a recipe's.

    Args:
        options: `DataOptions` of the recipe.
        changes: dict of the options that are others. With a file or table of validation or test
            among them, only what they name is read; otherwise all splits are read anew.
        seed: int. As for `load_splits`.
        report: function, as for `load_splits`.

    Returns:
        `Splits`, with None for what is not named.

    Raises:
        UserError: as `load_splits`; or an option is of the data of another task.
    """
    changes = PAIRS.of_task(changes)
    if any(name in changes for name in SELECTORS):  # In place of the recipe's own.
        nothing = dict.fromkeys([*SELECTORS, "train_target"], "")
        return load_splits(changed_data(options, **{**nothing, **changes}), seed, report)
    if not any(name.startswith(("validation", "test")) for name in set(PATHS) & set(changes)):
        return load_splits(changed_data(options, **changes), seed, report)
    files = _files(_only(ParallelFiles, options, changes), seed, report)
    tables = _tables(_only(Tables, options, changes), seed, report)
    sizes = [changes.get(f"{split}_size", 0) for split in SPLITS]
    rows = zip(files, tables, sizes, strict=True)
    return Splits(*((pairs := file or table) and first(pairs, size) for file, table, size in rows))


def _only(family, options, changes):
    """Options of a kind of data that names the files of `changes` alone, and reads as a recipe."""
    names = {field.name for field in dataclasses.fields(family)}
    reading = {name: value for name, value in vars(options).items() if name not in PATHS}
    return family(
        **{name: value for name, value in {**reading, **changes}.items() if name in names}
    )


def _embedded(options, seed, report):
    sizes = {
        "train": options.train_size or 60_000,
        "validation": options.validation_size or 1_000,
        "test": options.test_size or 2_000,
    }
    return [datasets.dates(split, size, seed) for split, size in sizes.items()]


def _files(options, seed, report):
    named = {
        split: (getattr(options, f"{split}_source"), getattr(options, f"{split}_target"))
        for split in SPLITS
    }
    for split, paths in named.items():
        if any(paths) != all(paths):
            raise UserError(f"--{split}-source and --{split}-target must be given together.")
    return [
        datasets.parallel_text(*paths, options.encoding, report) if all(paths) else None
        for paths in named.values()
    ]


def _tables(options, seed, report):
    paths = [options.train_table, options.validation_table, options.test_table]
    choice = {"auto": None, "yes": True, "no": False}
    reading = {
        "header": choice[options.table_header],
        "quoted": choice[options.table_quotes],
        "delimiter": options.table_delimiter,
        "encoding": options.encoding,
        "report": report,
    }
    columns = (options.source_column, options.target_column)
    return [datasets.table(path, *columns, **reading) if path else None for path in paths]


def _tfds(options, seed, report):
    available = datasets.tfds_splits(options.tfds, options.tfds_data_dir or None)
    return [
        datasets.tfds_translation(
            options.tfds, split, data_dir=options.tfds_data_dir or None, report=report
        )
        if split in available
        else None
        for split in SPLITS
    ]


def _fill(splits, options, seed):
    """The splits with held-out shares of the training pairs where none were given."""
    train, validation, test = splits
    if test is None:
        train, test = split_share(train, options.test_share, seed, options.same_source)
    if validation is None:
        train, validation = split_share(
            train, options.validation_share, seed + 1, options.same_source
        )
    return train, validation, test


def first(pairs, size):
    """The first pairs, or other examples; all of them if `size` is 0."""
    return pairs.select(range(min(size, len(pairs)))) if size else pairs


READERS = {
    EmbeddedData: _embedded,
    ParallelFiles: _files,
    Tables: _tables,
    TfdsData: _tfds,
}

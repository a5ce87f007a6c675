"""The splits of a task's data, read as its options say."""

from keras_attention.errors import UserError

from ..recipes.checks import check_selectors
from .overlap import without_overlap
from .pairs import split_share
from .splits import SPLITS, Splits, first


class SplitReader:
    """Reads training, validation and test examples of the kinds of data that a task has.

    Args:
        kinds: `DataKinds`.
        readers: dict of a function by the class of options: `(options, seed, report, several)` to a
            list of the examples of the three splits, None for one that is not given.
        noun: str. What examples are called in reports.
        reduce: function `(examples, options, seed)` to those of them that are trained on, called
            before `train_size` counts them; None for all.
    """

    def __init__(self, kinds, readers, noun, reduce=None):
        self.kinds = kinds
        self.readers = readers
        self.noun = noun
        self.reduce = reduce

    def load(self, options, seed, report=print, several=False):
        """Reads or makes the three splits.

        Args:
            options: instance of one of the classes of `kinds`.
            seed: int. Of embedded data and of held-out shares.
            report: function that tells the user one line: how files were read, what was repaired.
            several: whether a text has any number of labels, also none.

        Returns:
            `Splits`.

        Raises:
            UserError: no data is named, or more than one kind, or it cannot be read.
        """
        if isinstance(options, self.kinds.unnamed):  # A selector may have been put in since.
            options = self.kinds.make(**vars(options))
        selectors = self.kinds.selectors
        check_selectors(selectors, [name for name in selectors if getattr(options, name, "")])
        splits = self.readers[type(options)](options, seed, report, several)
        train, *held_out = _filled(splits, options, seed, self.noun)
        if self.reduce is not None:
            train = self.reduce(train, options, seed)
        named = {
            name: first(examples, getattr(options, f"{name}_size"))
            for name, examples in zip(SPLITS, [train, *held_out], strict=True)
        }
        return Splits(**without_overlap(named, options.drop_overlap, report, self.noun))

    def load_others(self, options, changes, seed, report=print, several=False):
        """Reads validation and test examples that are named in place of a recipe's.

        Args:
            options: instance of one of the classes of `kinds`, of the recipe.
            changes: dict of the options that are others. With a path of validation or test among
                them, only what they name is read; otherwise all splits are read anew.
            seed: int. As for `load`.
            report: function, as for `load`.
            several: as for `load`.

        Returns:
            `Splits`, with None for what is not named.

        Raises:
            UserError: as `load`; or validation and test are of two kinds of data, or an option is
                of another kind or task.
        """
        changes = self.kinds.of_task(changes)
        if any(name in changes for name in self.kinds.selectors):  # In place of the recipe's own.
            nothing = dict.fromkeys(self.kinds.selectors, "")
            changed = self.kinds.changed(options, **{**nothing, **changes})
            return self.load(changed, seed, report, several)
        named = {
            f"{split}_{side}": family
            for family, side in self.kinds.files
            for split in ("validation", "test")
            if f"{split}_{side}" in changes
        }
        if not named:
            return self.load(self.kinds.changed(options, **changes), seed, report, several)
        if len(set(named.values())) > 1:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in named)
            raise UserError(
                f"Validation and test need to be of one kind of data. Received: {flags}"
            )
        family = next(iter(named.values()))
        own = vars(options) if isinstance(options, family) else {}
        paths = {f"{split}_{side}" for _, side in self.kinds.files for split in SPLITS}
        kept = {name: value for name, value in own.items() if name not in paths}
        changed = self.kinds.make(**{**kept, **changes})
        splits = self.readers[family](changed, seed, report, several)
        sizes = [changes.get(f"{split}_size", 0) for split in SPLITS]
        rows = zip(splits, sizes, strict=True)
        return Splits(*(examples and first(examples, size) for examples, size in rows))


def read_paths(reader, side, options, report, **reading):
    """What a reader makes of the path of each split, None where there is none.

    Args:
        reader: function of a path, with `encoding` and `report`.
        side: str. How the options of the paths end, such as `"table"` of `test_table`.
        options: options of data.
        report: function that tells the user one line.
        **reading: more options of the reader.
    """
    paths = [getattr(options, f"{split}_{side}") for split in SPLITS]
    reading = {**reading, "encoding": options.encoding, "report": report}
    return [reader(path, **reading) if path else None for path in paths]


def make_splits(make, options, seed):
    """Three splits of embedded data, of the sizes that are asked for.

    Args:
        make: function of the split's name, a size and a seed.
        options: options of data.
        seed: int.
    """
    sizes = {
        "train": options.train_size or 40_000,
        "validation": options.validation_size or 1_000,
        "test": options.test_size or 2_000,
    }
    return [make(split, size, seed) for split, size in sizes.items()]


def _filled(splits, options, seed, noun):
    """The splits with held-out shares of the training examples where none were given."""
    train, validation, test = splits
    how = {"noun": noun, **train.held_out_by}
    if test is None:
        share = (options.test_share, seed, options.same_source)
        train, test = split_share(train, *share, **how)
        how |= train.held_out_by
    if validation is None:
        share = (options.validation_share, seed + 1, options.same_source)
        train, validation = split_share(train, *share, **how)
    return train, validation, test

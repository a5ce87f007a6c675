"""Where pairs come from: the embedded dates, text files, tables, and TensorFlow Datasets."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

import tensorflow as tf

from keras_attention.errors import UserError

from .dates_data import dates_of, generate
from .pairs import Pairs as Pairs
from .pairs import split_share as split_share
from .pairs import without_empty_sides
from .text_files import parallel_text as parallel_text
from .text_files import table as table
from .tfds_sets import decoded, import_tfds, prepared, read_split


def dates(split: str, size: int, seed: int = 0) -> Pairs:
    """Dates as people write them, with their ISO 8601 form and, as group, their locale.

    Args:
        split: `"train"`, `"validation"` or `"test"`; they share no calendar date.
        size: number of pairs.
        seed: the same seed gives the same pairs, in every process.

    Example:

    >>> pairs = dates("test", size=3)
    >>> len(pairs), len(pairs.groups), len(pairs.targets[0])
    (3, 3, 10)
    """
    columns = list(zip(*generate(split, size, seed), strict=True)) or [(), (), ()]
    return Pairs(*(list(column) for column in columns))


def dates_stream(
    split: str, seed: int = 0, batch_size: int = 1024, size: int | None = None
) -> tf.data.Dataset:
    """The pairs of `dates`, made while they are asked for, so that training need not repeat one.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        seed: the same seed gives the same stream, each time it is read.
        batch_size: pairs in an element; the last one may hold fewer.
        size: number of pairs, or None for a stream without end.

    Returns:
        A `tf.data.Dataset` of `(sources, targets)`, both strings of shape `(batch,)`.
    """
    dates_of(split)  # a wrong name is told here, not in the first step of training

    def batches() -> Iterator[tuple[list[str], list[str]]]:
        pairs = generate(split, size, seed)
        while batch := list(islice(pairs, batch_size)):
            sources, targets, _ = zip(*batch, strict=True)
            yield list(sources), list(targets)

    strings = tf.TensorSpec((None,), tf.string)
    return tf.data.Dataset.from_generator(batches, output_signature=(strings, strings))


def tfds_translation(
    name: str,
    split: str,
    swap: bool = False,
    data_dir: str | os.PathLike | None = None,
    report=print,
) -> Pairs:
    """Pairs from a translation set of TensorFlow Datasets, downloaded if it is not there yet.

    The direction is that of the set: `ted_hrlr_translate/pt_to_en` reads Portuguese. Pairs with an
    empty side are left out and counted in `Pairs.dropped`.

    Args:
        name: the set, with its configuration and, if wanted, its version.
        split: a split of it, such as `"train"` or `"train[:10%]"`.
        swap: whether to translate the other way.
        data_dir: where the prepared sets lie; by default where TFDS keeps them.
        report: function that tells the user one line, of texts that are not UTF-8.

    Raises:
        UserError: if there is no such set or split, it is no translation, or it cannot be had or
            read.
    """
    builder, keys = _prepared(name, data_dir)
    columns = read_split(builder, name, split, keys)
    sides = decoded([columns[key] for key in keys], name, split, report)
    sources, targets = reversed(sides) if swap else sides
    origin = f"The split {split!r} of {name}"
    return without_empty_sides(sources, targets, None, origin)


def tfds_splits(name: str, data_dir: str | os.PathLike | None = None) -> tuple[str, ...]:
    """Names of the splits of a translation set, downloaded if it is not there yet.

    Args:
        name: as for `tfds_translation`.
        data_dir: as for `tfds_translation`.

    Raises:
        UserError: as `tfds_translation`.
    """
    builder, _ = _prepared(name, data_dir)
    return tuple(builder.info.splits)


def _prepared(name: str, data_dir: str | os.PathLike | None) -> tuple[Any, tuple[str, str]]:
    """The builder of a set that lies on the disk, and the names of its two texts."""
    tfds = import_tfds()

    def check(builder):
        keys, features = builder.info.supervised_keys or (), builder.info.features
        if len(keys) != 2 or not all(isinstance(features[key], tfds.features.Text) for key in keys):
            raise UserError(f"The TFDS set {name} is no translation set: it has no pair of texts.")

    builder = prepared(name, data_dir, check)
    return builder, builder.info.supervised_keys

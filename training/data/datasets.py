"""Where pairs come from: the embedded dates, text files, tables, and TensorFlow Datasets."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

import tensorflow as tf

from keras_attention.errors import UserError, first_line
from keras_attention.user_files import expand_home

from .dates_data import dates_of, generate
from .pairs import Pairs as Pairs
from .pairs import split_share as split_share
from .pairs import without_empty_sides
from .text_files import parallel_text as parallel_text
from .text_files import table as table


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
    try:
        dataset = builder.as_dataset(split=split, shuffle_files=False)
    except (ValueError, KeyError) as error:
        there = ", ".join(builder.info.splits)
        raise UserError(f"The TFDS set {name} has no split {split!r}: it has {there}.") from error
    columns: dict[str, list[str]] = {key: [] for key in keys}
    try:
        for batch in dataset.batch(1024).as_numpy_iterator():
            for key, column in columns.items():
                column.extend(text.decode("utf-8", "replace") for text in batch[key])
    except tf.errors.OpError as error:  # Such as a file that was cut off.
        raise UserError(
            f"The TFDS set {name} cannot be read in {builder.data_dir}: {first_line(error)}"
        ) from error
    lost = sum("\ufffd" in text for column in columns.values() for text in column)
    if lost:
        report(f"{name}: {lost:,} texts of {split} hold U+FFFD, for characters that are not UTF-8.")
    first, second = reversed(keys) if swap else keys
    origin = f"The split {split!r} of {name}"
    return without_empty_sides(columns[first], columns[second], None, origin)


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
    tfds = _import_tfds()
    data_dir = data_dir and expand_home(data_dir)
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise UserError(f"TFDS knows no set {name!r}: {first_line(error)}") from error
    except Exception as error:  # The code of the set runs here, and may need what is not there.
        raise UserError(f"TFDS cannot open {name!r}: {first_line(error)}") from error
    keys = builder.info.supervised_keys or ()
    features = builder.info.features
    if len(keys) != 2 or not all(isinstance(features[key], tfds.features.Text) for key in keys):
        raise UserError(f"The TFDS set {name} is no translation set: it has no pair of texts.")
    try:
        builder.download_and_prepare()
    except Exception as error:  # each set has its own ways to fail at a download
        raise UserError(
            f"The TFDS set {name} cannot be prepared in {builder.data_dir}: {first_line(error)}"
        ) from error
    return builder, keys


def _import_tfds() -> Any:
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise UserError(
            'TFDS sets need tensorflow-datasets: pip install "keras-attention[training]".'
        ) from error
    return tfds

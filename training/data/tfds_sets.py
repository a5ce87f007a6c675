"""Sets of TensorFlow Datasets: opened by name, downloaded if need be, read as columns."""

import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_attention.errors import UserError, first_line
from keras_attention.user_files import expand_home


def prepared(name: str, data_dir: str | os.PathLike | None, check: Callable[[Any], None]) -> Any:
    """The builder of a set that lies on the disk.

    Args:
        name: the set, with its configuration and, if wanted, its version.
        data_dir: where the prepared sets lie; by default where TFDS keeps them.
        check: function that raises `UserError` for a builder of no use, before it is downloaded.

    Raises:
        UserError: there is no such set, or it cannot be had.
    """
    tfds = import_tfds()
    data_dir = data_dir and expand_home(data_dir)
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise UserError(f"TFDS knows no set {name!r}: {first_line(error)}") from error
    except Exception as error:  # The code of the set runs here, and may need what is not there.
        raise UserError(f"TFDS cannot open {name!r}: {first_line(error)}") from error
    check(builder)
    try:
        builder.download_and_prepare()
    except Exception as error:  # each set has its own ways to fail at a download
        raise UserError(
            f"The TFDS set {name} cannot be prepared in {builder.data_dir}: {first_line(error)}"
        ) from error
    return builder


def read_split(builder: Any, name: str, split: str, keys: tuple[str, ...]) -> dict[str, list]:
    """Columns of a split, of bytes or of numbers as the set has them.

    Args:
        builder: as `prepared` returns it.
        name: what errors call the set.
        split: a split of it, such as `"train"` or `"train[:10%]"`.
        keys: names of the columns.

    Raises:
        UserError: there is no such split, or it cannot be read.
    """
    try:
        dataset = builder.as_dataset(split=split, shuffle_files=False)
    except (ValueError, KeyError) as error:
        there = ", ".join(builder.info.splits)
        raise UserError(f"The TFDS set {name} has no split {split!r}: it has {there}.") from error
    columns: dict[str, list] = {key: [] for key in keys}
    try:
        for batch in dataset.batch(1024).as_numpy_iterator():
            for key, column in columns.items():
                column.extend(batch[key])
    except tf.errors.OpError as error:  # Such as a file that was cut off.
        raise UserError(
            f"The TFDS set {name} cannot be read in {builder.data_dir}: {first_line(error)}"
        ) from error
    return columns


def decoded(columns: list[list[bytes]], name: str, split: str, report) -> list[list[str]]:
    """Columns of text, with U+FFFD in place of what is not UTF-8, which is reported."""
    texts = [[text.decode("utf-8", "replace") for text in column] for column in columns]
    lost = sum("\ufffd" in text for column in texts for text in column)
    if lost:
        report(f"{name}: {lost:,} texts of {split} hold U+FFFD, for characters that are not UTF-8.")
    return texts


def import_tfds() -> Any:
    """The module `tensorflow_datasets`."""
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise UserError(
            'TFDS sets need tensorflow-datasets: pip install "keras-attention[training]".'
        ) from error
    return tfds

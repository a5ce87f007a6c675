"""Texts with labels from a text-classification set of TensorFlow Datasets."""

import os
from typing import Any

import numpy as np

from keras_attention.errors import UserError

from .labelled import LabelledTexts, without_empty_texts
from .tfds_sets import decoded, import_tfds, prepared, read_split


def tfds_labelled(
    name: str,
    split: str,
    text_key: str = "",
    label_key: str = "",
    data_dir: str | os.PathLike | None = None,
    report=print,
) -> LabelledTexts:
    """Texts and the names of their labels, downloaded if they are not there yet.

    Args:
        name: the set, with its configuration and, if wanted, its version, such as
            `"ag_news_subset"`.
        split: a split of it, such as `"train"` or `"train[:10%]"`.
        text_key: name of the feature that is the text; by default the first supervised key.
        label_key: name of the feature that is the label; by default the second supervised key.
        data_dir: where the prepared sets lie; by default where TFDS keeps them.
        report: function that tells the user one line, of texts that are not UTF-8.

    Returns:
        `LabelledTexts`. A text without a label (-1), as test splits of competitions have, is left
        out and counted in `dropped`.

    Raises:
        UserError: there is no such set, split or feature, it has no text with a label, or it cannot
            be had or read.
    """
    builder, keys = _prepared(name, text_key, label_key, data_dir)
    columns = read_split(builder, name, split, keys)
    (texts,) = decoded([columns[keys[0]]], name, split, report)
    names = _names(builder.info.features[keys[1]])
    labels = [names(label) for label in columns[keys[1]]]
    return without_empty_texts(texts, labels, None, None, f"The split {split!r} of {name}")


def tfds_labelled_splits(
    name: str,
    text_key: str = "",
    label_key: str = "",
    data_dir: str | os.PathLike | None = None,
) -> tuple[str, ...]:
    """Names of the splits of a text-classification set, downloaded if it is not there yet.

    Args:
        name, text_key, label_key, data_dir: as for `tfds_labelled`.

    Raises:
        UserError: as `tfds_labelled`.
    """
    builder, _ = _prepared(name, text_key, label_key, data_dir)
    return tuple(builder.info.splits)


def _prepared(name, text_key, label_key, data_dir) -> tuple[Any, tuple[str, str]]:
    """The builder of a set that lies on the disk, and the names of its text and its label."""
    features = import_tfds().features
    keys = text_key, label_key

    def check(builder):
        nonlocal keys
        there = builder.info.features
        supervised = builder.info.supervised_keys or ()
        if len(supervised) == 2:
            keys = text_key or supervised[0], label_key or supervised[1]
        has_keys = all(key in there for key in keys)
        if not (
            has_keys
            and isinstance(there[keys[0]], features.Text)
            and _names(there[keys[1]]) is not None
        ):
            raise UserError(
                f"The TFDS set {name} has no text with a label in {keys}: its features are "
                f"{', '.join(sorted(there))}. --tfds-text-key and --tfds-label-key choose two of "
                "them."
            )

    return prepared(name, data_dir, check), keys


def _names(feature):
    """Function of a value of a label feature that returns its name; None if it is no label."""
    features = import_tfds().features
    if isinstance(feature, features.ClassLabel):
        return lambda value: "" if value == -1 else feature.int2str(value)
    if isinstance(feature, features.Text):
        return lambda value: value.decode("utf-8", "replace")
    is_number = isinstance(feature, features.Tensor) and feature.shape == ()
    if is_number and np.dtype(feature.np_dtype).kind in "biuf":
        return lambda value: str(value.item())
    return None

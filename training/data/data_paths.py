"""Paths of a recipe's data, absolute in `recipe.json`."""

import dataclasses
import os

from keras_attention.user_files import expand_home

PATHS = (
    *(
        f"{split}_{side}"
        for split in ("train", "validation", "test")
        for side in ("source", "target")
    ),
    *(
        f"{split}_{kind}"
        for split in ("train", "validation", "test")
        for kind in ("table", "conll", "slots", "spans", "squad")
    ),
    "tfds_data_dir",
)


def absolute(options):
    """`DataOptions` whose paths mean the same file in every folder.

    Args:
        options: `DataOptions`.
    """
    return change_paths(options, lambda path: os.path.abspath(expand_home(path)))


def change_paths(options, change):
    """`DataOptions` with every path that is given changed.

    Args:
        options: `DataOptions`.
        change: function of a path, a str, that returns one.
    """
    paths = {name: getattr(options, name, "") for name in PATHS}
    return dataclasses.replace(
        options, **{name: change(path) for name, path in paths.items() if path}
    )

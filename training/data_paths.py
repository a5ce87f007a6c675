"""Paths of a recipe's data: absolute in `recipe.json`, found again from any folder."""

import dataclasses
import os
from pathlib import Path

from keras_attention.user_files import expand_home

PATHS = (
    *(
        f"{split}_{side}"
        for split in ("train", "validation", "test")
        for side in ("source", "target")
    ),
    *(f"{split}_table" for split in ("train", "validation", "test")),
    "tfds_data_dir",
)


def absolute(options):
    """`DataOptions` whose paths mean the same file in every folder.

    Args:
        options: `DataOptions`.
    """
    return _changed(options, lambda path: os.path.abspath(expand_home(path)))


def locate(options, run_dir):
    """`DataOptions` of a recipe of version 0.1, which recorded paths as they were typed.

    A relative path is that of a file below this folder or, if there is none, below the next folder
    around the run directory that has one: `runs/x` was most often made beside the data.

    Args:
        options: `DataOptions`.
        run_dir: path of the run directory.
    """
    places = [Path.cwd(), *Path(run_dir).resolve().parents]

    def found(path):
        there = (place / path for place in places)
        return str(next((path for path in there if path.exists()), path))

    return _changed(options, found)


def _changed(options, change):
    paths = {name: getattr(options, name) for name in PATHS}
    return dataclasses.replace(
        options, **{name: change(path) for name, path in paths.items() if path}
    )

"""The data of a run, found again from any folder and where a project was moved to."""

import os
from pathlib import Path

from .data_paths import change_paths
from .digests import recorded_digests


def locate(options, run_dir, report=lambda line: None):
    """`DataOptions` of a run, with the paths where its files are now.

    An absolute path that is no more is looked for from the run directory: a project that was moved
    or copied as a whole has it below a folder around the run directory, under the longest part of
    its old path. Whether the pairs are the same, the digests of the run tell; without digests it
    is not looked for. A relative path, as version 0.1 recorded it, is that of a file below this
    folder or, if there is none, below the next folder around the run directory that has one:
    `runs/x` was most often made beside the data.

    Args:
        options: `DataOptions` as recorded.
        run_dir: path of the run directory.
        report: function that tells the user one line about each path that was found elsewhere.
    """
    folders = list(Path(run_dir).resolve().parents)
    is_guarded = recorded_digests(Path(run_dir)) is not None

    def found(path):
        if Path(path).exists():
            return os.path.abspath(path)
        if not os.path.isabs(path):
            return _first_there(folders, [path]) or path
        _, *names = Path(path).parts
        tails = [Path(*names[begin:]) for begin in range(len(names))]
        now = _first_there(folders, tails) if is_guarded else None
        if now is None:
            return path
        report(f"There is no {path} any more; {now} is read.")
        return now

    return change_paths(options, found)


def _first_there(folders, tails):
    """The first of several ends of a path that is in one of the folders; None without one."""
    there = (folder / tail for tail in tails for folder in folders)
    return next((str(place) for place in there if place.exists()), None)

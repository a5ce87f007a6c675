"""What lies in a run directory beside the model: the recipe and the codecs, and whose it is."""

import contextlib
import importlib.metadata
import platform
import re
import shutil

from keras_attention.errors import UserError
from keras_attention.files import (
    atomic_folder,
    is_temporary,
    read_json,
    remove_temporary,
    write_json,
)
from keras_attention.locks import lock

from .recipes.file import read_recipe, to_dict

SIDES = ("source", "target")
LOCK = ".lock"
# What killed processes left before all temporary files had one form of name.
OLD_LEFTOVERS = re.compile(
    r"\.(recipe|data|history|tokenizers|translator|epoch-\d+|evaluation|samples|failed_batch|events)\..+"
)
VERSIONS = ("keras-attention", "keras", "tensorflow", "numpy")


def check_run_dir(run_dir):
    """Raises `UserError` where a folder is no place for a run."""
    if run_dir.is_file():
        raise UserError(f"{run_dir} is a file, not a folder. Choose another --run-dir.")
    is_run = not run_dir.exists() or (run_dir / "recipe.json").exists()
    if not is_run and not all(map(is_leftover, run_dir.iterdir())):
        raise UserError(
            f"{run_dir} is not empty and is no run directory. Choose another --run-dir."
        )


@contextlib.contextmanager
def claimed(run_dir, report):
    """Makes a run directory this process' own while the block runs.

    A folder that was not there before is removed again if the block puts nothing into it.

    Args:
        run_dir: path.
        report: function that tells the user one line.

    Raises:
        InUseError: another process works there.
    """
    is_new = not run_dir.exists()
    run_dir.mkdir(parents=True, exist_ok=True)
    try:
        with lock(run_dir / LOCK, str(run_dir), report):
            yield
    finally:
        if is_new and not any(run_dir.iterdir()):
            run_dir.rmdir()


def record(run_dir, recipe, codec_folder, codecs):
    """Writes recipe and codecs into a new run directory; tidies up in an old one.

    Args:
        run_dir: path.
        recipe: the recipe of the run.
        codec_folder: str. Name of the folder of the codecs.
        codecs: pair of the source and the target codec.
    """
    for folder in (run_dir, run_dir / "checkpoints", *run_dir.glob("logs/*/")):
        remove_temporary(folder)
        for path in filter(_is_old_leftover, folder.iterdir() if folder.exists() else ()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    path = run_dir / "recipe.json"
    if not path.exists():
        record_recipe(path, recipe)
    elif read_recipe(path) != recipe:
        record_changes(path, recipe)
    if not (run_dir / codec_folder).exists():
        with atomic_folder(run_dir / codec_folder) as folder:
            for side, codec in zip(SIDES, codecs, strict=True):
                codec.save(folder / side)


def is_leftover(path):
    """Whether a path is one that a killed process left, or the lock."""
    return path.name == LOCK or is_temporary(path) or _is_old_leftover(path)


def _is_old_leftover(path):
    return OLD_LEFTOVERS.fullmatch(path.name) is not None


def record_recipe(path, recipe):
    """Writes `recipe.json`."""
    versions = {name: importlib.metadata.version(name) for name in VERSIONS}
    write_json(
        path,
        {
            "recipe": to_dict(recipe),
            "versions": {**versions, "python": platform.python_version()},
            "seed": recipe.fit.seed,
        },
    )


def record_changes(path, recipe):
    """Replaces the options in a `recipe.json`; the rest tells of the process that trained.

    Options that the file does not know stay unknown, except those of the search: the run is older.
    """
    content = read_json(path, "a run directory")
    recorded, before = content.get("recipe", content), read_recipe(path)
    for group, options in to_dict(recipe).items():
        is_same_kind = type(getattr(before, group)) is type(getattr(recipe, group))
        if isinstance(options, dict) and group != "search" and is_same_kind:
            known = recorded.get(group, {})
            options = {name: value for name, value in options.items() if name in known}
        recorded[group] = options
    write_json(path, content)

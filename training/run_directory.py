"""What lies in a run directory beside the model: the recipe and the tokenizers, and whose it is."""

import dataclasses
import importlib.metadata
import platform
import shutil

from keras_attention.errors import UserError
from keras_attention.files import atomic_folder, read_json, write_json

from .recipe_file import differences, read_recipe, to_dict

SIDES = ("source", "target")
TEMPORARY = (
    ".recipe.",
    ".history.",
    ".tokenizers.",
    ".translator.",
    ".epoch-",
    ".evaluation.",
    ".samples.",
)


VERSIONS = ("keras-attention", "keras", "tensorflow", "numpy")


def check_run_dir(run_dir, recipe):
    """Raises `UserError` where a folder is no place for this run."""
    if run_dir.is_file():
        raise UserError(f"{run_dir} is a file, not a folder. Choose another --run-dir.")
    path = run_dir / "recipe.json"
    if path.exists():
        rows = differences(read_recipe(path), recipe)
        if rows:
            option, recorded, asked = rows[0]
            raise UserError(
                f"{run_dir} was made with another recipe: {option} is {recorded!r} there and "
                f"{asked!r} here. Choose another --run-dir, or repeat the recorded command."
            )
    elif run_dir.exists() and any(not is_leftover(path) for path in run_dir.iterdir()):
        raise UserError(
            f"{run_dir} is not empty and is no run directory. Choose another --run-dir."
        )


def record(run_dir, recipe, tokenizers):
    """Writes recipe and tokenizers into a new run directory; tidies up in an old one."""
    for leftover in filter(is_leftover, [*run_dir.glob(".*"), *run_dir.glob("checkpoints/.*")]):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    path = run_dir / "recipe.json"
    if not path.exists():
        record_recipe(path, recipe)
    elif read_recipe(path).search != recipe.search:
        record_search(path, recipe.search)
    if not (run_dir / "tokenizers").exists():
        with atomic_folder(run_dir / "tokenizers") as folder:
            for side, tokenizer in zip(SIDES, tokenizers, strict=True):
                tokenizer.save(folder / side)


def is_leftover(path):
    """Whether a path is one that `atomic_file` or `atomic_folder` of a killed process left."""
    return path.name.startswith(TEMPORARY)


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


def record_search(path, search):
    """Replaces the search in a `recipe.json`; the rest tells of the process that trained."""
    content = read_json(path, "a run directory")
    content.get("recipe", content)["search"] = dataclasses.asdict(search)
    write_json(path, content)

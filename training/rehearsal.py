"""What a run needs at its end, tried before its start."""

import os

import numpy as np

from keras_attention import visualization
from keras_attention.errors import UserError, first_line

from .tasks import task_of

SUBFOLDERS = ("checkpoints", "logs")


def rehearse(recipe, run_dir):
    """Raises `UserError` where scores, pictures or files could not be made after an epoch.

    Args:
        recipe: `Recipe`.
        run_dir: path of the run directory, which is there.
    """
    task = task_of(recipe)
    subfolders = (*SUBFOLDERS, task.codec_folder, task.folder)
    for folder in (run_dir, *(run_dir / name for name in subfolders)):
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(f"{folder} cannot be written to: permission denied.")
    task.check(recipe)
    if recipe.score.heatmaps:
        check_pictures()


def check_pictures():
    """Raises `UserError` where matplotlib cannot draw."""
    try:
        visualization.alignment_image(np.ones((1, 1)), ["a"], ["b"])
    # A broken back end, font or cache of matplotlib: each fails in its own way.
    except Exception as error:
        reason = first_line(error).rstrip(".")
        raise UserError(
            f"Heatmaps cannot be drawn: {reason}. Train with --heatmaps 0 to go without."
        ) from error

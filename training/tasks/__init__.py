"""Tasks: the kinds of answers that a recipe can train a model for."""

from .labelling import Labelling as Labelling
from .task import Task as Task
from .translation import Translation as Translation

TASKS = {task.name: task for task in (Translation(), Labelling())}


def task_of(recipe):
    """The `Task` that a recipe is of."""
    return TASKS[recipe.task]

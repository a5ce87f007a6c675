"""Scores of a trained run on its validation and test data."""

import contextlib
import dataclasses

import keras

from keras_attention.decoding import SearchOptions
from keras_attention.errors import UserError
from keras_attention.files import write_json
from keras_attention.locks import InUseError
from keras_attention.user_files import expand_home

from .data.digests import check_digests, digests, recorded_digests
from .data.moved_data import locate
from .data.splits import asked_options
from .recipes.file import read_recipe
from .run_directory import claimed
from .tasks import task_of


def evaluate(
    run_dir,
    splits=None,
    report=print,
    search=None,
    data=None,
    accept_changed_data=False,
    bleu_tokenizer=None,
):
    """Scores the best model of a run and writes `evaluation.json` and `samples.json`.

    With another search or BLEU tokenizer than the recorded one, with other data, or while another
    process works in the run directory, nothing is written: the files tell of the run as it is
    saved. Where they cannot be written, such as on a full disk, the scores are returned all the
    same.

    Args:
        run_dir: path of a run directory.
        splits: `Splits`, if they are at hand; read again from the recipe otherwise.
        report: function that tells the user one line.
        search: `SearchOptions` in place of recorded ones.
        data: dict of options of `DataOptions` that name other data to score; or `DataOptions`, of
            which those do that are not the default.
        accept_changed_data: bool. Whether to score data that is not what the run began with.
        bleu_tokenizer: str. sacrebleu's tokenizer in place of the recorded one.

    Returns:
        The content of `evaluation.json`: a dict for `validation` and for `test`, and `search`.

    Raises:
        UserError: no run directory, or one that has no model yet; the data changed.
    """
    run_dir = expand_home(run_dir)
    recorded = recipe = read_recipe(run_dir / "recipe.json")
    if bleu_tokenizer is not None:
        if not hasattr(recipe.score, "bleu_tokenizer"):
            raise UserError(f"{run_dir} is a run of {recipe.task}, which has no BLEU.")
        score = dataclasses.replace(recipe.score, bleu_tokenizer=bleu_tokenizer)
        recipe = dataclasses.replace(recipe, score=score)
    task = task_of(recipe)
    task.check(recipe)
    changes = asked_options(data)
    if changes:
        located = dataclasses.replace(recipe, data=locate(recipe.data, run_dir, report))
        others = task.load_other_splits(located, changes, report)
        task.report_scored(others, recipe, report)
        return score_run(run_dir, recipe, others, report, search)
    accepted = accept_changed_data or splits is not None  # Those of the caller are never refused.
    if splits is None:
        located = dataclasses.replace(recipe, data=locate(recipe.data, run_dir, report))
        splits = task.load_splits(located, report)
    task.report_scored(splits, recipe, report)
    is_same = True
    if recorded_digests(run_dir) is not None:
        scored = {name: digests(splits)[name] for name in ("validation", "test")}
        is_same = check_digests(run_dir, scored, accepted, report)
    result = score_run(run_dir, recipe, splits, report, search)
    if not is_same:
        report("The scores are not recorded: they are those of other data.")
    elif recipe == recorded and (search is None or search == SearchOptions()):
        with reported_failure(run_dir, report), claimed(run_dir, report):
            write_evaluation(run_dir, task, result, splits.test)
    return result


@contextlib.contextmanager
def reported_failure(run_dir, report):
    """Reports why the block could not write scores: they took long to compute, and are shown."""
    try:
        yield
    except InUseError as error:
        report(f"The scores are not recorded: {error}")
    except OSError as error:
        path, reason = error.filename or run_dir, error.strerror or error
        report(f"The scores are not recorded: {path} cannot be written to: {reason}.")


def score_run(run_dir, recipe, splits, report, search=None):
    """Scores the best model of a run on the examples of validation and test, where there are any.

    Args:
        run_dir: path of a run directory.
        recipe: the recipe of the run.
        splits: `Splits`; a split that is None is passed over.
        report: function that tells the user one line.
        search: `SearchOptions` in place of recorded ones.

    Returns:
        Dict: the config of the `search`, and the scores of each split.
    """
    task = task_of(recipe)
    if not (run_dir / task.folder).exists():
        raise UserError(f"{run_dir} has no model yet: its training saved none.")
    predictor = task.predictor_class.load(run_dir / task.folder)
    predictor, search = task.with_search(predictor, search)
    result = {} if search is None else {"search": keras.saving.serialize_keras_object(search)}
    for name in ("validation", "test"):
        examples = getattr(splits, name)
        if examples is not None:
            how = "" if search is None else f" with {search}"
            report(f"{task.scoring} {len(examples):,} {task.noun} of {name}{how} ...")
            result[name] = task.score(predictor, examples, recipe.score)
    return result


def write_evaluation(run_dir, task, result, test):
    """Writes the scores of a run, and test inputs to verify an exported file with.

    Args:
        run_dir: path of a run directory.
        task: `Task` of the run.
        result: dict, as `score_run` makes it.
        test: examples of the test split.
    """
    write_json(run_dir / "evaluation.json", result)
    write_json(run_dir / "samples.json", task.samples(test))
    task.draw_scores(run_dir, result)

"""A recipe and a folder in, a trained and evaluated run out."""

import dataclasses

import keras

from keras_attention import codecs
from keras_attention.errors import UserError
from keras_attention.user_files import expand_home

from .data.data_paths import absolute
from .data.digests import check_digests, digests, record_digests, recorded_digests
from .data.pipeline import make_batches
from .evaluate import reported_failure, score_run, write_evaluation
from .fitting import fit
from .recipes.changes import agree
from .rehearsal import rehearse
from .run_directory import SIDES, check_run_dir, claimed, record
from .tasks import task_of


def train_and_evaluate(recipe, run_dir, report=print, accept_changed_data=False, given=None):
    """Trains a recipe in a run directory, going on where an earlier process stopped.

    Args:
        recipe: the recipe of a task, such as `Recipe`.
        run_dir: path; see `recipe.json`, `translator/`, `checkpoints/`, `logs/` and
            `evaluation.json` there afterwards.
        report: function that tells the user one line.
        accept_changed_data: bool. Whether to go on although the pairs are not those that the run
            began with.
        given: set of str. The options that the user asked for, if that is known: where a run does
            not know an option yet, it is told of these only.

    Returns:
        The content of `evaluation.json`.

    Raises:
        UserError: an option, the data or the run directory does not fit; the disk is full; the
            loss is no number; another process trains in the run directory.
    """
    task = task_of(recipe)
    recipe.check()
    check_backend()
    run_dir = expand_home(run_dir)
    recipe = dataclasses.replace(recipe, data=absolute(recipe.data))
    check_run_dir(run_dir)
    with claimed(run_dir, report):
        path = run_dir / "recipe.json"
        if path.exists():
            recipe = agree(path, recipe, recorded_digests(run_dir) is not None, report, given)
        rehearse(recipe, run_dir)
        keras.utils.set_random_seed(recipe.fit.seed)
        splits = task.load_splits(recipe, report)
        task.check_splits(splits, recipe, report)
        found = digests(splits)
        check_digests(run_dir, found, accept_changed_data, report)
        source, target = load_or_learn_codecs(run_dir, recipe, splits.train, report)
        batches = {
            name: prepare(name, getattr(splits, name), (source, target), recipe, report)
            for name in ("train", "validation")
        }
        task.report_data(splits, source, target, recipe, report)
        task.report_scored(splits, recipe, report)
        record(
            run_dir, recipe, task.codec_folder, (source, target)
        )  # Not before: a mistyped file claims no folder.
        record_digests(run_dir, found)
        fit(recipe, run_dir, splits, (source, target), batches, report)
        if (run_dir / task.folder).exists():
            keep_options(run_dir / task.folder, recipe, splits, report)
        result = score_run(run_dir, recipe, splits, report)
        with reported_failure(run_dir, report):
            write_evaluation(run_dir, task, result, splits.test)
        return result


def check_backend():
    """Raises `UserError` where Keras runs on a backend that `tf.data` and export do not fit."""
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            "Recipes are trained with Keras' TensorFlow backend: set KERAS_BACKEND=tensorflow. "
            f"Received: {keras.backend.backend()}"
        )


def keep_options(folder, recipe, splits, report):
    """Gives the saved model what the recipe says now, and what is fitted at the end.

    Args:
        folder: path of the predictor.
        recipe: the recipe of the run.
        splits: `Splits`.
        report: function that tells the user one line.
    """
    task = task_of(recipe)
    predictor, is_other = task.with_options(task.predictor_class.load(folder), recipe)
    if task.finish(predictor, splits, recipe, report) or is_other:
        predictor.save(folder)


def load_or_learn_codecs(run_dir, recipe, examples, report):
    """Source and target codec; learned once in a run, then read back."""
    task = task_of(recipe)
    folder = run_dir / task.codec_folder
    if folder.exists():
        source, target = (codecs.load(folder / side) for side in SIDES)
    else:
        source, target = task.codecs(recipe, examples)
    report(task.describe_codecs(source, target))
    return source, target


def prepare(name, examples, sides, recipe, report):
    """Encoded batches of one split; tells what was left out and how much is padding.

    Args:
        name: str. Name of the split.
        examples: those of the split.
        sides: pair of the source and the target codec.
        recipe: the recipe of the run.
        report: function that tells the user one line.

    Returns:
        `Batches`.
    """
    task = task_of(recipe)
    try:
        encoded = task.encode(examples, *sides, recipe)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    batches = make_batches(encoded, recipe.fit.batch_size, recipe.fit.seed)
    report(
        f"{name}: {len(encoded):,} {task.noun}, {encoded.tokens:,} tokens, "
        f"{batches.steps:,} batches, {batches.padding_waste():.1%} padding; "
        f"left out: {encoded.too_long:,} too long ({encoded.too_long / len(examples):.1%}), "
        f"{examples.dropped:,} {task.incomplete}."
    )
    return batches

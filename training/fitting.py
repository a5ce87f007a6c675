"""Fits a new model, or the one of the last checkpoint, to the last epoch of a recipe."""

import contextlib
import sys

import keras
import tensorflow as tf

from . import build
from .callbacks import (
    TENSORBOARD,
    AlignmentImages,
    BestModel,
    Checkpoints,
    EpochNumber,
    TaskScore,
    TensorBoard,
    Throughput,
    read_history,
    read_steps,
    resume,
    writing,
)
from .event_files import forget_epochs
from .loss_watch import LossWatch
from .schedules import describe_warmup, make_schedule
from .tasks import task_of


def fit(recipe, run_dir, splits, codecs, batches, report):
    """Fits a new model, or the one of the last checkpoint, to the last epoch.

    Args:
        recipe: the recipe of the run.
        run_dir: path of the run directory.
        splits: `Splits`.
        codecs: pair of the source and the target codec.
        batches: dict of `Batches` of `train` and of `validation`.
        report: function that tells the user one line.
    """
    task = task_of(recipe)
    model, epochs_done = resume(run_dir / "checkpoints", report, recipe.fit.seed)
    if epochs_done >= recipe.fit.epochs:
        report(f"{run_dir} has all its {epochs_done} epochs.")
        return
    steps = batches["train"].steps
    # Other pairs that were accepted may make more or fewer steps of an epoch than there were.
    steps_done = read_steps(run_dir / "checkpoints", epochs_done) or epochs_done * steps
    first_step = steps_done - epochs_done * steps
    total_steps = first_step + recipe.fit.epochs * steps
    schedule = make_schedule(recipe.fit, total_steps)
    if model is None:
        warning = describe_warmup(recipe.fit, total_steps)
        if warning is not None:
            report(warning)
        keras.utils.set_random_seed(recipe.fit.seed)
        with precision(recipe.fit):
            model = task.model(recipe, *codecs)
        optimizer = build.make_optimizer(recipe.fit, total_steps)
    else:
        optimizer = model.optimizer
        build.lengthen(optimizer, recipe.fit, total_steps)  # The run may have grown.
        report(f"Going on after epoch {epochs_done} of {recipe.fit.epochs} in {run_dir}.")
        if first_step:
            report(
                f"An epoch has {steps:,} steps now; the learning rate follows the schedule of a "
                f"run of {total_steps:,} steps, of which {steps_done:,} are done."
            )
    model.compile(
        optimizer=optimizer,  # It may come from a checkpoint.
        loss=task.loss(recipe),
        metrics=task.metrics(recipe),
        jit_compile=recipe.fit.jit_compile,
        steps_per_execution=recipe.fit.steps_per_execution,
    )
    report(f"The model has {model.count_params():,} weights.")
    predictor = task.predictor(model, *codecs, recipe)
    watch = LossWatch(
        batches,
        {"train": splits.train, "validation": splits.validation},
        schedule,
        recipe.fit,
        uniform_loss=task.uniform_loss(*codecs),
        run_dir=run_dir,
        report=report,
        first_step=first_step,
    )
    with writing(TENSORBOARD, run_dir / "logs"):
        forget_epochs(run_dir / "logs", epochs_done, steps_done)
    number = tf.Variable(epochs_done, dtype=tf.int64)
    model.fit(
        # Without `steps_per_epoch`: Keras would run a multiple of `steps_per_execution` steps.
        batches["train"].epoch(number),
        validation_data=batches["validation"].once(),
        initial_epoch=epochs_done,
        epochs=recipe.fit.epochs,
        shuffle=False,  # The pipeline shuffles.
        callbacks=[
            EpochNumber(number),
            watch,  # Before all that save: what is no number must not replace a good model.
            *make_callbacks(
                recipe, run_dir, splits, codecs, predictor, batches, epochs_done, first_step
            ),
        ],
        verbose=1 if sys.stdout.isatty() else 2,
    )


@contextlib.contextmanager
def precision(options):
    """Makes the models of the block compute as `FitOptions` say, and no others."""
    before = keras.mixed_precision.global_policy()
    if options.mixed_precision:
        keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def make_callbacks(recipe, run_dir, splits, codecs, predictor, batches, epochs_done, first_step):
    """Callbacks in the order they run at the end of an epoch."""
    task = task_of(recipe)
    metric = f"val_{task.metric(recipe, *codecs)}"
    history_path = run_dir / "history.json"
    history = read_history(history_path, epochs_done)
    decoded = recipe.score.validation_decodes or len(splits.validation)
    rows = batches["validation"].pairs.rows
    examples = splits.validation.select(rows[:decoded])
    averaging = [keras.callbacks.SwapEMAWeights()] if recipe.fit.average_decay else []
    quick = task.validation_predictor(predictor, recipe)
    drawn = task.drawn(quick, examples, recipe.score)
    at_end = [
        TaskScore(task, quick, examples, recipe.score),
        *([AlignmentImages(quick, drawn, run_dir / "logs" / "validation")] if drawn else []),
        BestModel(predictor, run_dir / task.folder, history, history_path, metric),
    ]
    return [
        Throughput(batches["train"].pairs.tokens),
        *averaging,
        *(at_end if not averaging else [Averaged(at_end)]),
        Checkpoints(run_dir / "checkpoints", batches["train"].steps, first_step),
        TensorBoard(run_dir / "logs"),
    ]


class Averaged(keras.callbacks.Callback):
    """Callbacks that see the running average of the weights at the end of an epoch.

    Args:
        callbacks: list of callbacks.
    """

    def __init__(self, callbacks):
        super().__init__()
        self.callbacks = callbacks
        self.swap = keras.callbacks.SwapEMAWeights()

    def set_model(self, model):
        """Gives the model to all."""
        super().set_model(model)
        for callback in [*self.callbacks, self.swap]:
            callback.set_model(model)

    def on_epoch_end(self, epoch, logs=None):
        """Runs all of them between two swaps."""
        self.swap.on_test_begin()
        try:
            for callback in self.callbacks:
                callback.on_epoch_end(epoch, logs)
        finally:
            self.swap.on_test_end()

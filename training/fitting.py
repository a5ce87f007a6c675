"""Fits a new model, or the one of the last checkpoint, to the last epoch of a recipe."""

import contextlib
import math
import sys

import keras
import tensorflow as tf

from keras_attention import Translator
from keras_attention.decoding import SearchOptions, make_search

from . import build
from .callbacks import (
    TENSORBOARD,
    AlignmentImages,
    BestTranslator,
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


def fit(recipe, run_dir, splits, tokenizers, batches, report):
    """Fits a new model, or the one of the last checkpoint, to the last epoch."""
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
            model = build.make_model(
                recipe.model, tokenizers[0].vocabulary_size, tokenizers[1].vocabulary_size
            )
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
    build.compile_model(model, recipe.fit, optimizer)
    report(f"The model has {model.count_params():,} weights.")
    translator = Translator(
        model,
        *tokenizers,
        make_search(recipe.search, recipe.text.max_target_length),
        max_source_length=recipe.text.max_source_length,
    )
    watch = LossWatch(
        batches,
        {"train": splits.train, "validation": splits.validation},
        schedule,
        recipe.fit,
        uniform_loss=math.log(tokenizers[1].vocabulary_size),
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
            *make_callbacks(recipe, run_dir, splits, translator, batches, epochs_done, first_step),
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


def make_callbacks(recipe, run_dir, splits, translator, batches, epochs_done, first_step):
    """Callbacks in the order they run at the end of an epoch."""
    metric = f"val_{recipe.score.metric}"
    history_path = run_dir / "history.json"
    history = read_history(history_path, epochs_done)
    decoded = recipe.score.validation_decodes or len(splits.validation)
    rows = batches["validation"].pairs.rows
    pairs = splits.validation.select(rows[:decoded])
    heatmap_texts = pairs.sources[: recipe.score.heatmaps]
    averaging = [keras.callbacks.SwapEMAWeights()] if recipe.fit.average_decay else []
    # The greedy search of validation is that of training's speed; the recipe's own search is for
    # the saved translator.
    quick = Translator(
        translator.model,
        translator.source_tokenizer,
        translator.target_tokenizer,
        make_search(SearchOptions(), recipe.text.max_target_length),
        max_source_length=translator.max_source_length,
        batch_size=256,
    )
    at_end = [
        TaskScore(quick, pairs, recipe.score),
        AlignmentImages(quick, heatmap_texts, run_dir / "logs" / "validation"),
        BestTranslator(translator, run_dir / "translator", history, history_path, metric),
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

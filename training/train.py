"""A recipe and a folder in, a trained and evaluated run out."""

import contextlib
import dataclasses
import importlib.metadata
import platform
import shutil
import sys
from pathlib import Path

import keras
import tensorflow as tf

from keras_attention import Translator, text
from keras_attention.decoding import SearchOptions, make_search
from keras_attention.errors import UserError
from keras_attention.files import atomic_folder, read_json, write_json

from . import build
from .callbacks import (
    AlignmentImages,
    BestTranslator,
    Checkpoints,
    EpochNumber,
    TaskScore,
    Throughput,
    read_history,
    resume,
)
from .evaluate import evaluate
from .pipeline import make_batches, tokenize
from .recipe_file import differences, read_recipe, to_dict
from .splits import load_splits
from .unknown_tokens import report_unknown

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


def train_and_evaluate(recipe, run_dir, report=print):
    """Trains a recipe in a run directory, going on where an earlier process stopped.

    Args:
        recipe: `Recipe`.
        run_dir: path; see `recipe.json`, `translator/`, `checkpoints/`, `logs/` and
            `evaluation.json` there afterwards.
        report: function that tells the user one line.

    Returns:
        The content of `evaluation.json`.

    Raises:
        UserError: an option, the data or the run directory does not fit; the disk is full.
    """
    recipe.check()
    check_backend()
    run_dir = Path(run_dir)
    check_run_dir(run_dir, recipe)
    keras.utils.set_random_seed(recipe.fit.seed)
    splits = load_splits(recipe.data, recipe.fit.seed, report)
    tokenizers = load_or_learn_tokenizers(run_dir, recipe, splits.train, report)
    batches = {
        name: prepare(name, getattr(splits, name), tokenizers, recipe, report)
        for name in ("train", "validation")
    }
    record(run_dir, recipe, tokenizers)  # Not before: a mistyped file must not claim the folder.
    fit(recipe, run_dir, splits, tokenizers, batches, report)
    if (run_dir / "translator").exists():
        keep_search(run_dir / "translator", recipe)
    return evaluate(run_dir, splits, report)


def check_backend():
    """Raises `UserError` where Keras runs on a backend that `tf.data` and export do not fit."""
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            "Recipes are trained with Keras' TensorFlow backend: set KERAS_BACKEND=tensorflow. "
            f"Received: {keras.backend.backend()}"
        )


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


def keep_search(folder, recipe):
    """Gives the saved translator the search of the recipe, if an earlier command asked another."""
    search = make_search(recipe.search, recipe.text.max_target_length)
    translator = Translator.load(folder)
    if repr(translator.search) != repr(search):
        translator.search = search
        translator.save(folder)


def load_or_learn_tokenizers(run_dir, recipe, pairs, report):
    """Source and target tokenizer; learnt once in a run, then read back."""
    folder = run_dir / "tokenizers"
    if folder.exists():
        tokenizers = tuple(text.load(folder / side) for side in SIDES)
    else:
        tokenizers = build.make_tokenizers(recipe.text, pairs)
    sizes = " and ".join(f"{tokenizer.vocabulary_size:,}" for tokenizer in tokenizers)
    report(f"Vocabularies of source and target: {sizes} tokens.")
    return tokenizers


def prepare(name, pairs, tokenizers, recipe, report):
    """Tokenised batches of one split; says what was left out and how much is padding."""
    tokenized = tokenize(
        pairs, *tokenizers, recipe.text.max_source_length, recipe.text.max_target_length
    )
    batches = make_batches(tokenized, recipe.fit.batch_size, recipe.fit.seed)
    report(
        f"{name}: {len(tokenized):,} pairs, {tokenized.tokens:,} tokens, "
        f"{batches.steps:,} batches, {batches.padding_waste():.1%} padding; "
        f"left out: {tokenized.too_long:,} too long, {pairs.dropped:,} with an empty side."
    )
    if name == "validation":
        report_unknown(name, (pairs.sources, pairs.targets), tokenizers, report)
    return batches


def fit(recipe, run_dir, splits, tokenizers, batches, report):
    """Fits a new model, or the one of the last checkpoint, to the last epoch."""
    model, epochs_done = resume(run_dir / "checkpoints", report, recipe.fit.seed)
    if epochs_done >= recipe.fit.epochs:
        report(f"{run_dir} has all its {epochs_done} epochs.")
        return
    if model is None:
        keras.utils.set_random_seed(recipe.fit.seed)
        with precision(recipe.fit):
            model = build.make_model(
                recipe.model, tokenizers[0].vocabulary_size, tokenizers[1].vocabulary_size
            )
        total_steps = recipe.fit.epochs * batches["train"].steps
        optimizer = build.make_optimizer(recipe.fit, total_steps)
    else:
        optimizer = model.optimizer
        report(f"Going on after epoch {epochs_done} of {recipe.fit.epochs} in {run_dir}.")
    build.compile_model(model, recipe.fit, optimizer)
    report(f"The model has {model.count_params():,} weights.")
    translator = Translator(
        model,
        *tokenizers,
        make_search(recipe.search, recipe.text.max_target_length),
        max_source_length=recipe.text.max_source_length,
    )
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
            *make_callbacks(recipe, run_dir, splits, translator, batches, epochs_done),
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


def make_callbacks(recipe, run_dir, splits, translator, batches, epochs_done):
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
        Checkpoints(run_dir / "checkpoints"),
        keras.callbacks.TensorBoard(run_dir / "logs", write_graph=False),
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

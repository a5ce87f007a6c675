"""A recipe and a folder in, a trained and evaluated run out."""

from pathlib import Path

import keras

from keras_attention import Translator, text
from keras_attention.decoding import make_search
from keras_attention.errors import UserError

from . import build
from .evaluate import evaluate
from .fitting import fit
from .pipeline import make_batches, tokenize
from .run_directory import SIDES, check_run_dir, record
from .splits import load_splits
from .unknown_tokens import report_unknown


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

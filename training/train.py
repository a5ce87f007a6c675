"""A recipe and a folder in, a trained and evaluated run out."""

import dataclasses

import keras

from keras_attention import Translator, text
from keras_attention.decoding import make_search
from keras_attention.errors import UserError
from keras_attention.user_files import expand_home

from . import build
from .data_paths import absolute
from .digests import check_digests, digests, record_digests, recorded_digests
from .evaluate import reported_failure, score_run, short_enough, write_evaluation
from .fitting import fit
from .pipeline import make_batches, tokenize
from .recipe_changes import agree
from .rehearsal import rehearse, report_tokenizer
from .run_directory import SIDES, check_run_dir, claimed, record
from .splits import load_splits
from .unknown_tokens import report_unknown


def train_and_evaluate(recipe, run_dir, report=print, accept_changed_data=False, given=None):
    """Trains a recipe in a run directory, going on where an earlier process stopped.

    Args:
        recipe: `Recipe`.
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
        splits = load_splits(recipe.data, recipe.fit.seed, report)
        found = digests(splits)
        check_digests(run_dir, found, accept_changed_data, report)
        tokenizers = load_or_learn_tokenizers(run_dir, recipe, splits.train, report)
        batches = {
            name: prepare(name, getattr(splits, name), tokenizers, recipe, report)
            for name in ("train", "validation")
        }
        tell_of_test(splits.test, tokenizers, recipe, report)
        report_tokenizer(splits, recipe.score, report)
        record(run_dir, recipe, tokenizers)  # Not before: a mistyped file claims no folder.
        record_digests(run_dir, found)
        fit(recipe, run_dir, splits, tokenizers, batches, report)
        if (run_dir / "translator").exists():
            keep_search(run_dir / "translator", recipe)
        result = score_run(run_dir, recipe, splits, report)
        with reported_failure(run_dir, report):
            write_evaluation(run_dir, result, splits.test)
        return result


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
    try:
        tokenized = tokenize(
            pairs, *tokenizers, recipe.text.max_source_length, recipe.text.max_target_length
        )
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    batches = make_batches(tokenized, recipe.fit.batch_size, recipe.fit.seed)
    report(
        f"{name}: {len(tokenized):,} pairs, {tokenized.tokens:,} tokens, "
        f"{batches.steps:,} batches, {batches.padding_waste():.1%} padding; "
        f"left out: {tokenized.too_long:,} too long ({tokenized.too_long / len(pairs):.1%}), "
        f"{pairs.dropped:,} with an empty side."
    )
    if name == "validation":
        report_unknown(name, (pairs.sources, pairs.targets), tokenizers, report)
    return batches


def tell_of_test(pairs, tokenizers, recipe, report):
    """Says how many test pairs the model cannot take.

    Raises:
        UserError: it can take none.
    """
    too_long = len(pairs) - len(short_enough(pairs, tokenizers[0], recipe.text.max_source_length))
    if too_long == len(pairs):
        raise UserError(
            f"test: All {len(pairs)} sources are longer than the model takes "
            f"({recipe.text.max_source_length} tokens)."
        )
    report(
        f"test: {len(pairs):,} pairs; counted as not translated: {too_long:,} too long "
        f"({too_long / len(pairs):.1%}); left out: {pairs.dropped:,} with an empty side."
    )

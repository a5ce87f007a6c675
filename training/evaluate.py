"""Scores of a trained run on its validation and test pairs."""

import contextlib
import dataclasses
import time

from keras_attention import Translator
from keras_attention.decoding import SearchOptions, changed_search
from keras_attention.errors import UserError
from keras_attention.files import write_json
from keras_attention.locks import InUseError
from keras_attention.user_files import expand_home

from .digests import check_digests, digests, recorded_digests
from .moved_data import locate
from .pipeline import encode_all
from .recipe_file import read_recipe
from .rehearsal import check_scores, report_tokenizer
from .rejection import rejection
from .run_directory import claimed
from .scores import exact_match, score_texts
from .splits import asked_options, load_splits, other_splits

SAMPLES = 64


def short_enough(pairs, tokenizer, max_length):
    """Places of the pairs whose source a model takes.

    Args:
        pairs: `Pairs`.
        tokenizer: the model's source tokenizer.
        max_length: int. Source tokens that the model takes, the end token included.
    """
    lengths = encode_all(pairs.sources, tokenizer).row_lengths().numpy() + 1
    return [row for row, length in enumerate(lengths) if length <= max_length]


def evaluate_pairs(translator, pairs, options):
    """Scores and samples of one split.

    Args:
        translator: `Translator`.
        pairs: `Pairs`. One whose source is longer than the model takes counts as translated to an
            empty text, and is counted.
        options: `ScoreOptions`.

    Returns:
        Dict of fractions, sacrebleu's signatures, sentences per second, samples, and, where pairs
        have groups, the exact match of each.
    """
    fits = short_enough(pairs, translator.source_tokenizer, translator.max_source_length)
    began = time.perf_counter()
    explanations = translator.explain([pairs.sources[row] for row in fits])
    seconds = time.perf_counter() - began
    translations = [""] * len(pairs)
    for row, explanation in zip(fits, explanations, strict=True):
        translations[row] = explanation.text
    result = {
        "pairs": len(pairs),
        "too_long": len(pairs) - len(fits),
        "too_long_share": (len(pairs) - len(fits)) / len(pairs),
        **score_texts(translations, pairs.targets, options.bleu_tokenizer),
        "sentences_per_second": len(fits) / seconds if fits else 0.0,
    }
    result["rejection"] = rejection(explanations)
    if pairs.groups is not None:
        result["groups"] = _by_group(translations, pairs)
    rows = zip(pairs.sources, pairs.targets, translations, strict=True)
    result["samples"] = [
        {"source": source, "reference": reference, "translation": translation}
        for source, reference, translation in list(rows)[:SAMPLES]
    ]
    return result


def _by_group(translations, pairs):
    table = {}
    for group in sorted(set(pairs.groups)):
        rows = [row for row, label in enumerate(pairs.groups) if label == group]
        table[group] = {
            "pairs": len(rows),
            "exact_match": exact_match(
                [translations[row] for row in rows], [pairs.targets[row] for row in rows]
            ),
        }
    return table


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
        data: dict of options of `DataOptions` that name other pairs to score; or `DataOptions`, of
            which those do that are not the default.
        accept_changed_data: bool. Whether to score pairs that are not those that the run began
            with.
        bleu_tokenizer: str. sacrebleu's tokenizer in place of the recorded one.

    Returns:
        The content of `evaluation.json`: a dict for `validation` and for `test`, and `search`.

    Raises:
        UserError: no run directory, or one that has no model yet; the data changed.
    """
    run_dir = expand_home(run_dir)
    recorded = recipe = read_recipe(run_dir / "recipe.json")
    if bleu_tokenizer is not None:
        score = dataclasses.replace(recipe.score, bleu_tokenizer=bleu_tokenizer)
        recipe = dataclasses.replace(recipe, score=score)
    check_scores(recipe.score)
    changes = asked_options(data)
    if changes:
        recorded = locate(recipe.data, run_dir, report)
        others = other_splits(recorded, changes, recipe.fit.seed, report)
        report_tokenizer(others, recipe.score, report)
        return score_run(run_dir, recipe, others, report, search)
    accepted = accept_changed_data or splits is not None  # Those of the caller are never refused.
    if splits is None:
        splits = load_splits(locate(recipe.data, run_dir, report), recipe.fit.seed, report)
    report_tokenizer(splits, recipe.score, report)
    is_same = True
    if recorded_digests(run_dir) is not None:
        scored = {name: digests(splits)[name] for name in ("validation", "test")}
        is_same = check_digests(run_dir, scored, accepted, report)
    result = score_run(run_dir, recipe, splits, report, search)
    if not is_same:
        report("The scores are not recorded: they are those of other pairs.")
    elif recipe == recorded and (search is None or search == SearchOptions()):
        with reported_failure(run_dir, report), claimed(run_dir, report):
            write_evaluation(run_dir, result, splits.test)
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
    """Scores the best model of a run on its validation and test pairs, or those of them there are.

    Args:
        run_dir: path of a run directory.
        recipe: `Recipe` of the run.
        splits: `Splits`; a split that is None is passed over.
        report: function that tells the user one line.
        search: `SearchOptions` in place of recorded ones.

    Returns:
        Dict: `search`, and the scores of each split.
    """
    if not (run_dir / "translator").exists():
        raise UserError(f"{run_dir} has no model yet: its training saved none.")
    translator = Translator.load(run_dir / "translator")
    translator.search = changed_search(translator.search, search or SearchOptions())
    result = {"search": repr(translator.search)}
    for name in ("validation", "test"):
        pairs = getattr(splits, name)
        if pairs is not None:
            report(f"Decoding {len(pairs):,} pairs of {name} with {translator.search} ...")
            result[name] = evaluate_pairs(translator, pairs, recipe.score)
    return result


def write_evaluation(run_dir, result, test):
    """Writes the scores of a run, and test sentences to verify an exported file with.

    Args:
        run_dir: path of a run directory.
        result: dict, as `score_run` makes it.
        test: `Pairs` of the test.
    """
    write_json(run_dir / "evaluation.json", result)
    write_json(run_dir / "samples.json", {"texts": test.sources[:SAMPLES]})

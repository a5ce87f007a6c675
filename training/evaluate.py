"""Scores of a trained run on its validation and test pairs."""

import time
from pathlib import Path

from keras_attention import Translator
from keras_attention.decoding import SearchOptions, changed_search
from keras_attention.errors import UserError
from keras_attention.files import write_json

from .recipe_file import read_recipe
from .scores import exact_match, score_texts
from .splits import load_splits

SAMPLES = 64


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
    lengths = [len(row) + 1 for row in translator.source_tokenizer.encode(pairs.sources).to_list()]
    fits = [row for row, length in enumerate(lengths) if length <= translator.max_source_length]
    began = time.perf_counter()
    decoded = translator([pairs.sources[row] for row in fits])
    seconds = time.perf_counter() - began
    translations = [""] * len(pairs)
    for row, translation in zip(fits, decoded, strict=True):
        translations[row] = translation
    result = {
        "pairs": len(pairs),
        "too_long": len(pairs) - len(fits),
        **score_texts(translations, pairs.targets, options.bleu_tokenizer),
        "sentences_per_second": len(fits) / seconds,
    }
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


def evaluate(run_dir, splits=None, report=print, search=None):
    """Scores the best model of a run and writes `evaluation.json` and `samples.json`.

    With another search than the recorded one nothing is written: the files tell of the model as it
    is saved.

    Args:
        run_dir: path of a run directory.
        splits: `Splits`, if they are at hand; read again from the recipe otherwise.
        report: function that tells the user one line.
        search: `SearchOptions` in place of recorded ones.

    Returns:
        The content of `evaluation.json`: a dict for `validation` and for `test`, and `search`.

    Raises:
        UserError: no run directory, or one that has no model yet.
    """
    run_dir = Path(run_dir)
    recipe = read_recipe(run_dir / "recipe.json")
    if not (run_dir / "translator").exists():
        raise UserError(f"{run_dir} has no model yet: its training saved none.")
    translator = Translator.load(run_dir / "translator")
    recorded = translator.search
    translator.search = changed_search(recorded, search or SearchOptions())
    splits = splits or load_splits(recipe.data, recipe.fit.seed, report)
    result = {"search": repr(translator.search)}
    for name in ("validation", "test"):
        pairs = getattr(splits, name)
        report(f"Decoding {len(pairs):,} pairs of {name} with {translator.search} ...")
        result[name] = evaluate_pairs(translator, pairs, recipe.score)
    if translator.search is not recorded:
        return result
    write_json(run_dir / "evaluation.json", result)
    write_json(run_dir / "samples.json", {"texts": splits.test.sources[:SAMPLES]})
    return result

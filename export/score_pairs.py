"""Pairs of a text and a translation, read from arguments, files or a table, and their scores."""

import itertools

from keras_attention.errors import UserError
from keras_attention.printing import json_text

from .lines import LINES_AT_A_TIME, batches_of_lines


class Unreadable(str):
    """A line that is no pair of a text and a translation."""


def given_pairs(texts):
    """Batches of pairs that stand one after the other in a command line.

    Args:
        texts: list of str.

    Raises:
        UserError: the last text has no translation.
    """
    if len(texts) % 2:
        raise UserError(
            "Pairs are a text and its translation, one after the other. "
            f"Received: {len(texts)} arguments"
        )
    return [list(zip(texts[::2], texts[1::2], strict=True))]


def pairs_of_files(sources, targets):
    """Batches of pairs that stand in the same line of two files.

    Args:
        sources, targets: lists of str.

    Raises:
        UserError: there are not as many of them.
    """
    if len(sources) != len(targets):
        raise UserError(
            f"--source and --target must have as many lines. Received: {len(sources)} and "
            f"{len(targets)} lines"
        )
    pairs = zip(sources, targets, strict=True)
    return iter(lambda: list(itertools.islice(pairs, LINES_AT_A_TIME)), [])


def pairs_of_stream(stream, report):
    """Batches of pairs that are the two columns of a table, with a tab between them.

    Args:
        stream: binary file.
        report: function that tells the user one line.

    Yields:
        Lists of pairs; `Unreadable` stands for a line that has not two columns.
    """
    for batch in batches_of_lines(stream, report, LINES_AT_A_TIME):
        rows = [line.split("\t") for line in batch]
        yield [tuple(row) if len(row) == 2 else Unreadable("\t".join(row)) for row in rows]


def refusals(translator, pairs):
    """The pairs that get no score, and why.

    Args:
        translator: `keras_attention.Translator`.
        pairs: list of pairs and of `Unreadable`.

    Returns:
        Dict of phrases by position.
    """
    found = {
        place: f"has {pair.count(chr(9)) + 1} columns: expected a text, a tab and a translation."
        for place, pair in enumerate(pairs)
        if isinstance(pair, Unreadable)
    }
    places = [place for place in range(len(pairs)) if place not in found]
    columns = [pairs[place] for place in places]
    wrong = translator.unscorable([text for text, _ in columns], [text for _, text in columns])
    for index, (side, phrase) in wrong.items():
        found[places[index]] = f"cannot be scored: its {side.lower()} {phrase}"
    return dict(sorted(found.items()))


def scores(translator, pairs):
    """The scores of pairs that `refusals` lets pass.

    Args:
        translator: `keras_attention.Translator`.
        pairs: list of pairs.

    Returns:
        List of `keras_attention.TranslationScore`.
    """
    return translator.score([text for text, _ in pairs], [text for _, text in pairs])


def printed(pair, score, why_not, tokens, as_json):
    """The line of a pair.

    Args:
        pair: a pair or `Unreadable`.
        score: `keras_attention.TranslationScore`, or None where there is none.
        why_not: str, or None where there is one.
        tokens: bool. Whether to print the log-probability of each token.
        as_json: bool. Whether to print a JSON object.
    """
    if as_json:
        sides = {} if isinstance(pair, Unreadable) else dict(zip(SIDES, pair, strict=True))
        return json_text({**sides, **_fields(score, why_not)})
    if score is None:
        return ""
    columns = [f"{score.score:z.4f}", f"{score.log_probability:z.4f}"]
    if tokens:
        rows = zip(score.target_tokens, score.token_scores, strict=True)
        columns += ["  ".join(f"{token} {value:z.4f}" for token, value in rows)]
    return "\t".join(columns)


SIDES = ("source", "translation")


def _fields(score, why_not):
    if score is None:
        return {"error": why_not}
    return {
        "score": score.score,
        "log_probability": score.log_probability,
        "target_tokens": score.target_tokens,
        "token_scores": [float(value) for value in score.token_scores],
        "finished": score.finished,
    }

"""Scores of tags, by seqeval, and of labels and tags together."""

import numpy as np

from .score_basics import accuracy, check_lengths, f1_table, library

NO_TAG = ""  # Of a word without an answer.
_SCHEMES = {"bio": "IOB2", "bilou": "BILOU"}


def score_tags(tags, reference, scheme="bio"):
    """Scores of rows of tags: seqeval's, of whole spans that are exactly right.

    Args:
        tags: list of lists of str, those that a model gave, one a word. A text without an answer
            has `[]`: all its tags count as mistakes, and as without spans.
        reference: list of lists of str, the right ones.
        scheme: `"bio"`, `"bilou"`, or `"plain"` for tags that are no spans.

    Returns:
        Dict with `accuracy`, of single tags. Where tags are spans, also `precision`, `recall` and
        `f1` of all spans (micro average) and `kinds`, a dict of `precision`, `recall`, `f1` and
        `support` by kind of span; with plain tags `kinds` by tag. `macro_f1` is the mean of the
        kinds' F1.

    Raises:
        ValueError: the lengths differ, there is no text, or another scheme.

    Example:

    >>> scores = score_tags([["B-x", "O"]], [["B-x", "I-x"]])
    >>> scores["f1"], scores["accuracy"]
    (0.0, 0.5)
    """
    check_lengths(tags, reference)
    reference = [list(row) for row in reference]
    pairs = zip(tags, reference, strict=True)
    tags = [list(row) or [NO_TAG] * len(right) for row, right in pairs]
    for row, right in zip(tags, reference, strict=True):
        if len(row) != len(right):
            raise ValueError(f"Expected as many tags as words. Received: tags={row}, of={right}")
    flat = [[tag for row in side for tag in row] for side in (tags, reference)]
    scores = {"accuracy": accuracy(*flat)}
    if scheme == "plain":
        kinds = f1_table(flat[1], flat[0], sorted({*flat[0], *flat[1]} - {NO_TAG}))
        macro = float(np.mean([row["f1"] for row in kinds.values()]))
        return {**scores, "macro_f1": macro, "kinds": kinds}
    if scheme not in _SCHEMES:
        raise ValueError(f"Expected one of bio, bilou, plain. Received: scheme={scheme!r}")
    tags = [[tag or "O" for tag in row] for row in tags]  # seqeval knows no other tag of no span.
    return {**scores, **_span_scores(tags, reference, scheme)}


def sentence_accuracy(answers, labels, tags, reference):
    """Fraction of texts whose label and all tags are right.

    Args:
        answers: list of str, or None where there are no labels.
        labels: list of str, the right ones, or None.
        tags: list of lists of str, or None where there are no tags.
        reference: list of lists of str, the right ones, or None.

    Example:

    >>> sentence_accuracy(["a", "b"], ["a", "a"], [["O"], ["O"]], [["O"], ["O"]])
    0.5
    """
    sides = [
        [given == right for given, right in zip(column, expected, strict=True)]
        for column, expected in ((answers, labels), (tags, reference))
        if expected is not None
    ]
    return float(np.mean([all(row) for row in zip(*sides, strict=True)]))


def _span_scores(tags, reference, scheme):
    metrics, schemes = (library(f"seqeval.{name}", "seqeval") for name in ("metrics", "scheme"))
    if all(tag == "O" for row in [*tags, *reference] for tag in row):
        nothing = dict.fromkeys(("precision", "recall", "f1", "macro_f1"), 0.0)
        return {**nothing, "kinds": {}}  # seqeval divides by zero.
    report = metrics.classification_report(
        reference,
        tags,
        mode="strict",
        scheme=getattr(schemes, _SCHEMES[scheme]),
        output_dict=True,
        zero_division=0,
    )
    rows = {
        name: {
            "precision": float(row["precision"]),
            "recall": float(row["recall"]),
            "f1": float(row["f1-score"]),
            "support": int(row["support"]),
        }
        for name, row in report.items()
    }
    whole = rows.pop("micro avg")
    kinds = {name: row for name, row in rows.items() if name not in ("macro avg", "weighted avg")}
    return {
        **{name: whole[name] for name in ("precision", "recall", "f1")},
        "macro_f1": float(np.mean([row["f1"] for row in kinds.values()])),
        "kinds": kinds,
    }

"""Scores of labels and numbers, by scikit-learn."""

import numpy as np

from .calibration import calibration as calibration
from .score_basics import accuracy, check_lengths, f1_rows, f1_table, library
from .tag_scores import score_tags as score_tags
from .tag_scores import sentence_accuracy as sentence_accuracy


def score_labels(answers, labels, probabilities=None):
    """Scores of the labels that a model gave.

    Args:
        answers: list of str. A text without an answer, such as one that is too long, has `""` and
            counts as a mistake.
        labels: list of str, the right ones.
        probabilities: sequence of float. The probability that the model gave each answer; None
            leaves the calibration out.

    Returns:
        Dict with `accuracy`; `macro_f1`, the mean over all labels that were asked for or given;
        `labels`, a dict of `precision`, `recall`, `f1` and `support` by label; `confusions`, a
        list of `label`, `answer` and `count` of the mistakes, the most frequent ones first; and
        `calibration`, as `calibration` returns it, of texts that have an answer.

    Raises:
        ValueError: the lengths differ, or there is no text.

    Example:

    >>> scores = score_labels(["a", "b", "b", "b"], ["a", "a", "b", "b"], [0.9, 0.6, 0.8, 0.9])
    >>> scores["accuracy"], round(scores["macro_f1"], 3), scores["confusions"]
    (0.75, 0.733, [{'label': 'a', 'answer': 'b', 'count': 1}])
    """
    check_lengths(answers, labels)
    answers, labels = list(answers), list(labels)
    names = sorted({*answers, *labels} - {""})
    table = f1_table(labels, answers, names)
    scores = {
        "accuracy": accuracy(answers, labels),
        "macro_f1": float(np.mean([row["f1"] for row in table.values()])),
        "labels": table,
        "confusions": _confusions(answers, labels),
    }
    if probabilities is not None:
        check_lengths(probabilities, labels)
        rows = zip(answers, labels, probabilities, strict=True)
        answered = [(answer == label, p) for answer, label, p in rows if answer]
        scores["calibration"] = calibration(*zip(*answered, strict=True)) if answered else None
    return scores


def score_several_labels(answers, labels):
    """Scores of texts that have any number of labels.

    Args:
        answers: list of str, the labels that were given to each text with commas between them.
        labels: list of str, the right ones, likewise.

    Returns:
        Dict with `accuracy`, the fraction of texts with all labels right; `micro_f1`, over all
        labels of all texts; `macro_f1`, the mean over labels; and `labels`, as `score_labels` has
        it.

    Example:

    >>> scores = score_several_labels(["red", "red, big"], ["red, big", "big, red"])
    >>> scores["accuracy"], round(scores["micro_f1"], 3)
    (0.5, 0.857)
    """
    check_lengths(answers, labels)
    metrics = library("sklearn.metrics", "scikit-learn")
    sets = [[_set_of(text) for text in side] for side in (labels, answers)]
    names = sorted(set().union(*sets[0], *sets[1]))
    right, given = (np.array([[name in row for name in names] for row in side]) for side in sets)
    columns = metrics.precision_recall_fscore_support(right, given, average=None, zero_division=0)
    table = f1_rows(names, columns)
    micro = metrics.f1_score(right, given, average="micro", zero_division=0)
    return {
        "accuracy": accuracy(*sets),
        "micro_f1": float(micro),
        "macro_f1": float(np.mean([row["f1"] for row in table.values()])),
        "labels": table,
    }


def score_numbers(answers, labels):
    """Scores of answers that are numbers, such as stars.

    Args:
        answers: sequence of numbers, or of str that hold one.
        labels: likewise, the right ones.

    Returns:
        Dict with `mean_absolute_error`, `root_mean_squared_error` and `correlation`, Pearson's;
        the last is None where all answers or all labels are equal.

    Example:

    >>> scores = score_numbers([1, 2, 4], ["1", "3", "4"])
    >>> round(scores["mean_absolute_error"], 3), round(scores["correlation"], 3)
    (0.333, 0.929)
    """
    check_lengths(answers, labels)
    answers, labels = (np.array([float(value) for value in side]) for side in (answers, labels))
    errors = answers - labels
    varies = np.ptp(answers) > 0 and np.ptp(labels) > 0
    return {
        "mean_absolute_error": float(np.abs(errors).mean()),
        "root_mean_squared_error": float(np.sqrt(np.square(errors).mean())),
        "correlation": float(np.corrcoef(answers, labels)[0, 1]) if varies else None,
    }


def confusion_counts(scores):
    """The confusion matrix of what `score_labels` returned.

    Args:
        scores: dict, also as read from `evaluation.json`.

    Returns:
        List of the names, and int array `(labels, answers)`: how many texts of each label (row) got
        each answer (column). A text without an answer is in no column.

    Example:

    >>> names, counts = confusion_counts(score_labels(["a", "b", "b"], ["a", "a", "b"]))
    >>> names, counts.tolist()
    (['a', 'b'], [[1, 1], [0, 1]])
    """
    names = list(scores["labels"])
    places = {name: place for place, name in enumerate(names)}
    counts = np.diag([row["support"] for row in scores["labels"].values()])
    for mistake in scores["confusions"]:
        row = places[mistake["label"]]
        counts[row, row] -= mistake["count"]
        if mistake["answer"]:
            counts[row, places[mistake["answer"]]] += mistake["count"]
    return names, counts


def _confusions(answers, labels):
    counts = {}
    for answer, label in zip(answers, labels, strict=True):
        if answer != label:
            counts[label, answer] = counts.get((label, answer), 0) + 1
    return [
        {"label": label, "answer": answer, "count": count}
        for (label, answer), count in sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    ]


def _set_of(text):
    return {label.strip() for label in text.split(",")} - {""}

"""Scores of labels, numbers and tags, by scikit-learn and seqeval."""

import importlib

import numpy as np

from keras_attention.errors import UserError

BINS = 15  # Of the expected calibration error, as Guo et al. (2017) have it.
_SCHEMES = {"bio": "IOB2", "bilou": "BILOU"}


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
    _check_lengths(answers, labels)
    answers, labels = list(answers), list(labels)
    names = sorted({*answers, *labels} - {""})
    table = _table(labels, answers, names)
    scores = {
        "accuracy": _accuracy(answers, labels),
        "macro_f1": float(np.mean([row["f1"] for row in table.values()])),
        "labels": table,
        "confusions": _confusions(answers, labels),
    }
    if probabilities is not None:
        _check_lengths(probabilities, labels)
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
    _check_lengths(answers, labels)
    metrics = _import("sklearn.metrics", "scikit-learn")
    sets = [[_set_of(text) for text in side] for side in (labels, answers)]
    names = sorted(set().union(*sets[0], *sets[1]))
    right, given = (np.array([[name in row for name in names] for row in side]) for side in sets)
    columns = metrics.precision_recall_fscore_support(right, given, average=None, zero_division=0)
    table = _rows(names, columns)
    micro = metrics.f1_score(right, given, average="micro", zero_division=0)
    return {
        "accuracy": _accuracy(*sets),
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
    _check_lengths(answers, labels)
    answers, labels = (np.array([float(value) for value in side]) for side in (answers, labels))
    errors = answers - labels
    varies = np.ptp(answers) > 0 and np.ptp(labels) > 0
    return {
        "mean_absolute_error": float(np.abs(errors).mean()),
        "root_mean_squared_error": float(np.sqrt(np.square(errors).mean())),
        "correlation": float(np.corrcoef(answers, labels)[0, 1]) if varies else None,
    }


def calibration(is_right, probabilities, bins=BINS):
    """How far the probabilities of answers are from how often they are right.

    `error = sum over bins of count / texts * |accuracy - probability|` (Guo et al. 2017, equation
    3), with bins of equal width, each without its lower and with its upper end.

    Args:
        is_right: sequence of bool.
        probabilities: sequence of float from 0 to 1.
        bins: number of bins.

    Returns:
        Dict with `error` and `bins`, a list of `probability` (the mean), `accuracy` and `count` of
        each bin that has texts, in order.

    Example:

    >>> round(calibration([True, True, False], [0.95, 0.95, 0.55], bins=10)["error"], 3)
    0.217
    """
    is_right, probabilities = np.asarray(is_right, bool), np.asarray(probabilities, float)
    places = np.clip(np.ceil(probabilities * bins).astype(int) - 1, 0, bins - 1)
    rows = [
        {
            "probability": float(probabilities[places == place].mean()),
            "accuracy": float(is_right[places == place].mean()),
            "count": int((places == place).sum()),
        }
        for place in np.unique(places)
    ]
    gaps = [row["count"] * abs(row["accuracy"] - row["probability"]) for row in rows]
    return {"error": float(sum(gaps) / len(is_right)), "bins": rows}


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


def score_tags(tags, reference, scheme="bio"):
    """Scores of rows of tags: seqeval's, of whole spans that are exactly right.

    Args:
        tags: list of lists of str, those that a model gave, one a word. A text without an answer
            has `[]` and counts as without spans.
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
    _check_lengths(tags, reference)
    reference = [list(row) for row in reference]
    pairs = zip(tags, reference, strict=True)
    tags = [list(row) or ["O"] * len(right) for row, right in pairs]
    for row, right in zip(tags, reference, strict=True):
        if len(row) != len(right):
            raise ValueError(f"Expected as many tags as words. Received: tags={row}, of={right}")
    flat = [[tag for row in side for tag in row] for side in (tags, reference)]
    scores = {"accuracy": _accuracy(*flat)}
    if scheme == "plain":
        kinds = _table(flat[1], flat[0], sorted(set(flat[0]) | set(flat[1])))
        macro = float(np.mean([row["f1"] for row in kinds.values()]))
        return {**scores, "macro_f1": macro, "kinds": kinds}
    if scheme not in _SCHEMES:
        raise ValueError(f"Expected one of bio, bilou, plain. Received: scheme={scheme!r}")
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
    metrics, schemes = (_import(f"seqeval.{name}", "seqeval") for name in ("metrics", "scheme"))
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


def _table(labels, answers, names):
    metrics = _import("sklearn.metrics", "scikit-learn")
    columns = metrics.precision_recall_fscore_support(
        labels, answers, labels=names, average=None, zero_division=0
    )
    return _rows(names, columns)


def _rows(names, columns):
    precision, recall, f1, support = columns
    return {
        name: {
            "precision": float(precision[place]),
            "recall": float(recall[place]),
            "f1": float(f1[place]),
            "support": int(support[place]),
        }
        for place, name in enumerate(names)
    }


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


def _accuracy(answers, labels):
    return float(np.mean([given == right for given, right in zip(answers, labels, strict=True)]))


def _check_lengths(answers, labels):
    if len(answers) != len(labels) or not len(labels):
        raise ValueError(
            "Expected as many answers as labels, and at least one. "
            f"Received: {len(answers)} answers, {len(labels)} labels"
        )


def _import(module, package):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f'Scores of labels need {package}: pip install "keras-attention[training]".'
        ) from error

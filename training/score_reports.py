"""Scores of labels for a person: a table of the labels, and pictures."""

from pathlib import Path

from keras_attention.files import atomic_file
from keras_attention.score_pictures import plot_confusion, plot_reliability

from .label_scores import confusion_counts


def label_rows(labels, most=20):
    """The table of single labels, or of kinds of spans, as a person reads it: worst F1 first.

    Args:
        labels: dict of `precision`, `recall`, `f1` and `support` by name: `labels` of
            `score_labels`, or `kinds` of `score_tags`.
        most: int. Rows of the table; 0 for all.

    Returns:
        List of dicts of str by the name of the column.

    Example:

    >>> label_rows({"refund": {"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 4}})
    [{'label': 'refund', 'texts': '4', 'precision': '100.0%', 'recall': '50.0%', 'F1': '66.7%'}]
    """
    rows = sorted(labels.items(), key=lambda row: (row[1]["f1"], row[0]))
    return [
        {
            "label": name,
            "texts": f"{row['support']:,}",
            "precision": f"{row['precision']:.1%}",
            "recall": f"{row['recall']:.1%}",
            "F1": f"{row['f1']:.1%}",
        }
        for name, row in rows[: most or None]
    ]


def write_score_pictures(folder, split, scores):
    """Writes the confusion matrix and the reliability diagram of a split as PNG.

    Args:
        folder: path of an existing folder.
        split: str. Name of the split, which stands in the files' names.
        scores: dict, as `score_labels` returned it, also as read from `evaluation.json`.

    Returns:
        List of the paths: `confusion-SPLIT.png`, and `reliability-SPLIT.png` where there are
        probabilities.
    """
    names, counts = confusion_counts(scores)
    title = f"{split}: {scores['accuracy']:.1%} right"
    figures = {"confusion": plot_confusion(counts, names, title)}
    if scores.get("calibration"):
        calibration = scores["calibration"]
        figures["reliability"] = plot_reliability(calibration["bins"], calibration["error"], split)
    paths = []
    for name, figure in figures.items():
        paths.append(Path(folder) / f"{name}-{split}.png")
        with atomic_file(paths[-1]) as temporary:
            figure.savefig(temporary, format="png")
    return paths

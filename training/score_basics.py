"""What scores of labels and of tags are made of."""

import importlib

import numpy as np

from keras_attention.errors import UserError


def check_lengths(answers, labels):
    """Raises `ValueError` where there are not as many answers as labels, or none."""
    if len(answers) != len(labels) or not len(labels):
        raise ValueError(
            "Expected as many answers as labels, and at least one. "
            f"Received: {len(answers)} answers, {len(labels)} labels"
        )


def accuracy(answers, labels):
    """Fraction of answers that are right."""
    return float(np.mean([given == right for given, right in zip(answers, labels, strict=True)]))


def f1_table(labels, answers, names):
    """Precision, recall, F1 and support of each name.

    Args:
        labels: list of str, the right ones.
        answers: list of str, as many.
        names: list of str. The rows of the table.

    Returns:
        Dict of dicts of `precision`, `recall`, `f1` and `support`.
    """
    metrics = library("sklearn.metrics", "scikit-learn")
    columns = metrics.precision_recall_fscore_support(
        labels, answers, labels=names, average=None, zero_division=0
    )
    return f1_rows(names, columns)


def f1_rows(names, columns):
    """Rows by name of what `precision_recall_fscore_support` of scikit-learn returned."""
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


def library(module, package):
    """A module of a library that only scores need.

    Args:
        module: str. Its name in Python.
        package: str. The name of its package, for the message of the error.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f'Scores of labels need {package}: pip install "keras-attention[training]".'
        ) from error

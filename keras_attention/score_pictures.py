"""Pictures of scores: which labels are taken for which, and how far to trust probabilities."""

import numpy as np

from keras_attention.figures import (
    COLORS,
    FAINT_INK,
    FONT_SIZE,
    INK,
    new_figure,
    rendered,
    write_title,
)
from keras_attention.visualization import CELL, matrix_figure

_SMALLEST_CELL = 0.17  # inches, in which a label of 6 points and a number can still be read
_MOST_LABELS = 100
_SIDE = 3.2  # inches, of the reliability diagram


def plot_confusion(counts, labels, title=None, most=_MOST_LABELS):
    """The confusion matrix as a heatmap: a row for each label, a column for each answer.

    The color of a cell is the fraction of its row's texts that it holds; the number in it is their
    count.

    Args:
        counts: int array of shape `(labels, answers)`.
        labels: list of str, names of rows and of columns.
        title: optional string above the matrix.
        most: Integer. With more labels than these, only those are drawn that take part in the most
            mistakes, and the title says so.

    Returns:
        A `matplotlib.figure.Figure`. Notebooks show it, `figure.savefig(path)` writes it.

    Raises:
        ValueError: `counts` is not of this shape.

    Example:

    >>> figure = plot_confusion([[8, 2], [0, 5]], ["refund", "card lost"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['8', '2', '5']
    """
    counts = np.asarray(counts)
    if counts.shape != (len(labels), len(labels)):
        raise ValueError(
            f"Expected `counts` to have a row and a column for each of {len(labels)} labels. "
            f"Received: counts.shape={counts.shape}"
        )
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    fractions = counts / totals
    if len(labels) > most:
        mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
        shown = np.sort(np.argsort(-mistakes, kind="stable")[:most])
        note = f"{most} of {len(labels)} labels, those with the most mistakes"
        title = f"{title} ({note})" if title else note
        counts, fractions = (matrix[np.ix_(shown, shown)] for matrix in (counts, fractions))
        labels = [labels[place] for place in shown]
    cell = max(_SMALLEST_CELL, min(CELL, 8.0 / len(labels)))
    names = {"answer": labels, "label": labels}
    figure = matrix_figure(fractions, 1.0, names, title, cell)
    _write_counts(figure.axes[0], counts, fractions, cell)
    return figure


def plot_reliability(bins, error=None, title=None, number=15):
    """The reliability diagram: how often answers of each probability are right.

    Bars on the diagonal are calibrated; a bar below it means that the model is too sure.

    Args:
        bins: list of dicts of `probability`, `accuracy` and `count`, as
            `keras_attention.training.label_scores.calibration` returns them.
        error: float, the expected calibration error, written into the diagram; None for none.
        title: optional string above the diagram.
        number: Integer. Number of bins of equal width.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    >>> bins = [{"probability": 0.97, "accuracy": 0.9, "count": 40}]
    >>> figure = plot_reliability(bins, error=0.07)
    >>> figure.axes[0].get_xlabel()
    'probability of the answer'

    Reference:
        Guo et al. (2017), figure 1.
    """
    figure = new_figure()
    figure.set_size_inches(_SIDE + 1.0, _SIDE + 1.0)
    ax = figure.add_axes((0.17, 0.15, _SIDE / (_SIDE + 1.0), _SIDE / (_SIDE + 1.0)))
    texts = sum(row["count"] for row in bins)
    for row in bins:
        place = min(max(int(np.ceil(row["probability"] * number)) - 1, 0), number - 1)
        box = {"x": (place + 0.5) / number, "width": 0.92 / number}
        ax.bar(height=row["accuracy"], color=COLORS[3], **box)
        gap = row["probability"] - row["accuracy"]
        ax.bar(height=gap, bottom=row["accuracy"], color="none", edgecolor=COLORS[5], **box)
        share = f"{100 * row['count'] / texts:.0f}"
        ax.text(box["x"], 0.012, share, ha="center", color=INK, fontsize=0.65 * FONT_SIZE)
    ax.plot([0, 1], [0, 1], color=FAINT_INK, linewidth=1, linestyle="--")
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.set_xlabel("probability of the answer", color=INK, fontsize=FONT_SIZE)
    ax.set_ylabel("fraction of right answers", color=INK, fontsize=FONT_SIZE)
    ax.tick_params(colors=FAINT_INK, labelsize=0.85 * FONT_SIZE)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT_INK)
    lines = ["numbers: per cent of the answers"]
    lines += [f"calibration error {error:.3f}"] if error is not None else []
    ax.text(0.03, 0.97, "\n".join(lines), va="top", color=INK, fontsize=0.85 * FONT_SIZE)
    if title:
        write_title(ax, title, 40)
    return figure


def confusion_image(counts, labels, title=None):
    """The picture of a confusion matrix as an array, as `tf.summary.image` takes it.

    Args:
        counts, labels, title: as for `plot_confusion`.

    Returns:
        A uint8 array of shape `(height, width, 4)`: red, green, blue, alpha.
    """
    return rendered(plot_confusion(counts, labels, title))


def reliability_image(bins, error=None, title=None):
    """The reliability diagram as an array, as `tf.summary.image` takes it.

    Args:
        bins, error, title: as for `plot_reliability`.

    Returns:
        A uint8 array of shape `(height, width, 4)`: red, green, blue, alpha.
    """
    return rendered(plot_reliability(bins, error, title))


def _write_counts(ax, counts, fractions, cell):
    """Numbers in the cells that hold texts, smaller the longer the longest of them is."""
    longest = max(len(str(counts.max())), 2)
    size = min(0.8 * FONT_SIZE, 72 * cell / (0.8 * longest))  # Points; a digit is 0.6 of them wide.
    for row, column in np.argwhere(counts):
        color = "white" if fractions[row, column] > 0.55 else INK
        ax.text(
            column + 0.5,
            row + 0.52,
            str(counts[row, column]),
            ha="center",
            va="center",
            color=color,
            fontsize=size,
        )

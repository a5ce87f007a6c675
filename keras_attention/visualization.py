"""Alignments a person can look at: a picture for slides and TensorBoard, text for a terminal.

An alignment is the matrix of attention weights of one sentence: a row for each target token, which
says how much of its context came from each source token. A pooling has one row of weights, which
is drawn as words on shades. Pictures are drawn with matplotlib's `Figure` alone, never through
pyplot: no global state, no window, safe in threads.
"""

import math
import pathlib

import numpy as np

from keras_attention import fonts
from keras_attention.figures import (
    COLORS,
    EDGE,
    FAINT_INK,
    FONT_SIZE,
    INK,
    color_map,
    new_figure,
    rendered,
    write_title,
)
from keras_attention.labels import clusters, visible
from keras_attention.terminal import alignment_text as alignment_text
from keras_attention.terminal import checked, top_of_scale
from keras_attention.terminal import word_weights_text as word_weights_text
from keras_attention.word_pictures import plot_word_weights as plot_word_weights

# Sizes in inches, at which a label of `FONT_SIZE` points is readable on a slide.
CELL = 0.27
_GAP = 0.08
_LARGEST_MATRIX = 12.0  # cells shrink so that long sentences still give a usable picture
_SMALLEST_FONT = 6  # of labels; where cells are smaller than that, not every one has a label


def plot_alignment(
    alignment,
    source_tokens,
    target_tokens,
    title=None,
    ax=None,
    scale="auto",
    axis_names=("source", "target"),
):
    """A heatmap of attention weights with the tokens as labels, source tokens on top.

    Spaces show as an open box. Each label is drawn in a font of this machine that has its glyphs;
    a character that no font has is shown as its code point ("U+5E74"). Where there are too many
    tokens for a readable label each, every second, third, ... has one.

    Args:
        alignment: array of shape `(target, source)`, weights between 0 and 1.
        source_tokens: list of `source` strings.
        target_tokens: list of `target` strings.
        title: optional string above the heatmap.
        ax: optional `matplotlib.axes.Axes` to draw in. By default a new figure is made, exactly
            as large as the tokens need, with a colour bar.
        scale: the weight of the darkest color: `"unit"`, 1; `"data"`, the largest weight; `"auto"`,
            the largest weight where that is below 0.3, else 1; or a number.
        axis_names: pair of strings, what stands across and what down.

    Returns:
        A `matplotlib.figure.Figure`. Notebooks show it, `figure.savefig(path)` writes it.

    Example:

    >>> alignment = [[0.1, 0.9], [0.8, 0.2]]
    >>> figure = plot_alignment(alignment, ["guten", "Tag"], ["day", "good"])
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['guten', 'Tag']
    """
    alignment = checked(alignment, source_tokens, target_tokens)
    tokens = dict(zip(axis_names, (source_tokens, target_tokens), strict=True))
    top = top_of_scale(alignment, scale)
    if ax is not None:
        _draw_matrix(ax, alignment, top, tokens, title, _cell_of(ax, alignment.shape))
        return ax.figure
    cell = min(CELL, _LARGEST_MATRIX / max(1, *alignment.shape))
    return matrix_figure(alignment, top, tokens, title, cell)


def matrix_figure(matrix, top, tokens, title, cell):
    """A new figure, exactly as large as a matrix and its labels need.

    Args:
        matrix: array of shape `(rows, columns)`.
        top: the value of the darkest colour.
        tokens: dict of the columns' and then the rows' labels, by the name of the axis.
        title: string above the matrix, or None.
        cell: width and height of a cell in inches.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    figure = new_figure()
    ax = figure.add_axes((0.25, 0.25, 0.5, 0.5))
    mesh = _draw_matrix(ax, matrix, top, tokens, title, cell)
    _fit_figure(figure, ax, mesh, matrix.shape, cell)
    return figure


def save_alignment(path, alignment, source_tokens, target_tokens, title=None, scale="auto"):
    """A picture file of an alignment: PNG, or what the ending says (`.svg`, `.pdf`).

    Args:
        path: where to write it; missing folders are made.
        alignment: array of shape `(target, source)`.
        source_tokens: list of `source` strings.
        target_tokens: list of `target` strings.
        title: optional string above the heatmap.
        scale: as in `plot_alignment`.
    """
    path = pathlib.Path(path)
    figure = plot_alignment(alignment, source_tokens, target_tokens, title, scale=scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format=path.suffix.lstrip(".").lower() or "png")


def alignment_image(alignment, source_tokens, target_tokens, title=None, **options):
    """The picture of an alignment as an array, as `tf.summary.image` takes it.

    Args:
        alignment: array of shape `(target, source)`.
        source_tokens: list of `source` strings.
        target_tokens: list of `target` strings.
        title: optional string above the heatmap.
        **options: `scale` and `axis_names` of `plot_alignment`.

    Returns:
        A uint8 array of shape `(height, width, 4)`: red, green, blue, alpha.
    """
    return rendered(plot_alignment(alignment, source_tokens, target_tokens, title, **options))


def word_weights_image(weights, tokens, title=None, **options):
    """The picture of words with their weights as an array, as `tf.summary.image` takes it.

    Args:
        weights: array of shape `(tokens,)`.
        tokens: list of strings.
        title: optional string above the words.
        **options: `scale` of `plot_word_weights`.

    Returns:
        A uint8 array of shape `(height, width, 4)`: red, green, blue, alpha.
    """
    return rendered(plot_word_weights(weights, tokens, title, **options))


def _cell_of(ax, shape):
    """The size in inches that a cell will have in axes of a given size."""
    box, dots = ax.get_window_extent(), ax.figure.dpi
    rows, columns = (max(length, 1) for length in shape)
    return min(CELL, box.width / dots / columns, box.height / dots / rows)


def _draw_matrix(ax, alignment, top, tokens, title, cell):
    """Draws cells, labels and title; gives back the mesh that a colour bar describes."""
    font_size = FONT_SIZE * cell / CELL
    every = max(1, math.ceil(_SMALLEST_FONT / font_size))  # of these tokens one has a label
    target_length, source_length = alignment.shape
    style = {"vmin": 0.0, "vmax": top, "edgecolors": "white", "linewidth": 0.08 * font_size}
    mesh = ax.pcolormesh(alignment, cmap=color_map(), **style) if alignment.size else None
    ax.set(xlim=(0, max(source_length, 1)), ylim=(max(target_length, 1), 0), aspect="equal")
    ax.set_facecolor(COLORS[0])
    for spine in ax.spines.values():
        spine.set_visible(False)
    font_size = max(font_size, _SMALLEST_FONT)
    ax.tick_params(length=0, pad=3, labelcolor=INK, labelsize=font_size)
    ax.xaxis.tick_top()
    for axis, (name, labels) in zip((ax.xaxis, ax.yaxis), tokens.items(), strict=True):
        _write_labels(axis, labels, every)
        axis.set_label_text(name, color=FAINT_INK, fontsize=0.85 * font_size)
    if any(len(clusters(label.get_text())) > 2 for label in ax.get_xticklabels()):
        slanted = {"rotation": 50, "ha": "left", "va": "center", "rotation_mode": "anchor"}
        for label in ax.get_xticklabels():
            label.set(**slanted)
    ax.xaxis.set_label_position("top")
    if title:
        write_title(ax, title, max(30, int(2.6 * source_length)))
    return mesh


def _write_labels(axis, tokens, every):
    fitted = [fonts.fit(visible(token)) for token in tokens[::every]]
    axis.set_ticks(np.arange(len(tokens))[::every] + 0.5, [text for text, _ in fitted])
    for label, (_, families) in zip(axis.get_ticklabels(), fitted, strict=True):
        label.set(fontfamily=families, parse_math=False)  # a token may be a dollar sign


def _fit_figure(figure, ax, mesh, shape, cell):
    """Gives the matrix its size in inches and the figure exactly what the labels need around it."""
    rows, columns = (max(length, 1) for length in shape)
    height, width = rows * cell, columns * cell

    def place(left, bottom, right, top):
        full_width, full_height = left + width + right, bottom + height + top
        figure.set_size_inches(full_width, full_height)
        box = (left / full_width, bottom / full_height, width / full_width, height / full_height)
        ax.set_position(box)

    place(1.0, 1.0, 1.0, 1.0)
    if mesh is not None:
        _add_color_bar(ax, mesh, width, height)
    dots = figure.dpi
    around, inside = figure.get_tightbbox(), ax.get_window_extent()
    place(
        left=inside.x0 / dots - around.x0 + EDGE,
        bottom=inside.y0 / dots - around.y0 + EDGE,
        right=around.x1 - inside.x1 / dots + EDGE,
        top=around.y1 - inside.y1 / dots + EDGE,
    )


def _add_color_bar(ax, mesh, width, height):
    """A slim bar right of the matrix, a fixed distance from it however wide the matrix is."""
    box = ax.inset_axes((1 + _GAP * 1.5 / width, 0, _GAP / width, 1))
    top = mesh.get_clim()[1]
    ticks = [0, top] if height < 1 else [0, top / 2, top]
    bar = ax.figure.colorbar(mesh, cax=box, ticks=ticks)
    bar.ax.set_yticklabels([f"{tick:.3g}" for tick in ticks])
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, pad=3, labelcolor=FAINT_INK, labelsize=0.75 * FONT_SIZE)

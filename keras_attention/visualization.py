"""Alignments a person can look at: a picture for slides and TensorBoard, text for a terminal.

An alignment is the matrix of attention weights of one sentence: a row for each target token, which
says how much of its context came from each source token. Pictures are drawn with matplotlib's
`Figure` alone, never through pyplot: no global state, no window, safe in threads.
"""

import functools
import io
import pathlib
import textwrap

import numpy as np

from keras_attention import fonts
from keras_attention.labels import LEFT_TO_RIGHT_MARK, clusters, is_right_to_left, visible
from keras_attention.terminal import alignment_text as alignment_text
from keras_attention.terminal import checked

# Sizes in inches, at which a label of `_FONT_SIZE` points is readable on a slide.
_CELL = 0.27
_FONT_SIZE = 10
_EDGE = 0.12
_GAP = 0.08
_LARGEST_MATRIX = 12.0  # cells shrink so that long sentences still give a usable picture
_DOTS_PER_INCH = 150

_INK = "#1f2933"
_FAINT_INK = "#7b8794"
# White to deep blue; darkens evenly, also in greyscale print and for colour-blind readers.
_COLORS = ("#f4f7fb", "#d3e3f3", "#9cc3e6", "#5b9bd5", "#2566a8", "#0b3c78", "#041f45")


def plot_alignment(alignment, source_tokens, target_tokens, title=None, ax=None):
    """A heatmap of attention weights with the tokens as labels, source tokens on top.

    Spaces show as an open box. Each label is drawn in a font of this machine that has its glyphs;
    a character that no font has is shown as its code point ("U+5E74").

    Args:
        alignment: array of shape `(target, source)`, weights between 0 and 1.
        source_tokens: list of `source` strings.
        target_tokens: list of `target` strings.
        title: optional string above the heatmap.
        ax: optional `matplotlib.axes.Axes` to draw in. By default a new figure is made, exactly
            as large as the tokens need, with a colour bar.

    Returns:
        A `matplotlib.figure.Figure`. Notebooks show it, `figure.savefig(path)` writes it.

    Example:

    >>> alignment = [[0.1, 0.9], [0.8, 0.2]]
    >>> figure = plot_alignment(alignment, ["guten", "Tag"], ["day", "good"])
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['guten', 'Tag']
    """
    alignment = checked(alignment, source_tokens, target_tokens)
    if ax is not None:
        _draw_matrix(ax, alignment, source_tokens, target_tokens, title, _FONT_SIZE)
        return ax.figure
    figure = _new_figure()
    ax = figure.add_axes((0.25, 0.25, 0.5, 0.5))
    cell = min(_CELL, _LARGEST_MATRIX / max(1, *alignment.shape))
    font_size = _FONT_SIZE * cell / _CELL
    mesh = _draw_matrix(ax, alignment, source_tokens, target_tokens, title, font_size)
    _fit_figure(figure, ax, mesh, alignment.shape, cell)
    return figure


def save_alignment(path, alignment, source_tokens, target_tokens, title=None):
    """A picture file of an alignment: PNG, or what the ending says (`.svg`, `.pdf`).

    Args:
        path: where to write it; missing folders are made.
        alignment: array of shape `(target, source)`.
        source_tokens: list of `source` strings.
        target_tokens: list of `target` strings.
        title: optional string above the heatmap.
    """
    path = pathlib.Path(path)
    figure = plot_alignment(alignment, source_tokens, target_tokens, title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format=path.suffix.lstrip(".").lower() or "png")


def alignment_image(alignment, source_tokens, target_tokens, title=None):
    """The picture of an alignment as an array, as `tf.summary.image` takes it.

    Args:
        alignment: array of shape `(target, source)`.
        source_tokens: list of `source` strings.
        target_tokens: list of `target` strings.
        title: optional string above the heatmap.

    Returns:
        A uint8 array of shape `(height, width, 4)`: red, green, blue, alpha.
    """
    figure = plot_alignment(alignment, source_tokens, target_tokens, title)
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())


def _new_figure():
    """A figure with its own canvas, which no window and no pyplot knows of."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'Pictures need matplotlib. Install it with: pip install "keras-attention[training]"'
        ) from error
    figure = Figure(dpi=_DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    # Without pyplot, a notebook would print the object: it looks for this method on the instance.
    figure._repr_png_ = functools.partial(_png, figure)
    return figure


def _png(figure):
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def _draw_matrix(ax, alignment, source_tokens, target_tokens, title, font_size):
    """Draws cells, labels and title; gives back the mesh that a colour bar describes."""
    from matplotlib.colors import LinearSegmentedColormap

    target_length, source_length = alignment.shape
    colors = LinearSegmentedColormap.from_list("alignment", _COLORS)
    style = {"vmin": 0.0, "vmax": 1.0, "edgecolors": "white", "linewidth": 0.08 * font_size}
    mesh = ax.pcolormesh(alignment, cmap=colors, **style) if alignment.size else None
    ax.set(xlim=(0, max(source_length, 1)), ylim=(max(target_length, 1), 0), aspect="equal")
    ax.set_facecolor(_COLORS[0])
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0, pad=3, labelcolor=_INK, labelsize=font_size)
    ax.xaxis.tick_top()
    _write_labels(ax.xaxis, source_tokens)
    _write_labels(ax.yaxis, target_tokens)
    if any(len(clusters(label.get_text())) > 2 for label in ax.get_xticklabels()):
        slanted = {"rotation": 50, "ha": "left", "va": "center", "rotation_mode": "anchor"}
        for label in ax.get_xticklabels():
            label.set(**slanted)
    for axis, name in ((ax.xaxis, "source"), (ax.yaxis, "target")):
        axis.set_label_text(name, color=_FAINT_INK, fontsize=0.85 * font_size)
    ax.xaxis.set_label_position("top")
    if title:
        _write_title(ax, title, max(30, int(2.6 * source_length)))
    return mesh


def _write_title(ax, title, width):
    """Writes a title in lines of about `width` characters, in a font that has its letters."""
    words = " ".join(visible(word) for word in title.split())
    if is_right_to_left(words):
        # What stands on either side of an arrow keeps its own direction, and the line reads
        # from left to right like the matrix.
        mark = LEFT_TO_RIGHT_MARK
        words = mark + words.replace("→", f"{mark}→{mark}")
    text, families = fonts.fit(words)
    text = textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
    drawn = ax.set_title(text, loc="left", color=_INK, fontsize=1.2 * _FONT_SIZE, pad=10)
    drawn.set(fontfamily=families, parse_math=False)


def _write_labels(axis, tokens):
    fitted = [fonts.fit(visible(token)) for token in tokens]
    axis.set_ticks(np.arange(len(tokens)) + 0.5, [text for text, _ in fitted])
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
        left=inside.x0 / dots - around.x0 + _EDGE,
        bottom=inside.y0 / dots - around.y0 + _EDGE,
        right=around.x1 - inside.x1 / dots + _EDGE,
        top=around.y1 - inside.y1 / dots + _EDGE,
    )


def _add_color_bar(ax, mesh, width, height):
    """A slim bar right of the matrix, a fixed distance from it however wide the matrix is."""
    box = ax.inset_axes((1 + _GAP * 1.5 / width, 0, _GAP / width, 1))
    bar = ax.figure.colorbar(mesh, cax=box, ticks=[0, 1] if height < 1 else [0, 0.5, 1])
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, pad=3, labelcolor=_FAINT_INK, labelsize=0.75 * _FONT_SIZE)

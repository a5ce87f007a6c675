"""Words on shades: the one row of weights that a pooling has."""

from keras_attention import fonts
from keras_attention.figures import (
    COLORS,
    DOTS_PER_INCH,
    EDGE,
    FAINT_INK,
    FONT_SIZE,
    INK,
    color_map,
    new_figure,
    title_words,
)
from keras_attention.labels import visible
from keras_attention.terminal import checked, top_of_scale

# Inches.
_LARGEST_WIDTH = 8.0
_LINE = 0.34
_SPACE = 0.05
_PADDING = 0.06


def plot_word_weights(weights, tokens, title=None, scale="auto"):
    """The words of a text on shades of their weights: what a pooling looks at.

    Args:
        weights: array of shape `(tokens,)`, weights between 0 and 1.
        tokens: list of strings, drawn in this order from left to right, in lines.
        title: optional string above the words.
        scale: as in `plot_alignment`.

    Returns:
        A `matplotlib.figure.Figure`.

    Example:

    >>> figure = plot_word_weights([0.1, 0.8, 0.1], ["a", "wonderful", "film"])
    >>> [text.get_text() for text in figure.texts]
    ['a', 'wonderful', 'film', '0 to 1']
    """
    (weights,) = checked([weights], tokens, [""])
    top = top_of_scale(weights, scale)
    figure = new_figure()
    figure.set_size_inches(_LARGEST_WIDTH, _LINE)
    words = [_write(figure, visible(token)) for token in tokens]
    note = _write(figure, f"0 to {top:.3g}", 0.75 * FONT_SIZE, FAINT_INK)
    heading = [_write(figure, title_words(title), 1.2 * FONT_SIZE)] if title else []
    widths = [_width(word) + 2 * _PADDING for word in words]
    lines = _lines(widths)
    used = [sum(widths[place] + _SPACE for place in line) for line in lines]
    width = max([*used, _width(note), *map(_width, heading)]) + 2 * EDGE
    height = (len(lines) + len(heading) + 1) * _LINE + 2 * EDGE
    figure.set_size_inches(width, height)

    def put(text, left, line):
        text.set_position((left / width, 1 - (EDGE + (line + 0.5) * _LINE) / height))

    for text in heading:
        put(text, EDGE, 0)
    colors = color_map()
    for number, line in enumerate(lines, start=len(heading)):
        left = EDGE
        for place in line:
            put(words[place], left + _PADDING, number)
            share = min(weights[place] / top, 1.0)
            box = (left / width, 1 - (EDGE + (number + 0.93) * _LINE) / height)
            size = (widths[place] / width, 0.86 * _LINE / height)
            figure.patches.append(_shade(figure, box, size, colors(share)))
            words[place].set_color(COLORS[0] if share > 0.55 else INK)
            left += widths[place] + _SPACE
    put(note, EDGE, len(heading) + len(lines))
    return figure


def _lines(widths):
    """The places of the words of each line."""
    lines, used = [[]], 0.0
    for place, width in enumerate(widths):
        if lines[-1] and used + width > _LARGEST_WIDTH:
            lines.append([])
            used = 0.0
        lines[-1].append(place)
        used += width + _SPACE
    return lines


def _write(figure, label, size=FONT_SIZE, color=INK):
    text, families = fonts.fit(label)
    style = {"fontfamily": families, "fontsize": size, "color": color, "va": "center"}
    return figure.text(0, 0, text, parse_math=False, **style)


def _width(text):
    return text.get_window_extent().width / DOTS_PER_INCH


def _shade(figure, corner, size, color):
    from matplotlib.patches import Rectangle

    return Rectangle(
        corner, *size, transform=figure.transFigure, facecolor=color, edgecolor="none", zorder=-1
    )

"""Alignments drawn with characters, for a terminal."""

import numpy as np

from keras_attention.labels import clusters, display_width, isolate, visible

_SHADES = " ░▒▓█"
_SHADE_FROM = (0.05, 0.2, 0.4, 0.7)  # the least weight of each shade after the blank
_SMALL = 0.3  # where no weight is larger, a scale up to 1 would show next to nothing


def alignment_text(alignment, source_tokens, target_tokens, max_width=None, scale="auto"):
    """An alignment for a terminal: source tokens across, target tokens down, weights as shades.

    The shades `░▒▓█` begin at weights of 0.05, 0.2, 0.4 and 0.7, or at these fractions of the
    largest weight, which a last line then tells. Source tokens of more than one character are
    written downwards. Columns stay aligned for wide characters (Chinese, Japanese,
    Korean), for combining marks, and in terminals that reorder text written right to left.

    Args:
        alignment: array of shape `(target, source)`, weights between 0 and 1.
        source_tokens: list of `source` strings.
        target_tokens: list of `target` strings.
        max_width: optional number of terminal columns; a longer source continues below.
        scale: what the shades are fractions of: `"unit"`, 1; `"data"`, the largest weight;
            `"auto"`, the largest weight where that is below 0.3, else 1; or a number.

    Returns:
        A string of several lines without a newline at the end.

    Example:

    >>> print(alignment_text([[0.1, 0.9], [0.8, 0.2]], ["今", "日"], ["day", "now"]))
         今日
    day  ░░██
    now  ██▒▒
    """
    alignment = checked(alignment, source_tokens, target_tokens)
    top = top_of_scale(alignment, scale)
    labels = [visible(token) for token in target_tokens]
    margin = max(map(display_width, labels), default=0)
    columns = [clusters(visible(token)) for token in source_tokens]
    widths = [max(map(display_width, column), default=1) for column in columns]
    spread = " " if any(len(column) > 1 for column in columns) else ""
    blocks = []
    for first, last in _line_breaks(widths, len(spread), max_width, margin + 2):
        block = columns[first:last], widths[first:last], alignment[:, first:last] / top
        blocks.append("\n".join(_text_block(*block, labels, margin, spread)))
    return "\n\n".join([*blocks, *_scale_line(top)])


def word_weights_text(weights, tokens, max_width=None, scale="auto"):
    """Words for a terminal, each with its weight as a shade below: what a pooling looks at.

    Args:
        weights: array of shape `(tokens,)`, weights between 0 and 1.
        tokens: list of strings.
        max_width: optional number of terminal columns; a longer text continues below.
        scale: as in `alignment_text`.

    Returns:
        A string of several lines without a newline at the end.

    Example:

    >>> print(word_weights_text([0.05, 0.9, 0.05], ["a", "wonderful", "film"]))
    a wonderful film
    ░ █████████ ░░░░
    """
    weights = checked([weights], tokens, [""])
    top = top_of_scale(weights, scale)
    words = [visible(token) for token in tokens]
    widths = [display_width(word) for word in words]
    (shades,) = np.digitize(weights / top, _SHADE_FROM)
    lines = []
    for first, last in _line_breaks(widths, 1, max_width, 0) if words else ():
        row = range(first, last)
        lines.append(" ".join(isolate(words[place]) for place in row))
        lines.append(" ".join(_SHADES[shades[place]] * widths[place] for place in row).rstrip())
    return "\n".join([*lines, *_scale_line(top)])


def _scale_line(top):
    return [] if top == 1 else [f"Shades are fractions of a weight of {top:.3g}."]


def top_of_scale(weights, scale):
    """The weight that the darkest color or shade stands for.

    Args:
        weights: array of weights.
        scale: `"unit"`, `"data"`, `"auto"` or a number, as `alignment_text` takes it.

    Returns:
        A positive float.

    Raises:
        ValueError: `scale` is none of them.
    """
    largest = float(np.max(weights, initial=0.0))
    if scale == "data" or (scale == "auto" and largest < _SMALL):
        return largest or 1.0
    if scale in ("auto", "unit"):
        return 1.0
    if isinstance(scale, bool | str) or not scale > 0:
        raise ValueError(
            'Expected `scale` to be "auto", "data", "unit" or a positive number. '
            f"Received: scale={scale!r}"
        )
    return float(scale)


def _text_block(columns, widths, weights, labels, margin, spread):
    """Lines of one block of columns: the source tokens, written downwards, then the weights."""
    lines = []
    height = max(map(len, columns), default=0)
    for row in range(-height, 0):
        cells = [column[row] if len(column) >= -row else "" for column in columns]
        padded = [_pad(cell, width) for cell, width in zip(cells, widths, strict=True)]
        lines.append(" " * (margin + 2) + spread.join(padded))
    shades = np.digitize(weights, _SHADE_FROM)
    for label, row in zip(labels, shades, strict=True):
        cells = [_SHADES[shade] * width for shade, width in zip(row, widths, strict=True)]
        lines.append(_pad(label, margin, align_right=True) + "  " + spread.join(cells))
    return [line.rstrip() for line in lines]


def _pad(text, width, align_right=False):
    blank = " " * (width - display_width(text))
    return blank + isolate(text) if align_right else isolate(text) + blank


def _line_breaks(widths, gap, max_width, indent):
    """Pairs `(first, last)` that cut columns into blocks no wider than a terminal."""
    if max_width is None:
        return [(0, len(widths))]
    starts, used = [0], indent
    for column, width in enumerate(widths):
        if used + width > max_width and column > starts[-1]:
            starts.append(column)
            used = indent
        used += width + gap
    return list(zip(starts, [*starts[1:], len(widths)], strict=True))


def checked(alignment, source_tokens, target_tokens):
    """The alignment as an array, if it has a weight for each pair of tokens."""
    alignment = np.asarray(alignment, "float64")
    if alignment.size == 0:
        alignment = alignment.reshape(len(target_tokens), len(source_tokens))
    if alignment.shape != (len(target_tokens), len(source_tokens)):
        raise ValueError(
            "`alignment` must have one row for each target token and one column for each source "
            f"token. Received: alignment.shape={alignment.shape}, "
            f"len(source_tokens)={len(source_tokens)}, len(target_tokens)={len(target_tokens)}"
        )
    return alignment

"""Alignments drawn with characters, for a terminal."""

import numpy as np

from keras_attention.labels import clusters, display_width, isolate, visible

_SHADES = " ░▒▓█"
_SHADE_FROM = (0.05, 0.2, 0.4, 0.7)  # the least weight of each shade after the blank


def alignment_text(alignment, source_tokens, target_tokens, max_width=None):
    """An alignment for a terminal: source tokens across, target tokens down, weights as shades.

    The shades `░▒▓█` begin at weights of 0.05, 0.2, 0.4 and 0.7. Source tokens of more than one
    character are written downwards. Columns stay aligned for wide characters (Chinese, Japanese,
    Korean), for combining marks, and in terminals that reorder text written right to left.

    Args:
        alignment: array of shape `(target, source)`, weights between 0 and 1.
        source_tokens: list of `source` strings.
        target_tokens: list of `target` strings.
        max_width: optional number of terminal columns; a longer source continues below.

    Returns:
        A string of several lines without a newline at the end.

    Example:

    >>> print(alignment_text([[0.1, 0.9], [0.8, 0.2]], ["今", "日"], ["day", "now"]))
         今日
    day  ░░██
    now  ██▒▒
    """
    alignment = checked(alignment, source_tokens, target_tokens)
    labels = [visible(token) for token in target_tokens]
    margin = max(map(display_width, labels), default=0)
    columns = [clusters(visible(token)) for token in source_tokens]
    widths = [max(map(display_width, column), default=1) for column in columns]
    spread = " " if any(len(column) > 1 for column in columns) else ""
    blocks = []
    for first, last in _line_breaks(widths, len(spread), max_width, margin + 2):
        block = columns[first:last], widths[first:last], alignment[:, first:last]
        blocks.append("\n".join(_text_block(*block, labels, margin, spread)))
    return "\n\n".join(blocks)


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

"""A labelled text in a terminal: the evidence marked in it, and its spans below it."""

from typing import NamedTuple

from keras_attention.display.shown import best_first, given_labels, levels, shown_label
from keras_attention.evidence_words import evidence_words, words_of
from keras_attention.labels import clusters, display_width, isolate, visible
from keras_attention.printing import drawing

_SHADES = " ░▒█"
# The theme of the terminal says what these colors are, so that they can be read on any background.
_STYLES = ("", "yellow", "bold yellow", "bold reverse yellow")
_SPAN_STYLE = "cyan"
_OTHERS = 2  # Labels that are named behind the best one.
_LEAST = 0.005  # The least probability of a label that is named behind the best one.


class _Word(NamedTuple):
    """A word as it is printed.

    Attributes:
        begin, end: int. Its characters in the text.
        text: str. What is printed.
        level: int from 0 to 3. How strongly it is marked.
    """

    begin: int
    end: int
    text: str
    level: int

    @property
    def width(self):
        return display_width(self.text)


def print_labelling(labelling, console, source=True):
    """Prints a labelled text: label, probability, and the text with its evidence and spans marked.

    Args:
        labelling: `keras_attention.predictors.Labelling`.
        console: `rich.console.Console`. Where it knows colors they mark the evidence, elsewhere a
            row of shades below the text does.
        source: bool. Whether the text itself is printed too, not only its label.
    """
    has_colors = console.color_system is not None and not console.no_color
    text = labelling_text(labelling, has_colors, console.width, source)
    # Without colors nothing but the shades says where the evidence is: in ASCII, if need be.
    console.print(text if has_colors else drawing(text.plain), soft_wrap=True, markup=False)


def labelling_text(labelling, color=True, max_width=80, source=True):
    """A labelled text for a terminal.

    The first line is the label and its probability. The text follows, its words in lines: with
    `color`, the more of the evidence a word is, the more it stands out; without, a row of shades
    (`░▒█`, from 10, 35 and 70 % of the largest weight) lies below each line. A row `^~~~ kind`
    below a line marks a span.

    Args:
        labelling: `keras_attention.predictors.Labelling`.
        color: bool. Whether the terminal shows colors.
        max_width: int. Columns of the terminal.
        source: bool. Whether the text itself is printed too, not only its label.

    Returns:
        `rich.text.Text`.

    Example:

    >>> labelling = keras_attention.Labelling(
    ...     text="praise", score=0.75, ids=np.array([0]), input="fine film",
    ...     source_tokens=["fine", "film", "</s>"], target_tokens=["praise"],
    ...     offsets=np.array([[0, 4], [5, 9], [9, 9]]),
    ...     alignment=np.array([[0.75, 0.125, 0.125]]),
    ...     probabilities={"praise": 0.75, "blame": 0.25})
    >>> print(labelling_text(labelling, color=False))
    praise  0.75  (blame 0.25)
    fine film
    ████ ░░░░
    """
    from rich.text import Text  # Belongs to the extras, which a user of the layers may lack.

    lines = [Text(_heading(labelling), "bold")] if labelling.probabilities else []
    if source:
        for line in _lines(_printed_words(labelling), max_width):
            lines += _line(Text, line, labelling.spans or (), color)
    return Text("\n").join(lines)


def _heading(labelling):
    """The label, its probability, and the next likely ones."""
    given = given_labels(labelling)
    others = [
        f"{visible_line(name)} {probability:.2f}"
        for name, probability in best_first(labelling.probabilities)
        if name not in given and probability >= _LEAST
    ]
    more = f"  ({', '.join(others[:_OTHERS])})" if others else ""
    return f"{visible_line(shown_label(labelling))}  {labelling.score:.2f}{more}"


def visible_line(text):
    """A text in one line, without characters that control a terminal."""
    return " ".join(visible(word) for word in text.split())


def _printed_words(labelling):
    """The words of the text as they are printed."""
    words = evidence_words(labelling)
    marks = levels(words) if words else [0] * len(words_of(labelling.input))
    return [
        _Word(begin, end, visible(labelling.input[begin:end]), level)
        for (begin, end), level in zip(words_of(labelling.input), marks, strict=True)
    ]


def _lines(words, max_width):
    """Lists of words that fit into a line; a word that fits into none has one of its own."""
    lines, used = [], 0
    for word in words:
        width = word.width
        gap = 1 if lines and lines[-1] and lines[-1][-1].end < word.begin else 0
        if not lines or used + gap + width > max_width:
            lines.append([])
            used, gap = 0, 0
        lines[-1].append(word)
        used += gap + width
    return lines


def _line(Text, words, spans, color):
    """The rows of one line of words: the words, their shades where no color shows them, spans."""
    row, shades, columns, column = Text(), "", {}, 0
    for before, word in zip([None, *words], words, strict=False):
        if before is not None and before.end < word.begin:
            row.append(" ")
            shades += " "
            column += 1
        row.append(isolate(word.text), _STYLES[word.level] if color else "")
        shades += _SHADES[word.level] * word.width
        columns.update(_columns(word, column))
        column += word.width
    rows = [row]
    if not color and shades.strip():
        rows.append(Text(shades.rstrip()))
    return [*rows, *(Text(mark, _SPAN_STYLE if color else "") for mark in _marks(spans, columns))]


def _columns(word, column):
    """The columns `(first, past the last)` of each character of a word, by its place in the text.

    The characters of a word that is not printed as it is have all of its columns.
    """
    places = range(word.begin, word.end)
    if len(word.text) != len(places):
        return dict.fromkeys(places, (column, column + word.width))
    found, place = {}, word.begin
    for cluster in clusters(word.text):
        width = display_width(cluster)
        for _ in cluster:
            found[place] = (column, column + width)
            place += 1
        column += width
    return found


def _marks(spans, columns):
    """Rows that mark spans below a line, as few as hold them side by side."""
    rows = []
    for span in sorted(spans, key=lambda span: (span.begin, -span.end)):
        inside = [columns[place] for place in range(span.begin, span.end) if place in columns]
        if not inside:
            continue
        first, last = inside[0][0], inside[-1][1]
        begins_here = span.begin in columns
        mark = ("^" if begins_here else "~") + "~" * (last - first - 1)
        mark += f" {visible_line(span.kind)}"
        place = next((at for at, row in enumerate(rows) if display_width(row) < first), None)
        if place is None:
            rows.append(" " * first + mark)
        else:
            rows[place] += " " * (first - display_width(rows[place])) + mark
    return rows

"""Columns of text from a table: its delimiter and its header are recognised and reported."""

import csv
import io
import itertools
import re
from collections import Counter
from pathlib import Path

from keras_attention.errors import UserError

from .header_words import looks_like_header

DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_OF_SUFFIX = {".csv": "comma", ".tsv": "tab", ".tab": "tab", ".txt": "tab"}
_SAMPLE = 1000  # Lines that decide on the delimiter.
_ALIKE = 0.95  # Fraction of rows that have the same width under the right delimiter.

Row = tuple[int, list[str]]


def table_columns(
    text: str,
    path: Path,
    suffix: str,
    columns: list[str | int],
    header: bool | None,
    quoted: bool | None,
    delimiter: str,
    report,
) -> tuple[list[list[str]], list[str]]:
    """The texts of each column of a table, and where each of its rows ends, such as `"line 3"`.

    Args:
        text: the content of the file.
        path: the file, for reports and the messages of errors.
        suffix: what the name of the file ends in.
        columns, header, quoted, delimiter, report: as for `text_files.table`.

    Raises:
        UserError: the text is no table, or a column is not there.
    """
    if said := re.match(r"sep=([\t,;|])\n", text):  # Excel's own line, above all others.
        text = text[said.end() - 1 :]
        delimiter = next(name for name in DELIMITERS if DELIMITERS[name] == said[1])
    delimiter = _delimiter(text, path, suffix, columns, quoted, delimiter)
    rows = _rows(text, delimiter, quoted, path)
    if header is None:
        header = bool(_names_in(columns)) or looks_like_header([row for _, row in rows], columns)
    names = rows.pop(0)[1] if header else None
    width = len(names) if names is not None else max(len(row) for _, row in rows)
    places = [_place(column, names, width, path, delimiter) for column in columns]
    _report_reading(path, delimiter, names, rows, places, report)
    texts: list[list[str]] = [[] for _ in columns]
    for line, row in rows:
        row = row or [""] * width
        if len(row) <= max(places):
            raise UserError(
                f"{path} has {len(row)} columns in the row that ends in line {line}, "
                f"but column {max(places) + 1} is asked for."
            )
        for column, place in zip(texts, places, strict=True):
            column.append(row[place])
    _report_widths(path, rows, report)
    if not _is_quoted(delimiter, quoted):
        _report_quotes(path, texts, report)
    return texts, [f"line {line:,}" for line, _ in rows]


def _names_in(columns: list[str | int]) -> list[str]:
    return [column for column in columns if isinstance(column, str) and not column.isdecimal()]


def _is_quoted(delimiter: str, quoted: bool | None) -> bool:
    return delimiter != "tab" if quoted is None else quoted


def _reader(text: str, delimiter: str, quoted: bool | None, strict: bool):
    return csv.reader(
        io.StringIO(text, newline=""),
        delimiter=DELIMITERS.get(delimiter, delimiter),
        quoting=csv.QUOTE_MINIMAL if _is_quoted(delimiter, quoted) else csv.QUOTE_NONE,
        strict=strict,
    )


def _rows(text: str, delimiter: str, quoted: bool | None, path: Path) -> list[Row]:
    """Each row with the number of its last line, from the first that is not blank on."""
    reader = _reader(text, delimiter, quoted, strict=True)
    try:
        rows = ((reader.line_num, row) for row in reader)
        return list(itertools.dropwhile(lambda row: not row[1], rows))
    except csv.Error as error:
        raise UserError(f"{path} is no table at line {reader.line_num}: {error}.") from error


def _delimiter(text, path, suffix, columns, quoted, delimiter) -> str:
    """The name of the delimiter: as asked for, or the one that divides the rows alike."""
    usual = _OF_SUFFIX.get(suffix)
    if delimiter in DELIMITERS or _is_character(delimiter):
        return delimiter
    if delimiter not in ("auto", "suffix"):
        raise UserError(
            f"Expected a delimiter among auto, suffix, {', '.join(DELIMITERS)}, or one "
            f"character. Received: {delimiter!r}"
        )
    if delimiter == "suffix":
        if usual is None:
            raise UserError(f"{path} should end in {', '.join(_OF_SUFFIX)}, compressed or not.")
        return usual
    names = _names_in(columns)
    least = max([2, *(int(c) for c in columns if c not in names)])
    alike = {name: _alike(text, name, quoted, names, least) for name in DELIMITERS}
    fitting = [name for name in alike if alike[name] >= _ALIKE]
    if "tab" in fitting:  # Sentences hold commas, and sometimes equally many; but no tabs.
        return "tab"
    if usual in fitting or (usual and not fitting):
        return usual  # An error in a row names its line.
    best = max(alike, key=alike.get)
    if not alike[best]:
        raise UserError(
            f"{path} is not divided into columns by any of {', '.join(DELIMITERS)}: "
            f"expected {least} columns" + (f", named {', '.join(names)}." if names else ".")
        )
    return best


def _is_character(delimiter: str) -> bool:
    return len(delimiter) == 1 and delimiter not in '\r\n"'


def _alike(text, delimiter, quoted, names, least) -> float:
    """Fraction of the first rows that a delimiter divides into equally many columns.

    It is 0 if those are too few, or the first row does not hold the names that are asked for.
    """
    lines = text.split("\n", _SAMPLE)
    cut = len(lines) > _SAMPLE
    sample = "\n".join(lines[:_SAMPLE])
    try:
        rows = [row for row in _reader(sample, delimiter, quoted, strict=False) if row]
    except csv.Error:  # Such as a quotation mark that nothing closes.
        return 0.0
    rows = rows[:-1] if cut else rows
    if not rows or not set(names) <= set(rows[0]):
        return 0.0
    ((width, count),) = Counter(map(len, rows)).most_common(1)
    return count / len(rows) if width >= least else 0.0


def _place(column, names, width, path, delimiter) -> int:
    """Where a column stands in a row, counted from zero."""
    if names is not None and column in names:
        return names.index(column)
    if str(column).isdecimal() and 1 <= int(column) <= width:
        return int(column) - 1
    there = f"columns 1 to {width}" + (f", named {', '.join(names)}" if names else "")
    raise UserError(
        f"{path} has no column {column!r}: split at the {delimiter}, it has {there}. "
        "--table-delimiter and --table-header say how else to read it."
    )


def _report_widths(path, rows, report):
    """Reports rows of another width: a delimiter inside of a text shifts all that follows."""
    rows = [row for row in rows if row[1]]
    ((width, count),) = Counter(len(row) for _, row in rows).most_common(1) or [(0, 0)]
    if count < len(rows):
        line = next(line for line, row in rows if len(row) != width)
        report(
            f"{path}: {len(rows) - count:,} rows have more or fewer than {width} columns; the "
            f"first ends in line {line:,}."
        )


def _report_quotes(path, texts, report):
    """Reports quotation marks that are read as text, where a program may have put them."""
    cells = [cell for column in texts for cell in column if len(cell) > 1]
    quoted = [cell for cell in cells if cell[0] == cell[-1] == '"']
    if 2 * len(quoted) > len(cells) or any('""' in cell[1:-1] for cell in quoted):
        report(
            f"{path}: {len(quoted):,} texts stand in double quotes that are read as text, such as "
            f"{quoted[0][:40]}; with --table-quotes yes they are not."
        )


def _report_reading(path, delimiter, names, rows, places, report):
    first = names if names is not None else next((row for _, row in rows if row), [])
    cells = [first[place] for place in places if place < len(first)]
    shown = ", ".join(repr(cell if len(cell) <= 30 else cell[:29] + "…") for cell in cells)
    what = "the header" if names is not None else "a pair, not a header"
    report(
        f"{path}: {len(rows):,} rows, split at the {delimiter}; the first row is {what}: {shown}"
    )

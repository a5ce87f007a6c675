"""Columns of text from JSON: an object a line, or one list of them."""

import json
import re
from pathlib import Path
from typing import Any

from keras_attention.errors import UserError

_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")


def holds_json(text: str, suffix: str) -> bool:
    """Whether a file is read as JSON: by its name, or because its first line is an object."""
    if suffix in (".json", ".jsonl", ".ndjson"):
        return True
    return isinstance(_parsed(_first_line(text)), dict)


def json_columns(
    text: str,
    path: Path,
    columns: list[str | int],
    report,
    separators: list[str] | None = None,
) -> tuple[list[list[str]], list[str]]:
    """The texts of each column, and where each row stands, such as `"line 3"`.

    Args:
        text: an object or list a line, or one list of objects or lists; blank lines are skipped.
        path: the file, for the messages of errors.
        columns: keys of an object, or places in a list counted from 1; a dot leads into an object
            or a list within.
        report: function that tells the user one line, of damage that was repaired.
        separators: for each column what joins the texts of a list; with an empty one lists are no
            texts. Without separators, true and false are no texts either.

    Returns:
        A list for each column, numbers as they are written in JSON and `""` for null; and the
        list of places.

    Raises:
        UserError: the text is no JSON, or a column is not there or holds no text (names the line).
    """
    rows = json_rows(text, path)
    texts = [
        [text_at(row, str(column), place, path, separator) for place, row in rows]
        for column, separator in zip(columns, separators or [None] * len(columns), strict=True)
    ]
    damaged = [
        place
        for cells in texts
        for cell, (place, _) in zip(cells, rows, strict=True)
        if _NO_CHARACTER.search(cell)
    ]
    places = [place for place, _ in rows]
    if not damaged:
        return texts, places
    report(
        f"{path}: U+FFFD replaces \\u0000 and halves of surrogate pairs "
        f"({len(damaged):,} texts, the first in {damaged[0]})."
    )
    return [[_NO_CHARACTER.sub("\ufffd", cell) for cell in cells] for cells in texts], places


def json_rows(text: str, path: Path) -> list[tuple[str, Any]]:
    """Each object of a file with its place in it, such as `"line 3"`.

    Args:
        text: an object or list a line, or one list of them; blank lines are skipped.
        path: the file, for the messages of errors.

    Raises:
        UserError: the text is no JSON (names the line).
    """
    first = _parsed(_first_line(text))
    lines = text.split("\n")
    if first is None or (_is_list_of_rows(first) and sum(map(bool, map(str.strip, lines))) == 1):
        content = parse(text, path)
        if not _is_list_of_rows(content):
            kind = _kind(content)
            raise UserError(f"{path} holds {kind}; expected an object a line, or a list of them.")
        return [(f"item {number:,}", row) for number, row in enumerate(content, start=1)]
    return [
        (f"line {number:,}", parse(line, path, number))
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _first_line(text: str) -> str:
    return text.lstrip().partition("\n")[0]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # What is wrong is told when it is parsed again.
        return None


def parse(text: str, path: Path, first_line: int = 1) -> Any:
    """The value that a text of JSON holds.

    Args:
        text: JSON.
        path: its file, for the messages of errors.
        first_line: the line of the file in which the text begins.

    Raises:
        UserError: the text is no JSON (names the line).
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise UserError(
            f"{path} is no JSON in line {line:,}, column {error.colno}: {error.msg}."
        ) from error
    except (ValueError, RecursionError) as error:  # A number too long, or nested too deeply.
        raise UserError(f"{path} cannot be read from line {first_line:,} on: {error}.") from error


def _is_list_of_rows(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(row, dict | list) for row in content)


def value_at(row: Any, column: str, place: str, path: Path) -> Any:
    """The value of a column in a row; `column` itself may be a key that has a dot.

    Args:
        row: a value of JSON.
        column: keys of objects, and places in lists counted from 1, with dots between them.
        place: where the row stands in the file, for the messages of errors.
        path: the file, likewise.

    Raises:
        UserError: the row has no such column.
    """
    value, rest = row, column
    while rest:
        whole = isinstance(value, dict) and rest in value
        key, _, rest = (rest, "", "") if whole else rest.partition(".")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and 1 <= int(key) <= len(value):
            value = value[int(key) - 1]
        else:
            raise UserError(f"{path} has no {column!r} in {place}: {_kind(value)}.")
    return value


def text_at(row: Any, column: str, place: str, path: Path, separator: str | None = None) -> str:
    """The text of a column in a row: a number as it is written in JSON, `""` for null.

    Args:
        row, column, place, path: as for `value_at`.
        separator: as one of `separators` of `json_columns`.

    Raises:
        UserError: the row has no such column, or it holds no text.
    """
    value = value_at(row, column, place, path)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    if separator is not None and isinstance(value, bool):
        return json.dumps(value)
    if separator and isinstance(value, list) and all(isinstance(word, str) for word in value):
        return separator.join(value)
    more = f"; {column}.1 is the first" if isinstance(value, list) and value else ""
    raise UserError(f"{path}: {column!r} in {place} is no text: {_kind(value)}{more}.")


def _kind(value: Any) -> str:
    """A value of JSON in words, with the keys that lead further."""
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(value) or '(none)'}"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    return f"{json.dumps(value, ensure_ascii=False)[:40]}"

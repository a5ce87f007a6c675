"""Pairs from files: two parallel texts, or two columns of a table; plain or gzipped UTF-8."""

import csv
import gzip
import io
import os
import zlib
from pathlib import Path

from ..errors import UserError
from .pairs import Pairs, without_empty_sides

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}


def read_text(path: str | os.PathLike) -> str:
    """The text of a UTF-8 file, decompressed if its name ends in `.gz`.

    Args:
        path: the file.

    Raises:
        UserError: if it is missing, empty, broken or not UTF-8 (names the line).
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    if data and path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path} is not a whole gzip file: {error}.") from error
    if not data.strip():
        raise UserError(f"{path} is empty.")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path} is not valid UTF-8 in line {line}.") from error


def _lines(path: str | os.PathLike) -> list[str]:
    # Not `splitlines`: it also cuts at characters that a sentence may hold, such as U+2028.
    lines = read_text(path).split("\n")
    return lines if lines[-1] else lines[:-1]


def parallel_text(source_path: str | os.PathLike, target_path: str | os.PathLike) -> Pairs:
    """Pairs from two files in which line `n` of one translates line `n` of the other.

    White space around a line is removed. Pairs with an empty side are left out and counted in
    `Pairs.dropped`.

    Args:
        source_path: UTF-8 text, plain or `.gz`.
        target_path: UTF-8 text, plain or `.gz`, of as many lines.

    Raises:
        UserError: if a file is missing, empty or not UTF-8, or the line counts differ.
    """
    sources, targets = _lines(source_path), _lines(target_path)
    if len(sources) != len(targets):
        raise UserError(
            f"{source_path} has {len(sources)} lines but {target_path} has {len(targets)}: "
            "parallel files need as many lines."
        )
    return without_empty_sides(sources, targets, None, f"{source_path} with {target_path}")


def table(
    path: str | os.PathLike,
    source_column: str | int,
    target_column: str | int,
    group_column: str | int | None = None,
    header: bool | None = None,
    quoted: bool | None = None,
) -> Pairs:
    """Pairs from two columns of a table: `.csv` (comma) or `.tsv`, `.tab`, `.txt` (tab).

    The file may be compressed (`.csv.gz` and so on). Pairs with an empty side, and blank rows, are
    left out and counted in `Pairs.dropped`.

    Args:
        path: the UTF-8 file.
        source_column: a name of the header row, or a number counted from 1 as in `cut -f 1` (an
            integer, or digits that are no name of the header).
        target_column: likewise.
        group_column: a column with a label to score pairs apart, likewise, or None.
        header: whether the first row holds names; by default it does if a column is given by name.
        quoted: whether a field may stand in double quotes, and then hold newlines; by default in
            comma files only, because a sentence in a tab file may begin with a quotation mark.

    Raises:
        UserError: if the file is missing, empty, not UTF-8 or not such a table, or a column is not
            there (lists those that are).
    """
    columns = [source_column, target_column]
    columns += [] if group_column is None else [group_column]
    if header is None:
        header = any(isinstance(column, str) and not column.isdecimal() for column in columns)
    rows = _rows(path, quoted)
    names = rows.pop(0)[1] if header else None
    width = len(names) if names is not None else max(len(row) for _, row in rows)
    places = [_place(column, names, width, path) for column in columns]
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
    sources, targets, groups = (*texts, None)[:3]
    return without_empty_sides(sources, targets, groups, str(path))


def _rows(path: str | os.PathLike, quoted: bool | None) -> list[tuple[int, list[str]]]:
    """Each row with the number of its last line."""
    suffixes = [suffix for suffix in Path(path).suffixes if suffix != ".gz"]
    delimiter = _DELIMITERS.get(suffixes[-1] if suffixes else "")
    if delimiter is None:
        raise UserError(f"{path} should end in {', '.join(_DELIMITERS)} or that with .gz.")
    quoted = delimiter == "," if quoted is None else quoted
    reader = csv.reader(
        io.StringIO(read_text(path), newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
    )
    try:
        return [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise UserError(f"{path} is no table at line {reader.line_num}: {error}.") from error


def _place(column: str | int, names: list[str] | None, width: int, path: str | os.PathLike) -> int:
    """Where a column stands in a row, counted from zero."""
    if names is not None and column in names:
        return names.index(column)
    if str(column).isdecimal() and 1 <= int(column) <= width:
        return int(column) - 1
    there = f"columns 1 to {width}" + (f", named {', '.join(names)}" if names else "")
    raise UserError(f"{path} has no column {column!r}: it has {there}.")

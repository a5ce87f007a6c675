"""Pairs from files: two parallel texts, or two columns of a table or of JSON lines."""

import os
from pathlib import Path

from keras_attention.errors import UserError
from keras_attention.user_files import expand_home, read_lines, read_text

from .json_columns import holds_json, json_columns
from .pairs import Pairs, without_empty_sides
from .table_columns import table_columns


def parallel_text(
    source_path: str | os.PathLike,
    target_path: str | os.PathLike,
    encoding: str = "auto",
    report=print,
) -> Pairs:
    """Pairs from two files in which line `n` of one translates line `n` of the other.

    White space around a line is removed. Pairs with an empty side are left out and counted in
    `Pairs.dropped`.

    Args:
        source_path: text file, plain or compressed (gzip, xz, bzip2, Zstandard).
        target_path: likewise, of as many lines.
        encoding: name of their encoding; `"auto"` is UTF-8, or what a byte-order mark says.
        report: function that tells the user one line, of damage that was repaired.

    Raises:
        UserError: if a file is missing, empty or of another encoding, or the line counts differ.
    """
    sources, targets = (read_lines(path, report, encoding) for path in (source_path, target_path))
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
    delimiter: str = "auto",
    encoding: str = "auto",
    report=print,
) -> Pairs:
    """Pairs from two columns of a table, or from two fields of JSON lines.

    The file may be compressed (gzip, xz, bzip2, Zstandard). Pairs with an empty side, and blank
    rows, are left out and counted in `Pairs.dropped`.

    Args:
        path: the file. One that ends in `.json`, `.jsonl` or `.ndjson`, or that begins with a JSON
            object, holds an object a line, or one list of them; another one is a table.
        source_column: a name of the header row, or a number counted from 1 as in `cut -f 1` (an
            integer, or digits that are no name of the header); of JSON the key, with dots into
            objects and lists within: `"translation.de"`.
        target_column: likewise.
        group_column: a column with a label to score pairs apart, likewise, or None.
        header: whether the first row of a table holds names; by default it does if a column is
            given by name, or if it looks like one.
        quoted: whether a field may stand in double quotes, and then hold newlines; by default in
            all but tab files, because a sentence there may begin with a quotation mark.
        delimiter: `"tab"`, `"comma"`, `"semicolon"`, `"pipe"` or one character; `"auto"` for the
            one of the four that divides the rows alike, `"suffix"` for a comma in `.csv` and a tab
            in `.tsv`, `.tab` and `.txt`.
        encoding: as for `parallel_text`.
        report: function that tells the user one line: how the table was read, and of damage that
            was repaired.

    Raises:
        UserError: if the file is missing, empty, of another encoding or no such table, or a column
            is not there (lists those that are).
    """
    columns = [source_column, target_column]
    columns += [] if group_column is None else [group_column]
    texts, _ = read_columns(path, columns, header, quoted, delimiter, encoding, report)
    sources, targets, groups = (*texts, None)[:3]
    return without_empty_sides(sources, targets, groups, str(path))


def read_columns(
    path: str | os.PathLike,
    columns: list[str | int],
    header: bool | None = None,
    quoted: bool | None = None,
    delimiter: str = "auto",
    encoding: str = "auto",
    report=print,
    separators: list[str] | None = None,
) -> tuple[list[list[str]], list[str]]:
    """The texts of each column of a table or of JSON lines, and the place of each row.

    Args:
        path: the file.
        columns: names or numbers of columns, as `source_column` of `table`.
        header, quoted, delimiter, encoding, report: as for `table`.
        separators: for each column what joins the texts of a list in JSON; with an empty one lists
            are no texts. Without separators, true and false are no texts either.

    Returns:
        A list of as many texts for each column; and as many places for errors, such as `"line 3"`,
        where the row of a table ends, or `"item 3"` of a JSON list.

    Raises:
        UserError: as `table`.
    """
    path = expand_home(path)
    text = read_text(path, report, encoding)
    suffix = suffix_of(path)
    if holds_json(text, suffix):
        return json_columns(text, path, columns, report, separators)
    return table_columns(text, path, suffix, columns, header, quoted, delimiter, report)


def suffix_of(path: Path) -> str:
    """The last suffix of a file that is none of compression, in lower case; `""` for none."""
    compressed = {".gz", ".xz", ".lzma", ".bz2", ".zst"}
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return next((suffix for suffix in reversed(suffixes) if suffix not in compressed), "")

"""Labelled texts from files: tables, CoNLL files and folders of slots."""

import os

from keras_attention.errors import UserError
from keras_attention.user_files import expand_home, read_lines

from .labelled import LabelledTexts, without_empty_texts, words_of
from .text_files import read_columns


def labelled_table(
    path: str | os.PathLike,
    source_column: str | int = "text",
    target_column: str | int | None = "label",
    tags_column: str | int | None = None,
    group_column: str | int | None = None,
    header: bool | None = None,
    quoted: bool | None = None,
    delimiter: str = "auto",
    encoding: str = "auto",
    report=print,
    several: bool = False,
) -> LabelledTexts:
    """Texts with labels, tags or both from columns of a table or from fields of JSON lines.

    Texts that are empty or have no label, and blank rows, are left out and counted in `dropped`.

    Args:
        path: the file, read as `training.table` reads it.
        source_column: name or number of the column of texts.
        target_column: likewise, of labels; None for none.
        tags_column: likewise, of tags, one for each word of the text, with spaces between them;
            in JSON a list too, as may be the text. None for none.
        group_column: likewise, of names to score texts apart, or None.
        header, quoted, delimiter, encoding, report: as for `training.table`.
        several: whether a text has any number of labels, with commas between them, or in JSON in a
            list. A text without a label is then not left out.

    Returns:
        `LabelledTexts`.

    Raises:
        UserError: as `training.table`; or a row has not as many tags as words.
    """
    columns = {
        "texts": source_column,
        "labels": target_column,
        "tags": tags_column,
        "groups": group_column,
    }
    columns = {name: column for name, column in columns.items() if column not in (None, "")}
    if not {"labels", "tags"} & set(columns):
        raise UserError("A table of labelled texts needs a column of labels or one of tags.")
    reading = (header, quoted, delimiter, encoding, report)
    of_labels = ", " if several else ""
    separators = [of_labels if name in ("labels", "groups") else " " for name in columns]
    texts, places = read_columns(path, list(columns.values()), *reading, separators=separators)
    cells = dict(zip(columns, texts, strict=True))
    tags = cells.get("tags") and [words_of(row) for row in cells["tags"]]
    if tags:
        for place, text, row in zip(places, cells["texts"], tags, strict=True):
            _check_tags(words_of(text), row, f"{path}, {place}")
    return without_empty_texts(
        cells["texts"], cells.get("labels"), tags, cells.get("groups"), str(path), several
    )


def conll(
    path: str | os.PathLike,
    word_column: int = 1,
    tag_column: int = 0,
    encoding: str = "auto",
    report=print,
) -> LabelledTexts:
    """Texts with tags from a CoNLL file: a word with its tag a line, a blank line after a sentence.

    Columns are divided by tabs, or in a file without tabs by spaces. Lines of `-DOCSTART-` and, in
    a file with tabs, comments (`# ...`) are skipped.

    Args:
        path: text file, plain or compressed.
        word_column: number of the column of words, counted from 1.
        tag_column: number of the column of tags; 0 for the last one.
        encoding: name of its encoding; `"auto"` is UTF-8, or what a byte-order mark says.
        report: function that tells the user one line, of damage that was repaired.

    Returns:
        `LabelledTexts` without labels.

    Raises:
        UserError: the file is missing, empty or of another encoding, or a line lacks a column
            (names the line).
    """
    lines = read_lines(path, report, encoding)
    has_tabs = any("\t" in line for line in lines)
    sentences: list[list[tuple[str, str]]] = [[]]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            sentences.append([])
        elif not line.startswith("-DOCSTART-") and not (
            has_tabs and line.startswith("# ") and "\t" not in line
        ):
            cells = line.split("\t") if has_tabs else words_of(line)
            sentences[-1].append(_word_and_tag(cells, word_column, tag_column, path, number))
    sentences = [sentence for sentence in sentences if sentence]
    if not sentences:
        raise UserError(f"{path} holds no sentence.")
    return LabelledTexts(
        [" ".join(word for word, _ in sentence) for sentence in sentences],
        tags=[[tag for _, tag in sentence] for sentence in sentences],
    )


def slot_folder(folder: str | os.PathLike, encoding: str = "auto", report=print) -> LabelledTexts:
    """Texts with tags and labels from a folder in the form of SNIPS and ATIS.

    Args:
        folder: holds `seq.in`, a sentence a line; `seq.out`, as many lines of as many tags; and, if
            there are labels, `label`, as many lines.
        encoding: name of their encoding; `"auto"` is UTF-8, or what a byte-order mark says.
        report: function that tells the user one line, of damage that was repaired.

    Returns:
        `LabelledTexts`; lines without words or label are left out and counted in `dropped`.

    Raises:
        UserError: a file is missing, empty or of another encoding, the files have not as many
            lines, or a line not as many tags as words (names the line).
    """
    folder = expand_home(folder)
    names = ["seq.in", "seq.out"] + ["label"] * (folder / "label").exists()
    columns = [read_lines(folder / name, report, encoding) for name in names]
    numbers = ", ".join(
        f"{name} {len(lines):,}" for name, lines in zip(names, columns, strict=True)
    )
    if len({len(lines) for lines in columns}) > 1:
        raise UserError(f"The files of {folder} need as many lines as each other: {numbers}.")
    texts, tag_rows, labels = (*columns, None)[:3]
    tags = [words_of(row) for row in tag_rows]
    for number, (text, row) in enumerate(zip(texts, tags, strict=True), start=1):
        _check_tags(words_of(text), row, f"{folder / 'seq.out'}, line {number:,}")
    return without_empty_texts(texts, labels, tags, None, str(folder))


def _check_tags(words: list[str], tags: list[str], where: str):
    if len(words) != len(tags):
        raise UserError(
            f"{where}: expected a tag for each word, but there are {len(words)} words and "
            f"{len(tags)} tags ({' '.join(words)[:60]!r})."
        )
    if not all(map(str.strip, words)):
        raise UserError(f"{where}: a word with a tag is nothing but white space ({words}).")


def _word_and_tag(cells, word_column, tag_column, path, number) -> tuple[str, str]:
    least = max(word_column, tag_column, 2)
    if len(cells) < least:
        raise UserError(
            f"{path} has {len(cells)} columns in line {number:,}, but column {least} is asked for."
        )
    word, tag = (cells[place - 1].strip(" \r") for place in (word_column, tag_column))
    if not word.strip() or not tag or " " in word + tag:
        raise UserError(
            f"{path}: expected a word and a tag without spaces in line {number:,}. "
            f"Received: word={word!r}, tag={tag!r}"
        )
    return word, tag

"""Texts with tags from JSON in which the parts of a text are named by their characters."""

import os
import re
from typing import Any, Literal

from keras_attention.errors import UserError
from keras_attention.user_files import expand_home, read_text

from .json_columns import json_rows, text_at, value_at
from .labelled import LabelledTexts, without_empty_texts

# What stands before and after a word: anything but letters, digits and the underscore.
_SIGNS = re.compile(r"^([^\w\s]*)(.*?)([^\w\s]*)$", re.DOTALL)

Word = tuple[int, int]  # First character, and the one behind the last.


def character_spans(
    path: str | os.PathLike,
    text_key: str = "text",
    spans_key: str = "spans",
    kind_key: str = "label",
    begin_key: str = "start",
    end_key: str = "end",
    context_key: str = "",
    words: Literal["spaces", "signs"] = "spaces",
    encoding: str = "auto",
    report=print,
) -> LabelledTexts:
    """Texts with BIO tags from JSON that says of each span its kind, its begin and its end.

    `{"text": "to Rome", "spans": [{"start": 3, "end": 7, "label": "city"}]}` has the tags
    `O B-city`. The begin is the span's first character, counted from 0, and the end the one behind
    its last. A begin that is absent is 0, as JSON of protocol buffers leaves out zeros.

    A word is tagged if any of its characters stands in a span, so that a span that begins or ends
    inside of a word grows to the whole word: this is counted and reported, and so are spans that
    are left out because an earlier one has their words.

    Args:
        path: JSON lines, or one list of objects, plain or compressed.
        text_key: key of the text; a dot leads into an object or a list within.
        spans_key: key of the list of spans; an object without it has no span.
        kind_key, begin_key, end_key: keys of a span. Of spans that are lists, such as
            `[3, 7, "city"]`, places counted from 1: `"3"`, `"1"`, `"2"`.
        context_key: key of a text, or of a list of texts, that is read before the text and has no
            tags, such as what was asked for; empty for none.
        words: `"spaces"`: words are divided by white space. `"signs"`: the signs at both ends of a
            word are words too, with a space between, so that "Rome?" becomes "Rome ?"; texts to
            predict have to be written the same way.
        encoding: name of its encoding; `"auto"` is UTF-8, or what a byte-order mark says.
        report: function that tells the user one line.

    Returns:
        `LabelledTexts` without labels.

    Raises:
        UserError: the file is missing, empty, no JSON, or a span is none of its text (names the
            line).
    """
    path = expand_home(path)
    keys = kind_key, begin_key, end_key
    rows = json_rows(read_text(path, report, encoding), path)
    texts, tag_rows, grown, left_out, without_begin, number = [], [], 0, 0, 0, 0
    for place, row in rows:
        text = text_at(row, text_key, place, path)
        spans, absent = _spans(row, spans_key, keys, text, place, path)
        found = _words(text, words)
        tags, longer, covered = _tags(found, spans)
        context = _context(row, context_key, place, path)
        texts.append(" ".join([*context, *(text[begin:end] for begin, end in found)]))
        tag_rows.append(["O"] * len(context) + tags)
        grown, left_out, without_begin = grown + longer, left_out + covered, without_begin + absent
        number += len(spans)
    if not number:
        raise UserError(f"{path} has no span: no object has {spans_key!r} with a span in it.")
    if without_begin == number > 1:
        raise UserError(f"{path}: no span has {begin_key!r}, its first character.")
    _report(path, number, grown, left_out, words, report)
    return without_empty_texts(texts, None, tag_rows, None, str(path))


def _report(path, number, grown, left_out, words, report):
    told = []
    if grown:
        told.append(f"{grown:,} begin or end inside of a word, and grow to it")
    if left_out:
        told.append(f"{left_out:,} are left out: an earlier one has their words")
    advice = " With --span-words signs fewer grow." if grown and words == "spaces" else ""
    if told:
        report(f"{path}: of {number:,} spans {', and '.join(told)}.{advice}")


def _spans(row, spans_key, keys, text, place, path) -> tuple[list[tuple[int, int, str]], int]:
    """The spans of a text in its order, and how many do not say where they begin."""
    listed = _optional(row, spans_key, place, path) or []  # Many programs leave an empty list out.
    if not isinstance(listed, list):
        raise UserError(f"{path}: expected a list of spans in {spans_key!r} in {place}.")
    spans, absent = [], 0
    kind_key, begin_key, end_key = keys
    for span in listed:
        kind = text_at(span, kind_key, place, path).strip()
        end = value_at(span, end_key, place, path)
        begin = _optional(span, begin_key, place, path)
        if begin is None:
            begin, absent = 0, absent + 1
        if not _is_in(begin, end, text) or not kind or kind.split() != [kind]:
            raise UserError(
                f"{path}: expected a kind without spaces, and a begin and an end in a text of "
                f"{len(text)} characters, in {place}. Received: kind={kind!r}, begin={begin!r}, "
                f"end={end!r}"
            )
        spans.append((begin, end, kind))
    return sorted(spans), absent


def _is_in(begin: Any, end: Any, text: str) -> bool:
    are_places = all(isinstance(n, int) and not isinstance(n, bool) for n in (begin, end))
    return are_places and 0 <= begin < end <= len(text)


def _words(text: str, words: str) -> list[Word]:
    found = []
    for match in re.finditer("[^ \t\r\n]+", text):
        parts = _SIGNS.match(match[0]).groups() if words == "signs" else (match[0],)
        begin = match.start()
        for place, part in enumerate(parts):
            singly = place != 1 and words == "signs"  # Each sign is a word.
            for piece in part if singly else [part] if part else []:
                if piece.strip():  # A lone no-break space is no word.
                    found.append((begin, begin + len(piece)))
                begin += len(piece)
    return found


def _tags(words: list[Word], spans) -> tuple[list[str], int, int]:
    """BIO tags of words; how many spans grew to whole words, and how many have no word left."""
    tags, grown, left_out = ["O"] * len(words), 0, 0
    for begin, end, kind in spans:
        places = [n for n, (first, last) in enumerate(words) if first < end and last > begin]
        if not places or any(tags[n] != "O" for n in places):
            left_out += 1
            continue
        grown += words[places[0]][0] < begin or words[places[-1]][1] > end
        for n in places:
            tags[n] = f"{'B' if n == places[0] else 'I'}-{kind}"
    return tags, grown, left_out


def _context(row, context_key, place, path) -> list[str]:
    if not context_key or _optional(row, context_key, place, path) is None:
        return []
    return text_at(row, context_key, place, path, separator=" ").split()


def _optional(row: Any, key: str, place: str, path) -> Any:
    try:
        return value_at(row, key, place, path)
    except UserError:  # There is no such key.
        return None

"""Spans by character to tags of words."""

import json
import os
from pathlib import Path

import pytest

from keras_attention.errors import UserError
from keras_attention.training.data.character_spans import character_spans

REAL = Path(__file__).parents[3] / "shared/data/restaurant8k"


@pytest.fixture
def read(tmp_path):
    """Writes rows as JSON lines and reads them; returns the examples and what was reported."""

    def write_and_read(*rows, **options):
        path, lines = tmp_path / "a.jsonl", []
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return character_spans(path, report=lines.append, **options), lines

    return write_and_read


def row(text, *spans):
    names = ("start", "end", "label")
    return {"text": text, "spans": [dict(zip(names, span, strict=True)) for span in spans]}


def test_spans_become_tags(read):
    examples, lines = read(
        row("fly  to New\u00a0York City now", (5 + 3, 21, "city"), (22, 25, "time")),
        row("no span"),
        {"text": "none either"},
    )
    assert examples.texts[0] == "fly to New\u00a0York City now"
    assert examples.tag_rows == ["O O B-city I-city B-time", "O O", "O O"]
    assert lines == [] and examples.labels is None


def test_words_that_a_span_does_not_fill(read):
    text = "to Rome, 7pm/noon?"
    spans = ((3, 7, "city"), (9, 12, "time"), (13, 17, "time"))
    examples, (line,) = read(row(text, *spans))
    assert examples.tag_rows == ["O B-city B-time"]
    assert "of 3 spans 2 begin or end inside of a word" in line and "1 are left out" in line
    examples, (line,) = read(row(text, *spans), words="signs")
    assert examples.texts == ["to Rome , 7pm/noon ?"]
    assert examples.tag_rows == ["O B-city O B-time O"]
    assert "of 3 spans 1 begin or end inside of a word" in line


def test_other_keys_lists_and_what_was_asked_for(read):
    rows = [
        {"user": {"text": "Ann"}, "spans": [{"slot": "name", "at": {"end": 3}}], "ask": ["name"]},
        {"user": {"text": "at 7"}, "spans": [{"slot": "time", "at": {"begin": 3, "end": 4}}]},
    ]
    keys = {"text_key": "user.text", "kind_key": "slot", "end_key": "at.end"}
    examples, _ = read(*rows, **keys, begin_key="at.begin", context_key="ask")
    assert examples.texts == ["name Ann", "at 7"]
    assert examples.tag_rows == ["O B-name", "O B-time"]
    with pytest.raises(UserError, match="no span has 'at.start', its first character"):
        read(*rows, **keys, begin_key="at.start")
    lists = {"begin_key": "1", "end_key": "2", "kind_key": "3"}
    examples, _ = read({"text": "at 7", "spans": [[3, 4, "time"]]}, **lists)
    assert examples.tag_rows == ["O B-time"]


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ((3, 9, "city"), "line 2. Received: kind='city', begin=3, end=9"),
        ((3, 3, "city"), "text of 7 characters, in line 2"),
        ((3, "7", "city"), "end='7'"),
        ((3, 7, "the city"), "kind='the city'"),
    ],
)
def test_spans_that_are_none(read, span, said):
    with pytest.raises(UserError, match=said):
        read(row("at Rome", (3, 7, "city")), row("to Rome", span))


def test_a_file_without_spans(read):
    with pytest.raises(UserError, match="has no span: no object has 'spans'"):
        read({"text": "a", "entities": []})


@pytest.mark.skipif(not REAL.exists(), reason="there is no ../shared/data/restaurant8k")
def test_restaurants():
    keys = {
        "text_key": "userInput.text",
        "spans_key": "labels",
        "kind_key": "slot",
        "begin_key": "valueSpan.startIndex",
        "end_key": "valueSpan.endIndex",
        "context_key": "context.requestedSlots",
    }
    lines = []
    for words, most in (("spaces", 1000), ("signs", 60)):
        path = os.fspath(REAL / "test.json")
        examples = character_spans(path, **keys, words=words, report=lines.append)
        assert len(examples) == 3731
        begun = sum(tag.startswith("B-") for tags in examples.tags for tag in tags)
        assert 3477 - 60 < begun <= 3477
        grown = int(lines[-1].split(" spans ")[1].split(" ")[0].replace(",", ""))
        assert grown < most

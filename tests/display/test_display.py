"""Labelled texts in a terminal, as a web page and as JSON: marked where the evidence lies."""

import dataclasses
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from labellings import Labelling, Span, person, refund
from rich.console import Console

from keras_attention.display import (
    evidence_page,
    labelling_record,
    labelling_text,
    print_labelling,
)
from keras_attention.display.page import COLORS
from keras_attention.evidence_words import word_weights, words_of


def test_words_and_their_weights():
    words = word_weights("ab  c", [(0, 1), (1, 2), (4, 5), (5, 5)], [0.5, 0.125, 0.25, 0.125])
    assert words == [(0, 2, "ab", 0.625), (4, 5, "c", 0.25)]
    # A piece over two words divides its weight by its characters in them, 1 and 3.
    assert [w.weight for w in word_weights("a bcd", [(0, 5)], [1.0])] == [0.25, 0.75]
    assert word_weights("", [(0, 0)], [1.0]) == []
    assert words_of("東京 Tower กำ") == [(0, 1), (1, 2), (3, 8), (9, 10), (10, 11)]
    with pytest.raises(ValueError, match="one weight for each token"):
        word_weights("a", [(0, 1)], [])


def test_a_terminal_without_colors_shades_the_evidence_below_the_text():
    assert labelling_text(refund(), color=False).plain.splitlines() == [
        "complaint  0.75  (question 0.19, praise 0.06)",
        "No refund yet!",
        "▒▒ ██████ ░░░░",
    ]


def test_several_labels_or_none():
    assert "labels" not in labelling_record(refund())
    both = dataclasses.replace(
        refund(), text="praise, complaint", ids=np.array([True, True, False])
    )
    heading = labelling_text(both, source=False).plain
    assert heading == "praise, complaint  0.75  (question 0.19)"
    none = dataclasses.replace(refund(), text="", ids=np.zeros(3, bool))
    assert labelling_text(none, source=False).plain.startswith("(no label)  0.75  (complaint 0.75,")
    assert "<bdi>(no label)</bdi>" in evidence_page([none])


def test_spans_are_named_below_the_text():
    assert labelling_text(person(), color=False).plain.splitlines() == [
        "Call Ada Lovelace in London",
        "     ^~~~~~~~~~~~ person",
        "                     ^~~~~~ city",
    ]
    wrapped = labelling_text(person(), color=False, max_width=12).plain.splitlines()
    assert wrapped == [
        *("Call Ada", "     ^~~ person"),
        *("Lovelace in", "~~~~~~~~ person"),
        *("London", "^~~~~~ city"),
    ]


def test_odd_texts_stay_in_their_columns():
    text = "東京 \x1b[31m\n e\u0301t \u05d0"
    labelling = Labelling(
        input=text,
        text="a\nb",
        score=1.0,
        probabilities={"a\nb": 1.0},
        offsets=[(1, 2), (9, 13)],
        evidence=[0.5, 0.5],
        spans=[Span("x", "t", 12, 13), Span("all", text, 0, len(text)), Span("none", "", 3, 3)],
    )
    assert labelling_text(labelling, color=False).plain.splitlines() == [
        "a b  1.00",
        "東京 U+001B[31m e\u0301t \u200e\u05d0\u200e",
        "  ██            ██",
        "^" + 19 * "~" + " all",
        "                 ^ x",
    ]
    empty = Labelling(input="", text="a", score=1.0, probabilities={"a": 1.0}, evidence=[])
    assert labelling_text(empty, color=False).plain == "a  1.00"


def test_a_console_with_colors_marks_the_words_themselves():
    stream = io.StringIO()
    print_labelling(refund(), Console(file=stream, force_terminal=True, color_system="standard"))
    heading, text = stream.getvalue().splitlines()
    styles = [re.search(rf"\x1b\[([0-9;]+)m{word}", text)[1] for word in ("No", "refund", "yet!")]
    assert styles == ["1;33", "1;7;33", "33"]  # bold yellow, bold reverse yellow, yellow
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == "No refund yet!"
    stream = io.StringIO()
    print_labelling(refund(), Console(file=stream), source=False)
    assert stream.getvalue() == "complaint  0.75  (question 0.19, praise 0.06)\n"


class Page(HTMLParser):
    """What a page holds: its marks, its text, the elements that are open, attributes that load."""

    def __init__(self, page):
        super().__init__()
        self.open, self.marks, self.sources, self.loads = [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.loads += [name for name in attributes if name in ("src", "href", "data", "action")]
        if tag != "meta":
            self.open.append((tag, attributes))
        if attributes.get("class") == "source":
            self.sources.append("")

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        inside = any(attributes.get("class") == "source" for _, attributes in self.open)
        if inside and self.open[-1][0] != "small":  # The name of a span is no part of the text.
            self.sources[-1] += data
        tag, attributes = self.open[-1] if self.open else ("", {})
        if tag == "mark":
            percent = re.search(r"(\d+)%", attributes["style"])[1]
            self.marks.append((data, int(percent), attributes["title"]))


def test_a_page_marks_words_by_their_weight_and_loads_nothing():
    page = Page(evidence_page([refund(), person()]))
    assert page.open == []
    assert "Point at a word" in evidence_page([refund()])
    assert "Point at a word" not in evidence_page([person()])
    assert page.loads == []
    assert page.sources == ["No refund yet!", "Call Ada Lovelace in London"]
    assert page.marks == [
        ("No", 50, "weight 0.250"),
        ("refund", 100, "weight 0.500"),
        ("yet!", 25, "weight 0.125"),
    ]


def test_a_page_escapes_what_it_shows():
    hostile = '<script>alert("&")</script>\x1b'
    labelling = dataclasses.replace(
        refund(),
        input=hostile,
        text=hostile,
        probabilities={hostile: 0.75, "b": 0.25},
        offsets=[(0, 9), (20, 29)],
        evidence=np.array([0.5, 0.5]),
        spans=[Span("<b>", hostile, 3, 12), Span("<i>", hostile[5:20], 5, 20)],
    )
    page = evidence_page([labelling], title=hostile)
    assert "<script" not in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert "\x1b" not in page
    assert Page(page).sources == [hostile.replace("\x1b", "\ufffd")]


def luminance(color):
    """Relative luminance of a color (WCAG 2.2)."""
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in color]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def contrast(first, second):
    light, dark = sorted([luminance(first), luminance(second)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", COLORS)
def test_text_can_be_read_on_every_mark(mode):
    rgb = {
        name: np.array([int(value[place : place + 2], 16) / 255 for place in (1, 3, 5)])
        for name, value in COLORS[mode].items()
    }
    assert contrast(rgb["faint"], rgb["page"]) >= 4.5
    for strength in np.linspace(0, 1, 21):
        background = strength * rgb["mark"] + (1 - strength) * rgb["page"]
        assert contrast(rgb["ink"], background) >= 4.5
    assert contrast(rgb["mark"], rgb["page"]) > 1.5


def test_a_record_holds_places_in_the_text_for_programs():
    record = json.loads(json.dumps(labelling_record(refund())))
    assert record == {
        "source": "No refund yet!",
        "label": "complaint",
        "score": 0.75,
        "probabilities": {"praise": 0.0625, "complaint": 0.75, "question": 0.1875},
        "evidence": [
            {"begin": 0, "end": 2, "text": "No", "weight": 0.25},
            {"begin": 3, "end": 9, "text": "refund", "weight": 0.5},
            {"begin": 10, "end": 14, "text": "yet!", "weight": 0.125},
        ],
    }
    record = json.loads(json.dumps(labelling_record(person())))
    assert record == {
        "source": "Call Ada Lovelace in London",
        "score": person().score,
        "tags": ["O", "B-person", "I-person", "O", "B-city"],
        "spans": [
            {"kind": "person", "text": "Ada Lovelace", "begin": 5, "end": 17, "score": 0.5},
            {"kind": "city", "text": "London", "begin": 21, "end": 27, "score": 0.25},
        ],
    }

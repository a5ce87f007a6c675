"""Labelled texts from tables, JSON lines, CoNLL files and folders of slots."""

import json

import pytest

from keras_attention.errors import UserError
from keras_attention.training.data.labelled import LabelledTexts
from keras_attention.training.data.labelled_files import conll, labelled_table, slot_folder


@pytest.fixture
def write(tmp_path):
    def write_file(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write_file


def quiet(line):
    """No report is of interest."""


# Examples -----


def test_examples_keep_their_columns_together():
    examples = LabelledTexts(["a b", "c"], ["x", "y"], [["O", "B-k"], ["O"]], ["g", "h"], dropped=2)
    chosen = examples.select([1, 0, 1])
    assert chosen.texts == chosen.sources == ["c", "a b", "c"]
    assert chosen.columns() == [["c", "a b", "c"], ["y", "x", "y"], ["O", "O B-k", "O"]]
    assert (chosen.groups, chosen.dropped, len(chosen)) == (["h", "g", "h"], 2, 3)
    assert examples.row(0) == {"text": "a b", "label": "x", "tags": ["O", "B-k"]}
    tagged = LabelledTexts(["a"], tags=[["O"]])
    assert tagged.columns() == [["a"], ["O"]]
    assert tagged.row(0) == {"text": "a", "tags": ["O"]}


@pytest.mark.parametrize(
    "columns",
    [
        {"texts": ["a"], "labels": ["x", "y"]},
        {"texts": ["a b"], "tags": [["O"]]},
        {"texts": ["a  b"], "tags": [["O", "O", "O"]]},  # An empty word.
        {"texts": ["a \u00a0"], "tags": [["O", "O"]]},  # A word that tokenizers do not see.
    ],
)
def test_columns_that_do_not_fit(columns):
    with pytest.raises(ValueError, match="Expected .*Received: "):
        LabelledTexts(**columns)


# Tables -----


def test_table_with_quoted_newlines(write):
    path = write(
        "a.csv", '\ufefftext;category\r\n"one\r\ntwo; three";x \r\n;y\r\nfour;\r\nfive;y\r\n'
    )
    lines = []
    examples = labelled_table(path, "text", "category", report=lines.append)
    assert examples == LabelledTexts(["one\ntwo; three", "five"], ["x", "y"], dropped=2)
    assert "split at the semicolon; the first row is the header: 'text', 'category'" in lines[0]


def test_table_divided_by_any_character(write):
    path = write("a.txt", "Sales rose , by 5 % .@positive\nIt is @ home.@neutral\n")
    with pytest.raises(UserError, match="character"):
        labelled_table(path, 1, 2, delimiter="@@", report=quiet)
    path = write("a.txt", 'Sales rose , by "5 %" .@positive\nNo change@neutral\n')
    examples = labelled_table(path, 1, 2, delimiter="@", report=quiet)
    assert examples.texts == ['Sales rose , by "5 %" .', "No change"]
    assert examples.labels == ["positive", "neutral"]


def test_table_with_tags(write):
    path = write("a.tsv", "text\ttags\tlabel\nto  Rome\u00a0II now\tO B-city O\tgo\n")
    examples = labelled_table(path, tags_column="tags", report=quiet)
    assert examples == LabelledTexts(["to Rome\u00a0II now"], ["go"], [["O", "B-city", "O"]])
    without = labelled_table(path, target_column=None, tags_column="tags", report=quiet)
    assert without.labels is None and without.tags == examples.tags
    path = write("b.tsv", "text\ttags\na b\tO O\nc d\tO\n")
    with pytest.raises(UserError, match=r"b.tsv, line 3: .* 2 words and 1 tags \('c d'\)"):
        labelled_table(path, target_column="", tags_column="tags", report=quiet)
    path = write("c.tsv", "text\ttags\na \u3000\tO O\n")
    with pytest.raises(UserError, match="c.tsv, line 2: a word .* nothing but white space"):
        labelled_table(path, target_column="", tags_column="tags", report=quiet)
    with pytest.raises(UserError, match="column of labels or one of tags"):
        labelled_table(path, target_column=None, report=quiet)


def test_json_lines_with_lists_and_truth(write):
    rows = [
        {"tokens": ["to", "Rome"], "tags": ["O", "B-city"], "urgent": True, "stars": 4},
        {"tokens": ["no"], "tags": ["O"], "urgent": False, "stars": 1},
    ]
    path = write("a.jsonl", "\n".join(map(json.dumps, rows)))
    examples = labelled_table(path, "tokens", "urgent", "tags", "stars", report=quiet)
    assert examples == LabelledTexts(
        ["to Rome", "no"], ["true", "false"], [["O", "B-city"], ["O"]], ["4", "1"]
    )


def test_texts_with_several_labels(write):
    rows = [{"text": "x", "label": ["a", "b"]}, {"text": "y", "label": []}, {"text": "z"}]
    rows[2]["label"] = None
    path = write("a.jsonl", "\n".join(map(json.dumps, rows)))
    examples = labelled_table(path, several=True, report=quiet)
    assert examples == LabelledTexts(["x", "y", "z"], ["a, b", "", ""])
    with pytest.raises(UserError, match="'label' in line 1 is no text: a list of 2"):
        labelled_table(path, report=quiet)
    path = write("b.csv", 'text,label\nx,"a,b"\ny,\n')
    assert labelled_table(path, several=True, report=quiet).labels == ["a,b", ""]
    assert labelled_table(path, report=quiet).dropped == 1


# CoNLL -----


def test_conll_with_tabs_and_with_spaces(write):
    path = write("n.txt", "New\u00a0York B-city\nx O\n")
    assert conll(path, report=quiet).texts == ["New\u00a0York x"]
    path = write("a.tsv", "# id 1\r\nThe\tO\r\n#\tO\r\nRome\tB-city\r\n\r\n\r\nNo\tO\r\n")
    expected = LabelledTexts(["The # Rome", "No"], tags=[["O", "O", "B-city"], ["O"]])
    assert conll(path, report=quiet) == expected
    path = write(
        "b.conll",
        "-DOCSTART- -X- O O\n\nThe DT I-NP O\n# X I-NP O\nRome NNP I-NP B-city\n\nNo DT O O",
    )
    assert conll(path, report=quiet) == expected
    assert conll(path, tag_column=2, report=quiet).tag_rows == ["DT X NNP", "DT"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The\tO\nRome\n", "1 columns in line 2, but column 2"),
        ("The\tO\n\tO\n", "line 2. Received: word=''"),
        ("The\tO\n\u00a0\tO\n", "line 2. Received: word='\\\\xa0'"),
        ("New York\tB-city\n", "without spaces in line 1. Received: word='New York'"),
        ("-DOCSTART- O\n\n", "holds no sentence"),
    ],
)
def test_damaged_conll(write, text, said):
    with pytest.raises(UserError, match=said):
        conll(write("a.tsv", text), report=quiet)


# Folders of slots -----


def test_slot_folder(write, tmp_path):
    write("t/seq.in", "play rome by x \n\nno\n")
    write("t/seq.out", "O B-song O B-artist \n\nO\n")
    examples = slot_folder(tmp_path / "t", report=quiet)
    assert examples.labels is None and examples.dropped == 1
    assert examples.tag_rows == ["O B-song O B-artist", "O"]
    write("t/label", "Play\nNone\nStop\n")
    assert slot_folder(tmp_path / "t", report=quiet).labels == ["Play", "Stop"]
    write("t/seq.out", "O B-song O B-artist\n\nO O\n")
    with pytest.raises(UserError, match=r"seq.out, line 3: .* 1 words and 2 tags"):
        slot_folder(tmp_path / "t", report=quiet)
    write("t/label", "Play\n")
    with pytest.raises(UserError, match=r"as many lines as each other: seq.in 3, .* label 1"):
        slot_folder(tmp_path / "t", report=quiet)

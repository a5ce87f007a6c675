"""Tables and JSON lines as programs write them: their delimiter, header and keys."""

import pytest

from keras_attention.errors import UserError
from keras_attention.training.data.datasets import Pairs, table
from keras_attention.training.data.header_words import looks_like_header


@pytest.fixture
def read(tmp_path):
    """Writes a table and reads two columns of it; returns them and what was reported."""

    def write_and_read(text, name="a.csv", columns=("1", "2"), **options):
        path, reported = tmp_path / name, []
        path.write_text(text, encoding="utf-8", newline="")
        pairs = table(path, *columns, report=reported.append, **options)
        return list(zip(pairs.sources, pairs.targets, strict=True)), reported

    return write_and_read


# The delimiter -----

ROWS = [
    ["Hello, world", "Hallo; du | ich"],
    ["one,\ntwo", 'eins "zwei"'],
    ["three", "drei, vier"],
    ["4", "vier;\r\nfünf"],
]


@pytest.mark.parametrize("delimiter", ["tab", "comma", "semicolon", "pipe"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a"])
def test_delimiter_is_recognised_with_quoted_newlines(read, delimiter, name):
    character = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}[delimiter]
    text = "".join(
        character.join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n" for row in ROWS
    )
    expected = [tuple(cell.replace("\r", "") for cell in row) for row in ROWS]
    pairs, (line,) = read(text, name, quoted=True)
    assert pairs == expected
    assert f"4 rows, split at the {delimiter}; the first row is a pair, not a header" in line
    assert read(text, name, quoted=True, delimiter=delimiter)[0] == expected


def test_sentences_with_commas_in_a_tab_file_and_the_other_way_round(read):
    rows = [(f"Nein{n % 3 * ', nein'}, danke", "No, thanks") for n in range(9)]
    for character in "\t;|":
        text = "".join(character.join(row) + "\n" for row in rows)
        assert read(text, "a.csv")[0] == read(text, "a")[0] == rows


def test_excel_with_semicolons(read):
    pairs, (line,) = read("source;target\r\nHello, world;Hallo, Welt\r\nBye;Tschüss, du\r\n")
    assert pairs == [("Hello, world", "Hallo, Welt"), ("Bye", "Tschüss, du")]
    assert "2 rows, split at the semicolon; the first row is the header: 'source', 'target'" in line


def test_the_line_of_excel_that_names_the_delimiter(read):
    for columns in (("1", "2"), ("source", "target")):
        pairs, (line,) = read("sep=;\r\nsource;target\r\na,b;c\r\n", columns=columns)
        assert pairs == [("a,b", "c")] and "split at the semicolon" in line
    with pytest.raises(UserError, match="has 1 columns in the row that ends in line 3"):
        read("sep=;\na;b\nc\n")


def test_blank_lines_above_the_header(read):
    assert read("\n\nen,de\none,eins\n", columns=("en", "de"))[0] == [("one", "eins")]


def test_what_the_suffix_says_decides_where_two_delimiters_fit(read):
    assert read("a,b\tc\nd,e\tf\n", "a.csv")[0] == [("a,b", "c"), ("d,e", "f")]
    text = "a,b;c\nd,e;f\n"
    assert read(text, "a.csv")[0] == [("a", "b;c"), ("d", "e;f")]
    assert read(text, "a.csv", delimiter="semicolon")[0] == [("a,b", "c"), ("d,e", "f")]
    text = "x,source;target\na,b;c\n"
    assert read(text, "a.csv", ("x,source", "target"))[0] == [("a,b", "c")]


def test_a_delimiter_asked_for(read):
    with pytest.raises(UserError, match="has no column '2': split at the pipe, it has columns 1 t"):
        read("a,b\n", delimiter="pipe")
    with pytest.raises(UserError, match="among auto, suffix, tab, .* Received: 'colon'"):
        read("a,b\n", delimiter="colon")
    with pytest.raises(UserError, match=r"should end in \.csv, \.tsv, .*, compressed or not"):
        read("a,b\n", "a.dat", delimiter="suffix")
    assert read("a;b,c\n", delimiter="suffix")[0] == [("a;b", "c")]


# The header -----

HEADERS = [
    ("source", "target"),
    ("source_text", "target_text"),
    ("sourceText", "targetText"),
    ("src", "tgt"),
    ("en", "pt"),
    ("English", "German"),
    ("Deutsch", "日本語"),
    ("en_US", "zh-Hans"),
    ("sentence1", "sentence2"),
    ("Question", "Answer"),
    ("word", "pronunciation"),
    (" text ", "category"),
]
PAIRS = [
    ("Hi.", "Hallo."),
    ("text", "Text"),  # A dictionary of English and German.
    ("source", "Quelle"),
    ("Is it so?", "It is so."),
    ("to be", "be to"),
    ("agonistico", "a ɡ o n i s t i k o"),
    ("", "target"),
    ("source", "source"),
    ("1", "2"),
]


@pytest.mark.parametrize("names", HEADERS)
def test_a_header_is_recognised_and_reported(read, names):
    pairs, (line,) = read("\t".join(names) + "\nHi.\tHallo.\n", "a.tsv")
    assert pairs == [("Hi.", "Hallo.")]
    assert f"1 rows, split at the tab; the first row is the header: {names[0]!r}" in line
    with_names = read("\t".join(names) + "\nHi.\tHallo.\n", "a.tsv", header=False)[0]
    assert with_names == [tuple(name.strip() for name in names), ("Hi.", "Hallo.")]


@pytest.mark.parametrize("first", PAIRS)
def test_a_pair_is_no_header(first):
    assert not looks_like_header([list(first), ["Ja.", "Yes."], ["Nein.", "No."]], ["1", "2"])


def test_numbers_below_a_word_tell_a_header():
    rows = [["Satz", "Übersetzung", "Zeile"], ["Hi.", "嗨。", "7"], ["Run.", "跑", "8.5"]]
    assert looks_like_header(rows, ["1", "2"])
    assert not looks_like_header([*rows, ["Go.", "走", "neun"]], ["1", "2"])
    assert not looks_like_header([["Hi.", "嗨。", "6"], *rows[1:]], ["1", "2"])
    assert not looks_like_header([], ["1", "2"])


def test_only_the_columns_that_are_read_need_a_name(read):
    text = "Nr.,Satz,source,target\nx,y,Hi.,Hallo.\n"
    assert read(text, columns=("3", "4"))[0] == [("Hi.", "Hallo.")]
    assert len(read(text, columns=("2", "4"))[0]) == 2


# What is odd -----


def test_rows_of_another_width_are_reported(read):
    pairs, lines = read("one,eins\ntwo,zwei\nHello, world,Hallo\n\nthree,drei\n")
    assert pairs[2] == ("Hello", "world")
    assert "1 rows have more or fewer than 2 columns; the first ends in line 3." in lines[1]
    assert len(read("one,eins\n\ntwo,zwei\n")[1]) == 1


def test_quotes_in_a_tab_file_are_reported(read):
    text = 'He said ""hi"".\tEr\n"He said ""hi""."\t"Er"\n"Go!"\tGeh\n'
    pairs, lines = read(text, "a.tsv")
    assert pairs[1] == ('"He said ""hi""."', '"Er"')
    assert (
        '3 texts stand in double quotes that are read as text, such as "He said ""hi"".";'
        in (lines[1])
    )
    assert "--table-quotes yes" in lines[1]
    pairs, lines = read(text, "a.tsv", quoted=True)
    assert pairs[1:] == [('He said "hi".', "Er"), ("Go!", "Geh")] and len(lines) == 1
    text = '"Go!" he said.\tGeh\n"Go!"\tGeh!\n"Hi," he said.\t"Hi"\n'
    assert len(read(text, "a.tsv")[1]) == 1


# JSON -----


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ('{"en": "one", "de": "eins"}\n\n{"de": "zw\\u0065i", "en": "two"}\n', ("en", "de")),
        ('[{"en": "one", "de": "eins"},\n {"en": "two", "de": "zwei"}]', ("en", "de")),
        ('[{"en": "one", "de": "eins"}, {"en": "two", "de": "zwei"}]', ("en", "de")),
        ('["one", "eins"]\n["two", "zwei"]\n', ("1", "2")),
        ('[["one", "eins"], ["two", "zwei"]]', ("1", "2")),
        (
            '{"x": {"en": "one", "de": ["eins"]}}\n{"x": {"en": "two", "de": ["zwei"]}}',
            ("x.en", "x.de.1"),
        ),
        ('{"x.en": "one", "de": "eins"}\n{"x": {"en": "two"}, "de": "zwei"}', ("x.en", "de")),
    ],
)
def test_json(read, text, columns):
    for name in ("a.jsonl", "a.ndjson", "a.json"):
        assert read(text, name, columns) == ([("one", "eins"), ("two", "zwei")], [])


def test_json_without_its_suffix(read):
    assert read('{"en": "one", "de": "eins"}\n', "a.txt", ("en", "de"))[0] == [("one", "eins")]
    assert read("[Music]\t[Musik]\n", "a.txt")[0] == [("[Music]", "[Musik]")]


def test_json_values(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1, "b": 2.50}\n{"a": null, "b": "x"}\n{"a": "", "b": "x"}\n')
    assert table(path, "a", "b") == Pairs(["1"], ["2.5"], dropped=2)
    path.write_text('{"a": "x\\u2028y", "b": "l\\nm"}\n')
    assert table(path, "a", "b") == Pairs(["x\u2028y"], ["l\nm"])


def test_json_escapes_that_are_no_characters(read):
    text = r"""{"a": "\ud83d\ude42", "b": "x"}
{"a": "x\ud83d", "b": "\u0000y"}"""
    pairs, (line,) = read(text, "a.jsonl", ("a", "b"))
    assert pairs == [("\U0001f642", "x"), ("x\ufffd", "\ufffdy")]
    assert line.endswith(
        r"U+FFFD replaces \u0000 and halves of surrogate pairs (2 texts, the first "
        "in line 2)."
    )


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("[" * 100_000, ("a", "b"), "cannot be read from line 1 on: maximum recursion depth"),
        (
            '{"a": ' + "1" * 5000 + "}",
            ("a", "a"),
            "cannot be read from line 1 on: Exceeds the limit",
        ),
        ('{"a": 1}\n{"a": 1,\n', ("a", "a"), r"a\.jsonl is no JSON in line 2, column 9: Expecting"),
        ('[{"a": 1},\n {"a": }]', ("a", "a"), "is no JSON in line 2, column 8: Expecting value"),
        ('{"a": 1}\n{"b": 1}\n', ("a", "a"), "no 'a' in line 2: an object with the keys b"),
        ('{"a": 1}\n', ("1", "2"), "no '1' in line 1: an object with the keys a"),
        ('{"a": {"b": 1}}\n', ("a.c", "a"), "no 'a.c' in line 1: an object with the keys b"),
        (
            '{"a": ["x", "y"]}\n',
            ("a", "a"),
            "'a' in line 1 is no text: a list of 2; a.1 is the first",
        ),
        ('{"a": {"b": 1}}\n', ("a", "a"), "'a' in line 1 is no text: an object with the keys b"),
        ('{"a": true}\n', ("a", "a"), "'a' in line 1 is no text: true"),
        ('[["x"]]\n', ("1", "2"), "no '2' in item 1: a list of 1"),
        ('{\n "data": []\n}', ("a", "b"), "holds an object with the keys data; expected an object"),
        ("hello\n", ("a", "b"), "is no JSON in line 1"),
        ("[]", ("a", "b"), "holds no pair"),
    ],
)
def test_bad_json(read, text, columns, message):
    with pytest.raises(UserError, match=message) as caught:
        read(text, "a.jsonl", columns)
    assert "\n" not in str(caught.value)

import gzip

import pytest

from keras_attention.errors import UserError
from keras_attention.training.data.datasets import Pairs, parallel_text, table


def write(path, text):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_parallel_text(tmp_path, suffix, end):
    break_inside = "zwei\u2028drei\x0bvier\x85"  # no line ends to a corpus
    separator = end or "\n"
    source = write(
        tmp_path / f"a.de{suffix}", separator.join(["eins", break_inside, " fünf "]) + end
    )
    target = write(tmp_path / f"a.en{suffix}", separator.join(["one", "two", "five"]) + end)
    pairs = parallel_text(source, str(target))
    assert pairs == Pairs(["eins", "zwei\u2028drei\x0bvier", "fünf"], ["one", "two", "five"])


def test_parallel_text_counts_what_it_drops(tmp_path):
    source = write(tmp_path / "a", "\ufeffeins\n \nzwei\n\ndrei\n")
    target = write(tmp_path / "b", "one\ntwo\n\t\n\nthree\n")
    assert parallel_text(source, target) == Pairs(["eins", "drei"], ["one", "three"], dropped=3)


@pytest.mark.parametrize(
    "text, message",
    [
        (None, r"There is no file .*bad\.de"),
        ("", r"bad\.de is empty"),
        (" \n\n", r"bad\.de is empty"),
        ("eins\nzwei\n", r"bad\.de has 2 lines but .*good\.en has 3"),
        (b"eins\nzw\xe9i\ndrei\n", r"bad\.de is not valid UTF-8 in line 2"),
    ],
)
@pytest.mark.parametrize("swap", [False, True])
def test_parallel_text_with_bad_input(tmp_path, text, message, swap):
    good, bad = write(tmp_path / "good.en", "one\ntwo\nthree\n"), tmp_path / "bad.de"
    if text is not None:
        write(bad, text)
    if swap:
        message = message.replace(r"bad\.de has 2 lines but .*good\.en has 3", "has 3 .* has 2")
    with pytest.raises(UserError, match=message) as caught:
        parallel_text(*((good, bad) if swap else (bad, good)))
    assert "\n" not in str(caught.value)


def test_parallel_text_that_is_no_file(tmp_path):
    good = write(tmp_path / "good", "one\n")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        parallel_text(tmp_path, good)
    with pytest.raises(UserError, match="holds no pair"):
        parallel_text(write(tmp_path / "a", "a\n\n"), write(tmp_path / "b", "\nb\n"))


QUOTED = 'id,en,"de, at"\r\n7,"one,\ntwo","eins, ""zwei"""\r\n8,three,drei\r\n9,,vier\r\n\r\n'


@pytest.mark.parametrize("columns", [("en", "de, at"), ("2", "de, at")])
def test_csv_with_names_and_quoted_fields(tmp_path, columns):
    path = write(tmp_path / "a.csv", QUOTED)
    expected = Pairs(["one,\ntwo", "three"], ['eins, "zwei"', "drei"], dropped=2)
    assert table(path, *columns) == expected
    assert table(path, 2, 3, header=True) == table(path, 2, 3) == expected
    assert table(write(tmp_path / "a.csv.gz", QUOTED), "en", 3, "id").groups == ["7", "8"]


@pytest.mark.parametrize("name", ["a.tsv", "a.txt", "a.tab", "a.dev.tsv.gz", "a", "a.csv"])
def test_tab_separated_with_numbers(tmp_path, name):
    path = write(tmp_path / name, '"Hi," he said.\t你好\nRun.\t跑\n')
    assert table(path, 1, 2) == Pairs(['"Hi," he said.', "Run."], ["你好", "跑"])
    assert table(path, "2", "1").targets == ['"Hi," he said.', "Run."]
    assert table(path, 1, 2, header=True) == Pairs(["Run."], ["跑"])
    assert table(path, 1, 2, delimiter="tab") == table(path, 1, 2)


def test_tab_separated_with_quotes(tmp_path):
    path = write(tmp_path / "a.tsv", 'en\tde\n"one\ttwo\nthree"\teins\n')
    assert table(path, "en", "de", quoted=True) == Pairs(["one\ttwo\nthree"], ["eins"])


def test_digits_may_be_a_name(tmp_path):
    path = write(tmp_path / "a.csv", "2,1\nzwei,eins\n")
    assert table(path, "1", "2", header=True) == Pairs(["eins"], ["zwei"])
    assert table(path, "1", "2") == Pairs(["2", "zwei"], ["1", "eins"])


@pytest.mark.parametrize(
    "name, text, columns, message",
    [
        ("a.csv", None, (1, 2), r"There is no file .*a\.csv"),
        ("a.csv", "", (1, 2), r"a\.csv is empty"),
        (
            "a.csv",
            "en,de\none,eins\n",
            ("en", "fr"),
            "no column 'fr': .* 1 to 2, named en, de",
        ),
        ("a.csv", "one,eins\n", (1, 3), "no column 3: split at the comma, it has columns 1 to 2"),
        ("a.csv", "one,eins\n", (0, 1), "no column 0: split at the comma, it has columns 1 to 2"),
        ("a.csv", "one,eins\ntwo\n", (1, 2), "1 columns in the row that ends in line 2.* column 2"),
        ("a.csv", 'one,eins\ntwo,"zwei\n', (1, 2), "no table at line 2: unexpected end of data"),
        ("a.csv", 'one,"ei"ns\n', (1, 2), "no table at line 1"),
        ("a.csv", "en,de\n", ("en", "de"), "holds no pair"),
        ("a.tsv", b"one\teins\ntwo\tzw\xe9i\n", (1, 2), "not valid UTF-8 in line 2"),
        (
            "a",
            "one eins\n",
            (1, 2),
            "not divided .* by any of tab, comma, .*: expected 2",
        ),
        ("a", "one,eins\n", ("en", "de"), "expected 2 columns, named en, de"),
    ],
)
def test_table_with_bad_input(tmp_path, name, text, columns, message):
    path = tmp_path / name
    if text is not None:
        write(path, text)
    with pytest.raises(UserError, match=message) as caught:
        table(path, *columns)
    assert "\n" not in str(caught.value)

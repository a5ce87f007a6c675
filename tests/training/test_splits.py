"""Options of the data, from a recipe to the pairs of each split."""

import dataclasses

import pytest

from keras_attention.errors import UserError
from keras_attention.training import DataOptions, load_splits, recipes
from keras_attention.training.data.data_paths import absolute
from keras_attention.training.data.splits import other_splits


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a file of the home folder; returns its path as a user types it."""
    monkeypatch.setenv("HOME", str(tmp_path))

    def write_file(name, text, encoding="utf-8"):
        (tmp_path / name).write_bytes(text.encode(encoding))
        return f"~/{name}"

    return write_file


def test_options_of_tables(write, tmp_path):
    options = DataOptions(
        train_table=write("train.csv", "en;de\none;zwölf\ntwo;zwei\nthree;drei\n", "latin-1"),
        validation_table=write("validation.csv", "en;de\nfour;vier\nTWO;zwei\n", "latin-1"),
        test_table=write("test.csv", "en;de\nfive;fünf\n", "latin-1"),
        table_header="no",
        table_delimiter="semicolon",
        encoding="latin-1",
        drop_overlap=True,
    )
    lines = []
    splits = load_splits(options, seed=0, report=lines.append)
    # A header that is taken for a pair stands in all three, and stays in the last.
    assert splits.train.sources == ["one", "three"]
    assert splits.train.targets == ["zwölf", "drei"]
    assert splits.validation.sources == ["four", "TWO"]
    assert splits.test.sources == ["en", "five"]
    assert (
        f"{tmp_path}/train.csv: 4 rows, split at the semicolon; the first row is a pair"
        in (lines[0])
    )
    assert len(lines) == 5  # Three tables, and two splits that share sources with a later one.


def test_options_of_parallel_files(write):
    options = DataOptions(
        train_source=write("train.en", "one\rtwo\rthree\rfour\r"),
        train_target=write("train.de", "eins\nzwei\ndrei\nvier\n", "utf-16"),
        test_source=write("test.en", "Two\n"),
        test_target=write("test.de", "zwei\n"),
        validation_share=0.25,
    )
    lines = []
    splits = load_splits(options, seed=0, report=lines.append)
    assert sorted(splits.train.sources + splits.validation.sources) == [
        "four",
        "one",
        "three",
        "two",
    ]
    assert [line.rpartition("/")[2].partition(":")[0] for line in lines[:2]] == [
        "train.en has the line ends of old Macs; they are read as line ends.",
        "train.de is UTF-16, as its byte-order mark says, and is read so.",
    ]
    assert "test: 1 of 1 sources (100.0%) stand in" in lines[2]
    with pytest.raises(UserError, match=r"train\.de is not valid ASCII in line 1"):
        load_splits(DataOptions(**{**vars(options), "encoding": "ascii"}), 0, lines.append)


def test_paths_of_a_recipe_are_absolute_even_of_an_unknown_home(write, tmp_path):
    path = write("a.csv", "one,eins\n")
    options = absolute(DataOptions(train_table=path, test_table="~no-such-user/b.csv"))
    assert options.train_table == str(tmp_path / "a.csv")
    assert options.test_table.endswith("/~no-such-user/b.csv")


def test_a_selector_that_was_put_in_place_of_none(write):
    options = recipes.get("translation").data
    table = write("pairs.csv", "".join(f"{word},{word}s\n" for word in ("cat", "dog", "hen")))
    named = dataclasses.replace(options, train_table=table, validation_share=0.3, test_share=0.3)
    assert len(load_splits(named, 0, lambda line: None).train) == 1
    with pytest.raises(UserError, match="Exactly one of .* Received: none"):
        load_splits(options, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"test_conll": "f"}, "--test-conll is for data of another task. Received: f"),
        ({"embedded": "languages"}, "--embedded must be one of dates. Received: languages"),
        ({"test_table": "f", "tags_column": "3"}, "--tags-column is for data of another task"),
    ],
)
def test_data_of_another_task_is_refused(changes, reason):
    with pytest.raises(UserError, match=reason):
        other_splits(DataOptions(embedded="dates"), changes, seed=0)


def test_an_option_of_another_task_that_says_nothing(write):
    sides = {"test_source": "a\n", "test_target": "b\n"}
    changes = {name: write(name, text) for name, text in sides.items()}
    recipe = DataOptions(embedded="dates")
    splits = other_splits(recipe, {**changes, "test_conll": ""}, seed=0, report=print)
    assert (splits.test.sources, splits.test.targets) == (["a"], ["b"])

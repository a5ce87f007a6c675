"""Options of labelled data, from a recipe to the texts of each split."""

import json
from collections import Counter
from pathlib import Path

import pytest

from keras_attention.errors import UserError
from keras_attention.training.data.data_paths import PATHS, absolute
from keras_attention.training.data.digests import digests
from keras_attention.training.data.labelled_splits import labelled_splits, other_labelled_splits
from keras_attention.training.recipes.labelled_data_options import (
    LABELS,
    LabelledDataOptions,
    UnnamedLabels,
)


def quiet(line):
    """No report is of interest."""


@pytest.fixture
def table(tmp_path):
    """A table of 60 texts in two cases each; the labels a, b and c have 80, 38 and 2 of them."""
    labels = ["a"] * 40 + ["b"] * 19 + ["c"]
    rows = [
        f"{text},{label}"
        for number, label in enumerate(labels)
        for text in (f"Text {number}", f"text  {number}")
    ]
    path = tmp_path / "train.csv"
    path.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_held_out_shares_have_the_labels_of_all(table):
    options = LabelledDataOptions(
        train_table=str(table), test_share=0.2, validation_share=0.25, train_size=50
    )
    splits = labelled_splits(options, seed=1, report=quiet)
    assert Counter(splits.test.labels) == {"a": 16, "b": 8}  # 24 of 120; "c" has one text only.
    assert Counter(splits.validation.labels) == {"a": 16, "b": 8}  # 24 of 96
    assert len(splits.train) == 50
    everything = [{text.split()[-1] for text in part.texts} for part in vars(splits).values()]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not everything[one] & everything[other]
    again = labelled_splits(options, seed=1, report=quiet)
    assert digests(again) == digests(splits)
    assert labelled_splits(options, seed=2, report=quiet).test.texts != splits.test.texts


def test_few_texts_of_each_label(table, tmp_path):
    options = LabelledDataOptions(train_table=str(table), train_per_label=5)
    splits = [labelled_splits(options, seed, report=quiet) for seed in (0, 0, 1)]
    assert Counter(splits[0].train.labels) == {"a": 5, "b": 5, "c": 2}
    assert splits[0].train == splits[1].train
    assert splits[0].train.texts != splits[2].train.texts
    assert len(splits[0].validation) == 6  # As of all texts.
    (tmp_path / "a.tsv").write_text("".join(f"word{n}\tB-x\n\n" for n in range(20)))
    options = LabelledDataOptions(
        train_conll=str(tmp_path / "a.tsv"), train_per_label=5, validation_share=0.2, test_share=0.2
    )
    with pytest.raises(UserError, match="--train-per-label is for data with labels"):
        labelled_splits(options, seed=0, report=quiet)


@pytest.mark.parametrize(
    ("embedded", "labels", "tags"),
    [
        ("languages", 40, False),
        ("language-forms", 100, False),
        ("date-parts", 0, True),
        ("languages-and-parts", 40, True),
    ],
)
def test_embedded(embedded, labels, tags):
    options = LabelledDataOptions(
        embedded=embedded, train_size=400, validation_size=80, test_size=40
    )
    splits = labelled_splits(options, seed=0, report=quiet)
    assert [len(part) for part in vars(splits).values()] == [400, 80, 40]
    assert len(set(splits.train.labels or ())) >= labels
    assert (splits.train.tags is not None) == tags


def test_conll_and_slots_and_their_test(tmp_path):
    (tmp_path / "train.tsv").write_text("".join(f"word{n}\tB-x\n\n" for n in range(20)))
    options = LabelledDataOptions(train_conll=str(tmp_path / "train.tsv"), test_share=0.1)
    splits = labelled_splits(options, seed=0, report=quiet)
    assert [len(part) for part in vars(splits).values()] == [17, 1, 2]
    (tmp_path / "test.tsv").write_text("other B-y\n\nmore O\n")
    changes = {"test_conll": str(tmp_path / "test.tsv"), "test_size": 1}
    others = other_labelled_splits(options, changes, seed=0, report=quiet)
    assert (others.train, others.validation) == (None, None)
    assert (others.test.texts, others.test.tag_rows) == (["other"], ["B-y"])
    fewer = other_labelled_splits(options, {"test_size": 1}, seed=0, report=quiet)
    assert fewer.test.texts == splits.test.texts[:1]
    for name, line in (("seq.in", "a b"), ("seq.out", "O B-x"), ("label", "go")):
        (tmp_path / name).write_text(f"{line}\n" * 3)
    spans = [{"t": f"to {n}", "spans": [{"start": 3, "end": 4, "label": "x"}]} for n in range(9)]
    (tmp_path / "spans.json").write_text(json.dumps(spans))
    for changes in (
        {"test_slots": str(tmp_path)},
        {"embedded": "languages-and-parts", "train_size": 40},
        {
            "train_spans": str(tmp_path / "spans.json"),
            "text_key": "t",
            "test_share": 0.2,
            "validation_share": 0.2,
        },
    ):
        others = other_labelled_splits(options, changes, seed=0, report=quiet)
        assert "B-x" in others.test.tags[0] or others.test.labels
    mixed = {"test_slots": str(tmp_path), "validation_conll": str(tmp_path / "test.tsv")}
    with pytest.raises(UserError, match="of one kind of data. Received: --.*-conll, --test-slots"):
        other_labelled_splits(options, mixed, seed=0, report=quiet)


def test_shared_texts_are_told_and_left_out(tmp_path):
    for name, text in (("train", "One,a\nTwo,b\nthree,a\n"), ("test", "two,b\n"), ("v", "x,a\n")):
        (tmp_path / f"{name}.csv").write_text("text,label\n" + text)
    paths = {"train_table": "train.csv", "test_table": "test.csv", "validation_table": "v.csv"}
    options = LabelledDataOptions(
        **{name: str(tmp_path / path) for name, path in paths.items()}, drop_overlap=True
    )
    lines = []
    splits = labelled_splits(options, seed=0, report=lines.append)
    assert splits.train.texts == ["One", "three"]
    assert "such as 'two'; 1 texts are left out of train" in lines[-1]


def test_what_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nx,a\ny,b\n")
    with pytest.raises(UserError, match="of 2 texts with 2 different .* give more texts"):
        labelled_splits(LabelledDataOptions(train_table=str(tmp_path / "a.csv")), 0, quiet)
    with pytest.raises(UserError, match="Exactly one of --embedded, .*Received: none"):
        labelled_splits(UnnamedLabels(), seed=0)
    with pytest.raises(UserError, match="Received: --embedded, --train-table"):
        LabelledDataOptions(embedded="languages", train_table="a.csv")
    with pytest.raises(UserError, match="--tags-column does not fit"):
        LabelledDataOptions(embedded="languages", tags_column="tags")


def test_paths_and_kinds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = absolute(LabelledDataOptions(train_slots="train", test_slots="test"))
    assert options.train_slots == str(tmp_path / "train")
    changed = LABELS.changed(options, train_size=5)
    assert (changed.test_slots, changed.train_size) == (str(tmp_path / "test"), 5)
    assert type(LABELS.make(test_conll="a")).__name__ == "ConllFiles"


REAL = Path(__file__).parents[3] / "shared/data"


@pytest.mark.skipif(not REAL.exists(), reason="there is no ../shared/data")
@pytest.mark.parametrize(
    ("options", "train", "test", "labels", "tags"),
    [
        (
            {
                "train_table": "banking77/test.csv",
                "test_table": "banking77/train.csv",
                "target_column": "category",
            },
            *(3080, 10003, 77, 0),
        ),
        (
            {
                "train_table": "financial_phrasebank/Sentences_AllAgree.txt",
                "table_delimiter": "@",
                "source_column": "1",
                "target_column": "2",
                "test_share": 0.1,
            },
            *(2038, 226, 3, 0),
        ),
        ({"train_slots": "snips/valid", "test_slots": "snips/test"}, 700, 700, 7, 70),
        (
            {"train_conll": "ncbi_disease/devel.tsv", "test_conll": "ncbi_disease/test.tsv"},
            *(923, 940, 0, 3),
        ),
    ],
    ids=["banking77", "phrasebank", "snips", "ncbi"],
)
def test_real_data(options, train, test, labels, tags):
    options = {
        name: str(REAL / value) if name in PATHS else value for name, value in options.items()
    }
    splits = labelled_splits(LabelledDataOptions(**options), seed=0, report=quiet)
    examples = splits.train
    assert len(splits.train) + len(splits.validation) == train
    assert len(splits.test) == test
    assert len(set(examples.labels or ())) == labels
    assert (len({tag for row in examples.tags for tag in row}) if examples.tags else 0) >= tags

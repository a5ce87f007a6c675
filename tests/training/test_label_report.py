"""What is told of labels and tags before training."""

import pytest

from keras_attention.codecs import Labels, LabelsAndTags, Tags
from keras_attention.errors import UserError
from keras_attention.training import Splits
from keras_attention.training.data.label_report import check_known, check_scored, report_labels
from keras_attention.training.data.labelled import LabelledTexts


def labelled(labels, texts=None):
    return LabelledTexts(texts or [f"text {n} of {id(labels)}" for n in range(len(labels))], labels)


def tagged(*rows):
    texts = [f"word{n} " * len(row.split()) for n, row in enumerate(rows)]
    return LabelledTexts([text.strip() for text in texts], tags=[row.split() for row in rows])


def reports(train, validation, test, **options):
    lines = []
    report_labels(Splits(train, validation, test), lines.append, **options)
    return lines


def test_imbalance():
    train = labelled(["a"] * 30 + ["b"] * 20 + ["c"] * 2)
    (line,) = reports(train, labelled(["a"]), labelled(["c"]))
    assert line.startswith("train: 3 labels, from 'a' (30) to 'c' (2), a ratio of 15.0; accuracy")
    (line,) = reports(labelled(["a", "b"]), labelled(["a"]), labelled(["b"]))
    assert line == "train: 2 labels, from 'a' (1) to 'b' (1), a ratio of 1.0."
    with pytest.raises(UserError, match="All texts of train have the label 'a'"):
        reports(labelled(["a"] * 3), labelled(["a"]), labelled(["a"]))


def test_unknown_labels_are_named_with_the_nearest():
    train = labelled(["sports", "politics"])
    with pytest.raises(UserError) as error:
        reports(train, labelled(["sprots"]), labelled(["politics"]))
    assert str(error.value) == (
        "validation: 1 label is unknown to training: 'sprots' (1; nearest: 'sports')."
    )
    with pytest.raises(UserError, match=r"test: 6 labels are .*'xxxx' \(2\), .*, \.\.\.\.$"):
        others = ["xxxx", *"qwrtx", "xxxx"]
        reports(train, labelled(["sports"]), labelled(others))


def test_several_labels():
    train = labelled(["red, big", "red", ""])
    lines = reports(train, labelled(["big"]), labelled(["big,red"]), several=True)
    assert lines == ["train: 2 labels, from 'red' (2) to 'big' (1), a ratio of 2.0."]
    with pytest.raises(UserError, match="1 label is unknown to training: 'blue'"):
        check_known(labelled(["red, blue"]), {"red", "big"}, "test", several=True)


def test_numbers():
    train = labelled(["1", "2.5", "4e0"])
    lines = reports(train, labelled(["9"]), labelled(["-1"]), numbers=True)
    assert lines == ["train: 3 numbers from 1 to 4, 2.5 on the average."]
    for wrong in ("n/a", "nan", "inf"):
        with pytest.raises(UserError, match=f"test: .* but 1 of 2 are none, such as '{wrong}'"):
            reports(train, train, labelled(["1", wrong]), numbers=True)


def test_data_that_a_model_cannot_be_scored_on():
    both = LabelsAndTags(Labels(["go", "stop"]), Tags(["O", "B-x", "I-x"]))
    check_scored(LabelledTexts(["a"], ["go"], [["B-new"]]), both)
    with pytest.raises(UserError, match="gives tags, and this data has none .* --tags-column"):
        check_scored(labelled(["go"]), both)
    with pytest.raises(UserError, match="gives labels, and this data has none"):
        check_scored(tagged("O"), both)
    with pytest.raises(UserError, match="The data: 1 label is unknown .* nearest: 'stop'"):
        check_scored(labelled(["stopp"]), LabelsAndTags(labels=Labels(["go", "stop"])))
    several = LabelsAndTags(labels=Labels(["red", "big"], several=True))
    check_scored(labelled(["red, big", ""]), several)


def test_spellings_and_conflicts():
    train = labelled(["Sports", "sports", "top_up", "Top-up", "x"])
    lines = reports(train, labelled(["x"]), labelled(["x"]))
    assert lines[1:] == [
        "train: the labels 'Sports' (1) and 'sports' (1) differ in spelling only; they are learned "
        "apart.",
        "train: the labels 'top_up' (1) and 'Top-up' (1) differ in spelling only; they are learned "
        "apart.",
    ]
    train = labelled(["x", "y", "x"], ["Same text", "other", "third"])
    lines = reports(train, labelled(["y"], ["same  TEXT"]), labelled(["x"], ["third"]))
    assert lines[1:] == [
        "Texts with different labels: 1 (2 examples), such as 'Same text' with 'x' and 'y'."
    ]


def test_tags():
    train, right = tagged("O B-x", "B-y O O"), tagged("I-x O")
    lines = reports(train, right, tagged("B-zz B-q", "O O"))
    assert lines[0].startswith("train: 3 tags, from 'O' (3)")
    assert lines[1].startswith("test: 2 tags are unknown to training: 'B-zz' (1), 'B-q' (1")
    assert lines[1].endswith("each counts as a mistake.")
    with pytest.raises(UserError, match="validation: 1 tag is unknown to training: 'I-x'"):
        reports(train, right, right, scheme="plain")
    with pytest.raises(UserError, match="validation: 1 tag is unknown to training: 'B-z'"):
        reports(train, tagged("B-z"), right)

"""Scores of labels and tags: by hand, by their formulas, and the matrix that belongs to them."""

import json

import numpy as np
import pytest

from keras_attention.training.answer_scores import score_answers
from keras_attention.training.label_scores import (
    calibration,
    confusion_counts,
    score_labels,
    score_numbers,
    score_several_labels,
    score_tags,
    sentence_accuracy,
)
from keras_attention.training.score_reports import label_rows, write_score_pictures


def test_labels_by_hand():
    labels = ["a", "a", "a", "b", "b", "c"]
    answers = ["a", "a", "b", "b", "", "d"]
    scores = score_labels(answers, labels, [0.9, 0.8, 0.7, 0.6, 0.0, 0.5])
    assert scores["accuracy"] == 3 / 6
    assert scores["labels"] == {
        "a": {"precision": 1.0, "recall": 2 / 3, "f1": pytest.approx(4 / 5), "support": 3},
        "b": {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "support": 2},
        "c": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
        "d": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0},
    }
    assert scores["macro_f1"] == pytest.approx((4 / 5 + 1 / 2) / 4)
    assert scores["confusions"][0] == {"label": "a", "answer": "b", "count": 1}
    assert sum(row["count"] for row in scores["calibration"]["bins"]) == 5  # One has no answer.
    again = json.loads(json.dumps(scores))
    names, counts = confusion_counts(again)
    assert names == ["a", "b", "c", "d"]
    assert counts.tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_calibration_by_its_formula():
    random = np.random.RandomState(0)
    probabilities, is_right = random.rand(400), random.rand(400) < 0.6
    expected = 0.0
    for edge in range(15):
        inside = (probabilities > edge / 15) & (probabilities <= (edge + 1) / 15)
        if inside.any():
            gap = abs(is_right[inside].mean() - probabilities[inside].mean())
            expected += inside.sum() / 400 * gap
    assert calibration(is_right, probabilities)["error"] == pytest.approx(expected)
    certain = calibration([True, False, True, True], [1.0, 1.0, 1.0, 0.0])
    assert certain["bins"] == [
        {"probability": 0.0, "accuracy": 1.0, "count": 1},
        {"probability": 1.0, "accuracy": 2 / 3, "count": 3},
    ]
    assert certain["error"] == pytest.approx((1 + 3 * (1 / 3)) / 4)


def test_several_labels_by_hand():
    scores = score_several_labels(["a, b", "", "c"], ["b,a", "a", "b"])
    assert scores["accuracy"] == 1 / 3
    assert scores["micro_f1"] == pytest.approx(2 * 2 / (3 + 4))  # 2 right of 3 given, 4 asked for
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert [row["support"] for row in scores["labels"].values()] == [2, 2, 0]


def test_numbers():
    scores = score_numbers(["1", "2", "5"], [1, 4, 4])
    assert scores["mean_absolute_error"] == 1.0
    assert scores["root_mean_squared_error"] == pytest.approx(np.sqrt(5 / 3))
    assert scores["correlation"] == pytest.approx(np.corrcoef([1, 2, 5], [1, 4, 4])[0, 1])
    assert score_numbers([1, 1], [1, 2])["correlation"] is None


def test_spans_count_if_kind_and_both_ends_are_right():
    reference = ["B-x I-x O B-y", "B-x O", "O O", "B-y"]
    #        an end is wrong | right | too much | no answer
    tags = ["B-x O O B-y", "B-x O", "B-y I-y", ""]
    rows = [[text.split() for text in side] for side in (tags, reference)]
    scores = score_tags(*rows)
    # Spans given: x(0,0), y(3), x(0), y(0,1); asked for: x(0,1), y(3), x(0), y(0).
    assert scores["precision"] == scores["recall"] == scores["f1"] == 2 / 4
    assert scores["accuracy"] == 5 / 9
    assert scores["kinds"]["x"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert scores["kinds"]["y"]["support"] == 2
    assert score_tags([["I-x", "O"]], [["B-x", "O"]])["f1"] == 0.0  # Malformed tags are no span.
    # Right about "y" would be nothing but "O"; without an answer it is all wrong.
    unanswered = score_tags([["B-x", "O"], []], [["B-x", "O"], ["O", "B-y", "O"]])
    assert unanswered["accuracy"] == 2 / 5
    assert (unanswered["precision"], unanswered["recall"]) == (1.0, 1 / 2)
    bilou = score_tags([["U-x", "B-y", "L-y"]], [["U-x", "B-y", "L-y"]], scheme="bilou")
    assert (bilou["f1"], set(bilou["kinds"])) == (1.0, {"x", "y"})


def test_tags_without_spans():
    assert score_tags([["O"]], [["O"]])["f1"] == 0.0
    plain = score_tags([["N", "V"], ["N"]], [["N", "N"], ["N"]], scheme="plain")
    assert plain["accuracy"] == 2 / 3
    assert plain["macro_f1"] == pytest.approx((0.8 + 0) / 2)
    assert list(plain["kinds"]) == ["N", "V"]
    unanswered = score_tags([["N"], []], [["N"], ["V", "N"]], scheme="plain")
    assert unanswered["accuracy"] == 1 / 3 and list(unanswered["kinds"]) == ["N", "V"]
    assert unanswered["kinds"]["N"]["recall"] == 1 / 2


def test_sentences():
    tags = [["O"], ["B-x"], ["O"]]
    reference = [["O"], ["B-x"], ["B-x"]]
    assert sentence_accuracy(["a", "b", "a"], ["a", "a", "a"], tags, reference) == 1 / 3
    assert sentence_accuracy(None, None, tags, reference) == 2 / 3
    assert sentence_accuracy(["a", "b"], ["a", "a"], None, None) == 1 / 2


@pytest.mark.parametrize(
    "call",
    [
        lambda: score_labels(["a"], []),
        lambda: score_labels([], []),
        lambda: score_tags([["O"]], [["O", "O"]]),
        lambda: score_tags([["O"]], [["O"]], scheme="iob"),
    ],
)
def test_what_does_not_fit(call):
    with pytest.raises(ValueError, match="Expected .*Received: "):
        call()


def test_answers_by_hand():
    answers = ["the Eiffel Tower", "in New York City", "", "x", ""]
    references = [["Eiffel tower!"], ["Boston", "New York"], [], [], ["an A", "b"]]
    scores = score_answers(answers, references)
    # "in new york city" and "new york" have two words in common, of 4 and of 2.
    f1 = [1, 2 * 2 / 6, 1, 0, 0]
    assert scores["exact_match"] == 2 / 5
    assert scores["f1"] == pytest.approx(sum(f1) / 5)
    assert scores["no_answer"] == 1 / 2
    assert scores["answered"] == {"exact_match": 1 / 3, "f1": pytest.approx(sum(f1[:2]) / 3)}
    assert set(score_answers(["a b"], [["b"]])) == {"exact_match", "f1"}
    assert "answered" not in score_answers([""], [[]])
    with pytest.raises(ValueError, match="Received: 1 answers, 0 references"):
        score_answers(["a"], [])


def test_reports(tmp_path):
    scores = score_labels(["a", "b", "b"], ["a", "a", "b"], [0.9, 0.6, 0.8])
    assert [row["label"] for row in label_rows(scores["labels"])] == ["a", "b"]
    assert len(label_rows(scores["labels"], most=1)) == 1
    paths = write_score_pictures(tmp_path, "test", scores)
    assert [path.name for path in paths] == ["confusion-test.png", "reliability-test.png"]
    assert sorted(tmp_path.iterdir()) == paths
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    without = score_labels(["a", "b", "b"], ["a", "a", "b"])
    assert len(write_score_pictures(tmp_path, "validation", without)) == 1

"""What counts as a difference, and what it says."""

import copy
import math

import pytest

from keras_attention.export.answers import TOLERANCE, Comparison
from keras_attention.export.errors import ParityError
from keras_attention.export.parity import compare

EXPECTED = [
    {
        "source": source,
        "text": text,
        "score": -1.5,
        "source_ids": [4, 3],
        "ids": [4, 5],
        "source_tokens": ["a", "</s>"],
        "target_tokens": ["b", "c"],
        "alignment": [[0.75, 0.25], [0.5, 0.5]],
        "token_scores": [-0.5, -0.75],
        "nbest": [[text, -1.5], ["b", -1.75], ["c", -1.75 - TOLERANCE / 4]],
    }
    for source, text in [("erste", "bc"), ("zweite", "cb"), ("dritte", "bb")]
]


def answer(expected):
    """What a file says that answers right, in a batch with longer sentences."""
    return {
        "text": expected["text"],
        "score": expected["score"] + TOLERANCE / 2,
        "explained_text": expected["text"],
        "explained_score": expected["score"],
        "ids": list(expected["ids"]),
        "ids_score": expected["score"] - TOLERANCE / 3,
        "source_tokens": [*expected["source_tokens"], "", ""],
        "target_tokens": [*expected["target_tokens"], ""],
        "alignment": [[*row, 0.0, 0.0] for row in expected["alignment"]] + [[0.0] * 4],
        "token_scores": [score - TOLERANCE / 4 for score in expected["token_scores"]] + [0.0],
        "nbest": copy.deepcopy(expected["nbest"]),
    }


@pytest.fixture
def answers():
    return {size: [answer(expected) for expected in EXPECTED] for size in (1, 16)}


def test_report_of_equal_answers(answers):
    report = compare("ONNX", EXPECTED, answers)
    assert report["sentences"] == 3
    assert report["batch_sizes"] == [1, 16]
    assert report["max_score_difference"] == pytest.approx(TOLERANCE / 2)
    assert report["max_alignment_difference"] == 0.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "cc"),
        ("explained_text", ""),
        ("ids", [4, 5, 5]),
        ("score", -1.5 - 2 * TOLERANCE),
        ("score", math.nan),
        ("explained_score", 0.0),
        ("ids_score", -math.inf),
        ("source_tokens", ["a", "</s>", "x"]),
        ("target_tokens", ["b"]),
        ("alignment", [[0.75, 0.25], [0.5, 0.5 - 2 * TOLERANCE]]),
        ("alignment", [[0.75, 0.25], [0.5, 0.5], [0.1, 0.0]]),
        ("alignment", [[0.75, 0.25]]),
        ("token_scores", [-0.5, -0.75 - 2 * TOLERANCE]),
        ("token_scores", [-0.5]),
        ("nbest", [["c", -1.5], ["b", -1.75], ["bc", -1.75]]),
        ("nbest", [["bc", -1.5], ["b", -1.75]]),
    ],
)
def test_first_difference_is_named(answers, name, value):
    answers[16][1][name] = value
    answers[16][2]["text"] = "also wrong"
    message = r"SavedModel.*first.*differs is 2, 'zweite' \(batch size 16\).*model says 'cb'"
    with pytest.raises(ParityError, match=message) as error:
        compare("SavedModel", EXPECTED, answers)
    assert name in str(error.value)


def test_hypotheses_of_one_score_have_no_order():
    swapped = answer(EXPECTED[0])
    swapped["nbest"][1][0], swapped["nbest"][2][0] = "c", "b"
    assert Comparison().difference(EXPECTED[0], swapped) is None


def test_a_bundle_of_version_0_1_has_no_scores_of_tokens():
    old = {name: value for name, value in EXPECTED[0].items() if name != "token_scores"}
    file = answer(EXPECTED[0])
    assert Comparison().difference(old, file) is None
    del file["token_scores"]
    assert Comparison().difference(EXPECTED[0], file) is None


def test_comparison_leaves_answers_alone(answers):
    before = copy.deepcopy(answers)
    compare("ONNX", EXPECTED, answers)
    assert answers == before

"""What counts as a difference, and what it says."""

import copy
import math

import pytest

from keras_attention.export.answers import TOLERANCE, Comparison, required_names
from keras_attention.export.errors import ParityError
from keras_attention.export.parity import ENDPOINTS, compare

# What an ONNX file answers, and its text, decoded from the ids.
ONNX = {"text", "ids", "ids_score", "ids_alignment", "ids_token_scores"}

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
        "finished": True,
        "nbest_finished": 2,
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
        "finished": expected["finished"],
        "nbest_finished": expected["nbest_finished"],
        "ids_alignment": [[*row, 0.0] for row in expected["alignment"]],
        "ids_token_scores": [score + TOLERANCE / 4 for score in expected["token_scores"]],
        "nbest": copy.deepcopy(expected["nbest"]),
    }


@pytest.fixture
def answers():
    return {size: [answer(expected) for expected in EXPECTED] for size in (1, 16)}


def test_report_of_equal_answers(answers):
    report = compare("SavedModel", EXPECTED, answers)
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
        ("ids_alignment", [[0.75, 0.25], [0.5, 0.4]]),
        ("ids_token_scores", [-0.5, -0.7]),
        ("finished", False),
        ("nbest_finished", 3),
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


@pytest.mark.parametrize("name", sorted(ONNX))
@pytest.mark.parametrize("format", ENDPOINTS)
def test_an_output_that_is_missing_is_a_difference(answers, format, name):
    del answers[16][1][name]
    with pytest.raises(ParityError, match=rf"{format}.*differs is 2.*; {name} is missing\."):
        compare(format, EXPECTED, answers)


def test_every_output_of_a_format_is_asked_for(answers):
    files = {"SavedModel": set(answer(EXPECTED[0])), "ONNX": ONNX}
    for format, names in files.items():
        assert {"text", *required_names(ENDPOINTS[format])} == names
    onnx = {
        size: [{name: row[name] for name in ONNX} for row in rows] for size, rows in answers.items()
    }
    assert compare("ONNX", EXPECTED, onnx)["sentences"] == 3
    with pytest.raises(ParityError, match="; explained_text is missing"):
        compare("SavedModel", EXPECTED, onnx)


def test_a_bundle_of_version_0_1_has_no_scores_of_tokens():
    old = {name: value for name, value in EXPECTED[0].items() if name != "token_scores"}
    file = answer(EXPECTED[0])
    assert Comparison().difference(old, file) is None
    del file["token_scores"], file["ids_token_scores"]
    assert Comparison().difference(old, file) is None
    # But a file that lacks what its answers have is not what was exported.
    assert Comparison().difference(EXPECTED[0], file) == "token_scores is missing"


def test_comparison_leaves_answers_alone(answers):
    before = copy.deepcopy(answers)
    compare("ONNX", EXPECTED, answers)
    assert answers == before

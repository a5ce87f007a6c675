"""What counts as a difference, and what it says."""

import copy
import math
import re

import numpy as np
import pytest

from keras_attention.export.errors import ParityError
from keras_attention.export.parity import batches, compare, onnx_outputs
from keras_attention.export.parity.answers import Answers
from keras_attention.export.parity.comparison import TOLERANCE
from keras_attention.export.signatures import NO_SCORE, TRANSLATION

TEXTS = ["erste", "zweite", "dritte"]
NEAR = -1.75 - TOLERANCE / 4


def expected():
    """Of three sentences, the second of one token, for which there are two hypotheses only."""
    text = np.array(["bc", "b", "cb"])
    score = np.array([-1.5, -1.25, -1.5], "float32")
    alignment = np.array([[[0.75, 0.25], [0.5, 0.5]]] * 3, "float32")
    alignment[1, 1] = 0
    token_scores = np.array([[-0.5, -0.75], [-0.5, 0], [-0.5, -0.75]], "float32")
    scores = np.array([[-1.5, -1.75, NEAR], [-1.25, -1.5, NO_SCORE], [-1.5, -1.75, NEAR]])
    inputs = {
        **dict.fromkeys(("serving_default", "explain", "nbest"), {"text": np.array(TEXTS)}),
        "search": {"source_ids": np.array([[4, 3], [5, 3], [6, 3]], "int32")},
    }
    outputs = {
        "serving_default": {"text": text, "score": score},
        "explain": {
            "text": text,
            "score": score,
            "source_tokens": np.array([["a", "</s>"]] * 3),
            "target_tokens": np.array([["b", "c"], ["b", ""], ["c", "b"]]),
            "alignment": alignment,
            "token_scores": token_scores,
            "finished": np.array([True, True, False]),
        },
        "nbest": {
            "text": np.array([["bc", "b", "c"], ["b", "c", ""], ["cb", "b", "c"]]),
            "score": scores.astype("float32"),
            "finished": np.array([[True, True, False], [True, False, False], [False, True, True]]),
        },
        "search": {
            "ids": np.array([[[4, 5]], [[4, 0]], [[5, 4]]], "int32"),
            "scores": score[:, None],
            "lengths": np.array([[2], [1], [2]], "int32"),
            "alignments": alignment[:, None],
            "token_scores": token_scores[:, None],
        },
    }
    return Answers(inputs, outputs)


@pytest.fixture
def found():
    """What a file gives that is right, in batches with longer sentences: more padding, rounded."""
    outputs = copy.deepcopy(expected().outputs)
    explained = outputs["explain"]
    explained["source_tokens"] = np.pad(explained["source_tokens"].astype(object), [(0, 0), (0, 2)])
    explained["source_tokens"] = np.where(
        explained["source_tokens"] == 0, "", explained["source_tokens"]
    ).astype("U")
    explained["alignment"] = np.pad(explained["alignment"], [(0, 0), (0, 1), (0, 2)])
    outputs["serving_default"]["score"] += np.float32(TOLERANCE / 2)
    outputs["search"]["token_scores"] -= np.float32(TOLERANCE / 4)
    return {1: outputs, 16: copy.deepcopy(outputs)}


def report(found, best_only=False):
    answers = expected()._replace(best_only=best_only)
    return compare("SavedModel", TRANSLATION, answers, answers.outputs, found)


def test_report_of_equal_outputs(found):
    before = copy.deepcopy(found)
    told = report(found)
    assert (told["sentences"], told["batch_sizes"]) == (3, [1, 16])
    assert told["max_score_difference"] == pytest.approx(TOLERANCE / 2, rel=1e-2)
    assert told["max_alignment_difference"] == 0.0
    np.testing.assert_equal(found, before)  # It changes nothing.


@pytest.mark.parametrize(
    ("endpoint", "output", "place", "value", "says"),
    [
        ("serving_default", "text", (1,), "cc", "expected 'b', got 'cc'"),
        (
            "serving_default",
            "score",
            (1,),
            -1.25 - 2 * TOLERANCE,
            "expected -1.250000, got -1.2502",
        ),
        ("serving_default", "score", (1,), math.nan, "got nan"),
        ("explain", "text", (1,), "", ""),
        ("explain", "score", (1,), -math.inf, "got -inf"),
        ("explain", "source_tokens", (1, 3), "x", ""),
        ("explain", "target_tokens", (1, 0), "", ""),
        ("explain", "alignment", (1, 0, 1), 0.2501 + TOLERANCE, "differs by 0.0002"),
        ("explain", "alignment", (1, 2, 3), 0.1, "differs by 0.1"),
        ("explain", "token_scores", (1, 1), -0.75, "differs by 0.75"),
        ("explain", "finished", (1,), False, "expected True, got False"),
        ("nbest", "text", (1, 1), "bb", "expected 'c', got 'bb' (hypothesis 2)"),
        ("nbest", "score", (1, 1), -1.6, "no hypothesis has -1.500000 (hypothesis 2)"),
        ("nbest", "finished", (1, 0), False, "expected True, got False (hypothesis 1)"),
        ("search", "ids", (1, 0, 1), 5, "expected [4, 0], got [4, 5]"),
        ("search", "lengths", (1, 0), 2, ""),
        ("search", "scores", (1, 0), math.nan, ""),
        ("search", "alignments", (1, 0, 0, 1), 0.4, ""),
        ("search", "token_scores", (1, 0, 0), -0.7, ""),
    ],
)
def test_first_difference_is_named(found, endpoint, output, place, value, says):
    arrays = found[16][endpoint]
    arrays[output] = arrays[output].copy()
    arrays[output][place] = value
    found[16]["explain"]["text"][2] = "also wrong"
    message = (
        r"SavedModel.*first.*differs is 2, 'zweite' \(batch size 16\).*model says 'b'.*; "
        rf"{output} of {endpoint}: .*{re.escape(says)}"
    )
    with pytest.raises(ParityError, match=message):
        report(found)


def test_hypotheses_of_one_score_have_no_order_and_others_have(found):
    for name in ("text", "finished"):
        array = found[1]["nbest"][name]
        array[0] = array[0, [0, 2, 1]]  # Their scores differ by less than the tolerance.
    report(found)
    for name in ("text", "finished"):
        array = found[1]["nbest"][name]
        array[0] = array[0, [1, 0, 2]]
    with pytest.raises(ParityError, match="differs is 1,.*text of nbest: expected 'bc', got 'c'"):
        report(found)


def test_which_of_the_hypotheses_is_finished_counts(found):
    """Not how many of them are."""
    found[1]["nbest"]["finished"][0] = [False, True, True]
    with pytest.raises(ParityError, match="finished of nbest: expected True, got False"):
        report(found)


def test_hypotheses_that_do_not_exist(found):
    found[1]["nbest"]["text"][1, 2] = "what is left in a buffer"
    report(found)
    found[1]["nbest"]["score"][1, 2] = -7
    with pytest.raises(ParityError, match="nbest has 1 hypotheses more than the trained model"):
        report(found)


def test_hypotheses_that_an_older_bundle_does_not_know(found):
    """It recorded the best of each search alone."""
    for outputs in found.values():
        more = {name: np.concatenate([x, x - 1], 1) for name, x in outputs["search"].items()}
        outputs["search"] = more
    report(found, best_only=True)
    with pytest.raises(ParityError, match="search has 1 hypotheses more than the trained model"):
        report(found)


def test_hypotheses_come_in_the_order_of_their_scores(found):
    for array in found[1]["nbest"].values():
        array[0] = array[0, [1, 0, 2]]
    with pytest.raises(ParityError, match=r"score of nbest: expected .*, got .*hypothesis 1\)"):
        report(found)


OUTPUTS = [(endpoint, name) for endpoint, found in expected().outputs.items() for name in found]


@pytest.mark.parametrize(("endpoint", "output"), OUTPUTS)
def test_an_output_that_is_missing_is_a_difference(found, endpoint, output):
    del found[16][endpoint][output]
    message = rf"differs is 1,.*batch size 16.*; {output} of {endpoint} is missing"
    with pytest.raises(ParityError, match=message):
        report(found)
    if endpoint == "search":
        answers = expected()
        with pytest.raises(ParityError, match=f"ONNX.*{message}"):
            compare("ONNX", TRANSLATION, answers, onnx_outputs(TRANSLATION, answers), found)


def test_every_output_of_the_table_is_compared():
    assert {*OUTPUTS} == {
        (name, output) for name, found in TRANSLATION.endpoints.items() for output in found.outputs
    }


def test_arrays_of_another_kind_or_rank(found):
    found[1]["search"]["ids"] = found[1]["search"]["ids"][:, 0]
    with pytest.raises(ParityError, match=r"ids of search is no int32\[batch, beams, target\]"):
        report(found)
    found[1]["search"] = found[16]["search"]
    found[1]["explain"]["finished"] = np.array(["yes"] * 3)
    with pytest.raises(ParityError, match=r"finished of explain is no bool\[batch\]"):
        report(found)


def test_a_request_is_answered_in_batches_as_long_as_their_longest_sample(tmp_path):
    """By a file that gives back what it gets, and how wide it was."""
    ids = np.array([[1, 2, 3, 0], [4, 0, 0, 0], [0, 0, 0, 0], [5, 6, 0, 0]], "int32")
    widths = []

    def call(endpoint, inputs):
        assert endpoint == "double"
        widths.append(inputs["ids"].shape)
        return {"twice": inputs["ids"] * 2, "name": np.array(["é" * len(x) for x in inputs["ids"]])}

    files = tmp_path / "request.npz", tmp_path / "answer.npz"
    np.savez(files[0], batch_sizes=[1, 3], **{"double/ids": ids})
    batches.answer(*files, call)
    assert widths == [(1, 3), (1, 1), (1, 1), (1, 2), (3, 3), (1, 2)]
    with np.load(files[1]) as found:
        assert set(found) == {f"{size}/double/{x}" for size in (1, 3) for x in ("twice", "name")}
        for size in (1, 3):
            np.testing.assert_array_equal(found[f"{size}/double/twice"], 2 * ids[:, :3])
        assert found["1/double/name"].tolist() == ["ééé", "é", "é", "éé"]

"""`keras-attention watch`: a stream in, the same lines with labels out, alerts among them."""

import io
import json
import os
import sys
import tracemalloc

import numpy as np
import pytest

from keras_attention import UserError
from keras_attention.__main__ import main
from keras_attention.codecs import Labels, LabelsAndTags, Tags
from keras_attention.export import watch as command
from keras_attention.export.lines import batches_of_lines
from keras_attention.export.watch import watch_options
from keras_attention.export.watching import Watch, expected_shares
from keras_attention.predictors import Labeller
from keras_attention.predictors.labelling import LabelResult
from keras_attention.text import WordTokenizer

BAD, GOOD = "awful", "fine"


@pytest.fixture(scope="module")
def labeller():
    """A labeller without a model, which knows one word."""
    tokenizer = WordTokenizer.train([f"{BAD} {GOOD} film is the a ."])
    (bad, *_) = tokenizer.encode_source([BAD]).to_list()[0]

    def engine(source_ids):
        is_bad = (source_ids == bad).any(axis=1)
        evidence = np.where(is_bad[:, None], source_ids == bad, source_ids != 0).astype("float32")
        probabilities = np.where(is_bad[:, None], [[0.75, 0.25]], [[0.25, 0.75]])
        return LabelResult(
            ids=np.where(is_bad, 0, 1).astype("int32"),
            scores=np.full(len(source_ids), 0.75, "float32"),
            probabilities=probabilities.astype("float32"),
            evidence=evidence / evidence.sum(axis=1, keepdims=True),
        )

    made = Labeller(None, tokenizer, LabelsAndTags(Labels(["neg", "pos"])), max_source_length=9)
    made.engine = engine
    return made


def options(*arguments):
    return watch_options(["run", *arguments])


def line(text, **more):
    return json.dumps({"text": text, **more})


def run(labeller, lines, *arguments):
    """What is printed for lines, and what is told."""
    told = []
    watch = Watch(labeller, options(*arguments), told.append)
    printed = list(watch([lines[:3], lines[3:]]))
    watch.summarize()
    return printed, told


def test_each_line_gets_its_label_and_the_evidence_in_its_own_text(labeller):
    printed, told = run(labeller, [line("the  awful film", id=7), line("fine", date="d")])
    first, second = printed
    assert list(first) == ["text", "id", "label", "score", "evidence"]
    assert (first["id"], first["label"], first["score"]) == (7, "neg", 0.75)
    heaviest = max(first["evidence"], key=lambda word: word["weight"])
    assert heaviest == {"begin": 5, "end": 10, "text": "awful", "weight": 1.0}
    assert (second["label"], second["date"]) == ("pos", "d")
    assert told == ["2 lines: 2 answered, 0 skipped."]


MALFORMED = {
    "": "is empty.",
    "{": "is not JSON: ",
    "[1]": "is not a JSON object.",
    '{"a": NaN, "text": "a"}': "is not JSON: NaN is no number.",
    "[" * 100_000: "is nested too deeply.",
    '{"Text": "a"}': "has no field text: name that of the text by --text-column.",
    '{"text": 3}': "has no text in the field text.",
    '{"text": "\\ud83d"}': "has half a character (a lone surrogate) in the field text.",
    '{"text": "a", "label": "x"}': "has a field label already: have others added by --prefix.",
    json.dumps({"text": "film " * 20}): "has 21 tokens with the end token",
}


def test_malformed_lines_are_reported_skipped_and_counted(labeller):
    lines = [line("fine"), *MALFORMED, line(""), line(BAD)]
    printed, told = run(labeller, lines)
    assert [record["label"] for record in printed] == ["pos", "pos", "neg"]
    for number, (told_line, phrase) in enumerate(
        zip(told[:-1], MALFORMED.values(), strict=True), start=2
    ):
        assert told_line.startswith(f"Line {number} {phrase}")
    assert told[-1] == "13 lines: 3 answered, 10 skipped."


def test_names_of_fields_can_be_others(labeller):
    arguments = ("--text-column", "body", "--prefix", "our_")
    printed, _ = run(labeller, ['{"body": "awful", "label": "gold"}'], *arguments)
    assert printed[0]["label"] == "gold"
    assert printed[0]["our_label"] == "neg"


def shifted_stream():
    """100 texts of which a fifth is bad, then 60 bad ones, then 200 as in the beginning."""
    before = [line(BAD if number % 5 == 0 else GOOD, at=f"b{number}") for number in range(100)]
    shift = [line(BAD, at=f"s{number}") for number in range(60)]
    return [*before, *shift, *(2 * before)]


def test_a_planted_shift_makes_one_alert_that_ends(labeller):
    arguments = ("--alert", "neg > 3 sigma", "--time-column", "at", "--baseline", "100")
    arguments = (*arguments, "--smoothing", "0.05")
    printed, told = run(labeller, shifted_stream(), *arguments)
    begins, ends = [record for record in printed if "alert" in record]
    assert len(printed) == 360 + 2
    # p = 20.5 / 101; z = p + (1 - p) (1 - 0.95^t), above 3 sigma for the first time:
    p, kept = 20.5 / 101, 0.95 ** np.arange(1, 61)
    sigma = np.sqrt(p * (1 - p) * (0.05 / 1.95 * (1 - kept**2) + (1 - kept) ** 2 / 100))
    t = int(np.argmax((1 - p) * (1 - kept) > 3 * sigma))
    assert begins == {
        "alert": "neg > 3 sigma",
        "state": "begins",
        "label": "neg",
        "line": 101 + t,
        "time": f"s{t}",
        "share": pytest.approx(1 - (1 - p) * kept[t]),
        "expected": pytest.approx(p),
        "sigma": pytest.approx(sigma[t]),
        "deviations": pytest.approx((1 - p) * (1 - kept[t]) / sigma[t]),
    }
    assert (ends["state"], ends["since"]) == ("ends", {"line": 101 + t, "time": f"s{t}"})
    assert ends["deviations"] < 1.5
    assert told == ["360 lines: 360 answered, 0 skipped."]
    # Shares are told as soon as the baseline has ended, of the watched label and of the line's own.
    assert "shares" not in printed[98]
    assert printed[99]["shares"]["neg"]["expected"] == pytest.approx(p)
    assert set(printed[101]["shares"]) == {"neg"}
    assert run(labeller, shifted_stream(), *arguments, "--alerts-only")[0] == [begins, ends]


def test_a_stream_that_ends_in_its_baseline_says_so(labeller):
    _, told = run(labeller, [line(GOOD)], "--alert", "* <> 4 sigma", "--time-column", "at")
    assert told == [
        "A line has no field at: alerts of such lines tell no time.",
        "1 lines: 1 answered, 0 skipped.",
        "The stream ended in its baseline, after 1 of 500 texts: no alert was possible. "
        "See --baseline.",
    ]


def test_expected_shares_come_from_a_file(labeller, tmp_path):
    path = tmp_path / "shares.json"
    path.write_text('{"neg": 0.25, "pos": 0.75}')
    arguments = ("--expected", str(path), "--alert", "neg > 2 sigma", "--smoothing", "0.5")
    printed, _ = run(labeller, [line(BAD)] * 3, *arguments)
    # sigma = sqrt(0.1875 / 3 * (1 - 0.25^t)); z = 1 - 0.75 * 0.5^t: 1.73, 2.23 deviations
    assert [record["line"] for record in printed if "alert" in record] == [2]
    for content, message in {
        '{"neg": 0.5}': "it has no `pos`",
        '{"neg": 0.5, "pos": 0.5, "x": 0.5}': "there is no label x",
        '{"neg": 0, "pos": 1}': "above 0 and below 1",
        "[]": "an object",
    }.items():
        path.write_text(content)
        with pytest.raises(UserError, match=message):
            expected_shares(path, ["neg", "pos"])


def test_what_has_no_labels_is_refused(labeller):
    tags = Labeller(None, labeller.source, LabelsAndTags(tags=Tags(["O", "B-x", "I-x"])))
    with pytest.raises(UserError, match="gives tags alone"):
        Watch(tags, options("--alert", "neg > 3 sigma"), print)
    assert Watch(tags, options(), print).monitor.labels == []
    with pytest.raises(UserError, match="There is no label bad: there are neg, pos"):
        Watch(labeller, options("--alert", "bad > 3 sigma"), print)
    with pytest.raises(UserError, match="run gives no labels"):
        Watch(object(), options(), print)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--alert", "neg"], "An alert must be of the form"),
        (["--smoothing", "0"], "--smoothing must be"),
        (["--baseline", "0"], "--baseline must be"),
        (["--alerts-only"], "--alerts-only needs --alert"),
    ],
)
def test_options_are_checked_before_a_model_is_opened(capsys, arguments, message):
    assert main(["watch", "nowhere", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def opened(labeller, monkeypatch):
    """Lets the command run that labeller."""
    monkeypatch.setattr(
        "keras_attention.export.predictor.open_predictor", lambda path, format: labeller
    )

    def give(stream):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))

    return give


def test_the_command_prints_lines_and_counts_on_standard_error(opened, capsys):
    opened(io.BytesIO(f"{line(BAD, title='é')}\n{{\n".encode()))
    assert main(["watch", "run"]) == 0
    printed, told = capsys.readouterr()
    assert json.loads(printed)["label"] == "neg"
    assert told.splitlines()[-1] == "keras-attention: 2 lines: 1 answered, 1 skipped."
    opened(io.BytesIO(b"a\nb\n"))
    assert main(["watch", "run"]) == 2  # Nothing could be answered.
    opened(io.BytesIO(b""))
    assert main(["watch", "run"]) == 0
    assert capsys.readouterr().out == ""


def test_a_reader_that_has_seen_enough_is_no_error(opened, capsys, monkeypatch):
    opened(io.BytesIO(f"{line(BAD)}\n".encode()))

    def closed(*args, **kwargs):
        raise BrokenPipeError

    monkeypatch.setattr(command, "print", closed, raising=False)
    assert main(["watch", "run"]) == 0
    assert "1 lines: 1 answered, 0 skipped." in capsys.readouterr().err


def test_ctrl_c_tells_how_far_it_came(opened, capsys, monkeypatch):
    opened(io.BytesIO(f"{line(BAD)}\n".encode()))

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "print", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        main(["watch", "run"])
    assert "1 lines: 1 answered, 0 skipped." in capsys.readouterr().err


def test_a_line_of_a_pipe_that_stays_open_is_answered(labeller):
    reading, writing = os.pipe()
    with open(reading, "rb") as stream, open(writing, "wb", buffering=0) as pipe:
        records = Watch(labeller, options(), print)(batches_of_lines(stream, print, wait=0.01))
        for text, label in ((BAD, "neg"), (GOOD, "pos")):
            pipe.write(f"{line(text)}\n".encode())
            assert next(records)["label"] == label
        pipe.close()
        assert list(records) == []


class OfOneText(Labeller):
    """Gives any text the same answer."""

    def too_long(self, inputs):
        return {}

    def explain(self, inputs):
        return [self.answer] * len(inputs)


def test_memory_does_not_grow_with_the_stream(labeller):
    quick = OfOneText(None, labeller.source, labeller.target)
    quick.answer = labeller.explain(BAD)
    watch = Watch(quick, options("--alert", "* <> 3 sigma", "--baseline", "100"), lambda _: None)
    more, sizes = "x" * 2000, []
    batch = [line(GOOD, more=more), line(BAD, more=more), f"malformed {more}"] * 10

    def batches():
        for _ in range(30):
            sizes.append(tracemalloc.get_traced_memory()[0])
            yield batch

    tracemalloc.start()
    try:
        for _ in watch(batches()):
            pass
    finally:
        tracemalloc.stop()
    assert watch.lines == 900
    # Python keeps some small objects for later; 600 lines of 2,000 bytes would be more.
    assert sizes[-1] - sizes[10] < 200_000

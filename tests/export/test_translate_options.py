"""`keras-attention translate` and `score`: what each option prints, and what is told beside it."""

import io
import json
import shutil
import sys

import keras
import numpy as np
import pytest
from tiny_translators import TEXTS

from keras_attention.__main__ import main

TOO_LONG = "has 100 tokens with the end token; this model takes at most 17."


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs a command; its exit code, the lines of standard output and those of standard error."""

    def run(*arguments, given=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err.splitlines()

    return run


@pytest.fixture(scope="module")
def threshold(lstm):
    """Between the probabilities of two answers, far from both."""
    found = sorted(row.token_probability for row in lstm.translator.explain(TEXTS))
    gaps = np.diff(found)
    return found[np.argmax(gaps)] + gaps.max() / 2


@pytest.fixture
def evaluated(run_dir, tmp_path, threshold, lstm):
    """A run whose evaluation recorded a threshold."""
    folder = shutil.copytree(run_dir, tmp_path / "run")
    rejection = {"quantile": 0.01, "threshold": threshold}
    search = keras.saving.serialize_keras_object(lstm.translator.search)
    evaluation = {"search": search, "validation": {"rejection": rejection}}
    (folder / "evaluation.json").write_text(json.dumps(evaluation))
    return folder


def test_one_text_that_is_too_long_among_others(lstm, run, monkeypatch):
    expected = lstm.translator(["mei", "7", "dinsdag"])
    wanted = [expected[0], "", *expected[1:]]
    texts = ["mei", "x" * 99, "7", "dinsdag"]
    code, out, err = run("translate", lstm.bundle, *texts)
    assert (code, out) == (2, wanted)
    assert f"keras-attention: Text 2 {TOO_LONG}" in err
    monkeypatch.setattr("keras_attention.export.cli.LINES_AT_A_TIME", 2)
    command = ("translate", lstm.bundle, "--format", "onnx", "--skip-too-long")
    code, out, err = run(*command, given="\n".join(texts).encode())
    assert (code, out) == (0, wanted)
    assert f"keras-attention: Line 2 {TOO_LONG}" in err
    code, out, _ = run("translate", lstm.bundle, *texts, "--nbest", "--json")
    rows = [json.loads(line) for line in out]
    assert code == 2 and rows[1] == {"source": texts[1], "error": TOO_LONG}
    assert [len(row["nbest"]) for row in rows if "nbest" in row] == [3, 3, 3]


def test_prefix(lstm, run_dir, run):
    expected = lstm.translator.explain(TEXTS[:3], ["2m"] * 3)
    assert all(row.text.startswith("2m") for row in expected)
    code, out, _ = run("translate", run_dir, *TEXTS[:3], "--prefix", "2m")
    assert (code, out) == (0, [row.text for row in expected])
    code, out, _ = run("translate", run_dir, "mei", "--prefix", "2m", "--nbest")
    hypotheses = lstm.translator.nbest("mei", "2m")
    assert out == [f"{score:.4f}\t{text}" for text, score in hypotheses] + [""]


def test_probability_and_the_mark_of_what_was_cut_off(lstm, run):
    expected = lstm.translator.explain(TEXTS)
    code, out, err = run("translate", lstm.bundle, *TEXTS, "--probability")
    columns = [line.split("\t", 1) for line in out]
    assert code == 0 and [text for _, text in columns] == [row.text for row in expected]
    probabilities = [np.exp(np.mean(row.token_scores.astype("float64"))) for row in expected]
    np.testing.assert_allclose([float(p) for p, _ in columns], probabilities, atol=2e-4)
    cut_off = [f"Text {n}: " for n, row in enumerate(expected, start=1) if not row.finished]
    told = [line for line in err if "the translation is cut off at 9 tokens" in line]
    assert len(told) == len(cut_off) > 0
    assert all(name in line for name, line in zip(cut_off, told, strict=True))
    code, out, _ = run("translate", lstm.bundle, *TEXTS, "--json")
    assert [json.loads(line)["finished"] for line in out] == [row.finished for row in expected]


def test_hypotheses_that_were_cut_off(lstm, run_dir, run):
    expected = lstm.translator.nbest(TEXTS[:4])
    cut_off = [
        (text, [str(place) for place, row in enumerate(rows, start=1) if not row.finished])
        for text, rows in enumerate(expected, start=1)
    ]
    for folder in (run_dir, lstm.bundle):
        code, out, err = run("translate", folder, *TEXTS[:4], "--nbest", "--json")
        assert code == 0
        for line, rows in zip(out, expected, strict=True):
            told = [row["finished"] for row in json.loads(line)["nbest"]]
            assert told == [row.finished for row in rows]
        told = [line for line in err if "cut off at the most tokens" in line]
        several = [(text, places) for text, places in cut_off if places]
        assert len(told) == len(several) > 0
        for line, (text, places) in zip(told, several, strict=True):
            assert f"Text {text}: hypothes" in line and f" {', '.join(places)} " in line


def test_rejected_answers_leave_an_empty_line(lstm, evaluated, threshold, run):
    expected = lstm.translator.explain(TEXTS)
    rejected = [row.token_probability < threshold for row in expected]
    assert len(set(rejected)) == 2
    code, out, err = run("translate", evaluated, *TEXTS, "--reject")
    wanted = ["" if bad else row.text for row, bad in zip(expected, rejected, strict=True)]
    assert (code, out) == (0, wanted)
    assert sum("is rejected, its probability is 0." in line for line in err) == sum(rejected)
    code, out, err = run("translate", evaluated, *TEXTS, "--reject", "--beam-width", "2")
    assert (code, out) == (2, []) and "are of Beam(width=3, " in err[-1]
    code, out, _ = run("translate", lstm.bundle, *TEXTS, "--reject-below", str(threshold), "--json")
    rows = [json.loads(line) for line in out]
    assert [row["rejected"] for row in rows] == rejected
    assert [row["text"] for row in rows] == [row.text for row in expected]


@pytest.mark.parametrize("value", ["nan", "2", "-1"])
def test_a_threshold_is_a_probability(run, value):
    code, out, (sentence,) = run("translate", "nowhere", "mei", f"--reject-below={value}")
    assert (code, out) == (2, [])
    assert "--reject-below must be a probability from 0 to 1. Received: --reject-below" in sentence


def test_scores_of_given_translations(lstm, run_dir, run, tmp_path):
    sources, translations = ["mei", "7", "dinsdag"], ["3 mei", "", "yy"]
    expected = lstm.translator.score(sources, translations)
    lines = [f"{row.score:.4f}\t{row.log_probability:.4f}" for row in expected]
    pairs = [text for pair in zip(sources, translations, strict=True) for text in pair]
    assert run("score", run_dir, *pairs) == (0, lines, [])
    (tmp_path / "source").write_text("\n".join(sources) + "\n")
    (tmp_path / "target").write_text("\r\n".join(translations) + "\r\n")
    files = ("--source", tmp_path / "source", "--target", tmp_path / "target")
    code, out, _ = run("score", run_dir / "translator", *files, "--tokens")
    tokens = "3 {:.4f}    {:.4f}  m {:.4f}  e {:.4f}  i {:.4f}  </s> {:.4f}"
    assert (code, out[0]) == (0, f"{lines[0]}\t{tokens.format(*expected[0].token_scores)}")
    table = "".join(f"{a}\t{b}\n" for a, b in zip(sources, translations, strict=True))
    table += f"{'x' * 99}\t7\n7\n7\tZ\n"
    code, out, err = run("score", run_dir, "--json", "--search", "greedy", given=table.encode())
    rows = [json.loads(line) for line in out]
    assert code == 2 and len(rows) == 6
    for row, wanted in zip(rows, expected, strict=False):
        assert row["score"] == row["log_probability"]
        assert row["log_probability"] == pytest.approx(wanted.log_probability, abs=1e-4)
        assert row["target_tokens"] == wanted.target_tokens
    told = [line.removeprefix("keras-attention: ") for line in err if line.startswith("keras")]
    assert told == [
        f"Line 4 cannot be scored: its text {TOO_LONG}",
        "Line 5 has 1 columns: expected a text, a tab and a translation.",
        "Line 6 cannot be scored: its translation has what the target vocabulary lacks: 'Z'.",
    ]
    (tmp_path / "target").write_text("7\n")
    code, _, err = run("score", run_dir, *files)
    assert code == 2 and "must have as many lines. Received: 3 and 1 lines" in err[-1]

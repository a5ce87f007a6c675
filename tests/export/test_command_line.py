"""`keras-attention export`, `verify` and `translate`, as a person calls them."""

import io
import json
import shutil
import sys

import numpy as np
import pytest
from tiny_translators import TEXTS

from keras_attention import UserError
from keras_attention.__main__ import main
from keras_attention.decoding import SearchOptions, changed_search
from keras_attention.export import bundle, cli, layout


class Lines(io.BytesIO):
    """Standard input that is a file or a keyboard."""

    def __init__(self, content, keyboard=False):
        super().__init__(content)
        self.keyboard = keyboard

    def isatty(self):
        return self.keyboard


@pytest.fixture
def standard_input(monkeypatch):
    def give(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Lines(content)))

    return give


def test_translate_gives_a_line_for_each_text(lstm, run_dir, capsys):
    expected = lstm.translator(TEXTS[:3])
    for arguments in ([run_dir], [lstm.bundle], [lstm.bundle, "--format", "onnx"]):
        assert main(["translate", *map(str, arguments), *TEXTS[:3]]) == 0
        assert capsys.readouterr().out.splitlines() == expected


def test_translate_reads_standard_input(lstm, capsys, standard_input, monkeypatch):
    monkeypatch.setattr(cli, "LINES_AT_A_TIME", 2)
    standard_input(b"mei\r\n\ndinsdag\n\xff7")
    assert main(["translate", str(lstm.bundle)]) == 0
    expected = lstm.translator(["mei", "", "dinsdag", "\ufffd7"])
    assert capsys.readouterr().out.splitlines() == expected


@pytest.mark.parametrize("command", ["translate", "score"])
def test_closed_standard_input_is_one_sentence(capsys, monkeypatch, command):
    monkeypatch.setattr(sys, "stdin", None)
    assert main([command, "nowhere"]) == 2
    expected = "keras-attention: Standard input is closed: give texts as arguments, or open it.\n"
    assert capsys.readouterr().err == expected


def test_keyboard_is_answered_line_by_line():
    batches = cli.batches_of_lines(Lines(b"a\nb\n", keyboard=True), print)
    assert list(batches) == [["a"], ["b"]]


def test_translate_explains_and_draws(lstm, capsys, tmp_path):
    pictures = tmp_path / "pictures" / "alignment.png"
    command = ["translate", str(lstm.bundle), "--explain", "--picture", str(pictures)]
    assert main([*command, "mei"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (explanation,) = lstm.translator.explain(["mei"])
    assert lines[:2] == ["mei", explanation.text]
    probabilities = np.exp(explanation.token_scores)
    mean = np.prod(probabilities) ** (1 / len(probabilities))
    assert lines[2] == f"probability {mean:.4f} (geometric mean of the tokens)"
    pairs = zip(explanation.target_tokens, probabilities, strict=True)
    assert lines[3] == "tokens " + "  ".join(f"{token} {value:.4f}" for token, value in pairs)
    assert len(lines) > 4 + len(explanation.target_tokens)
    assert pictures.read_bytes().startswith(b"\x89PNG")
    assert main([*command, "mei", "7"]) == 0
    names = {path.name for path in pictures.parent.iterdir()}
    assert names == {"alignment.png", "alignment-1.png", "alignment-2.png"}


def test_translate_prints_json(lstm, capsys):
    assert main(["translate", str(lstm.bundle), "mei", "7", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == lstm.translator(["mei", "7"])
    assert [set(row) for row in rows] == [{"source", "text", "score", "finished"}] * 2
    assert main(["translate", str(lstm.bundle), "mei", "--json", "--explain"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert len(row["alignment"]) == len(row["target_tokens"])
    assert len(row["alignment"][0]) == len(row["source_tokens"]) == 4


def test_translate_prints_the_nbest(lstm, run_dir, capsys):
    expected = lstm.translator.nbest(["mei", "7"])
    for folder in (run_dir, lstm.bundle):
        assert main(["translate", str(folder), "mei", "7", "--nbest"]) == 0
        lines = [f"{score:.4f}\t{text}" for row in expected for text, score in [*row, ("", 0.0)]]
        lines = ["" if line == "0.0000\t" else line for line in lines]
        assert capsys.readouterr().out.splitlines() == lines
    assert main(["translate", str(lstm.bundle), "mei", "--nbest", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["source"] == "mei"
    assert [hypothesis["text"] for hypothesis in row["nbest"]] == [text for text, _ in expected[0]]


def test_a_bundle_whose_search_is_of_a_class_that_is_not_known(lstm, tmp_path, capsys):
    """The files have it inside; only its most steps are asked for."""
    bundle = shutil.copytree(lstm.bundle, tmp_path / "bundle")
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["search"]["registered_name"] = manifest["search"]["class_name"] = "theirs>Search"
    layout.write_manifest(bundle, manifest)
    assert main(["translate", str(bundle), "mei", "--format", "onnx"]) == 0
    assert capsys.readouterr().out.splitlines() == lstm.translator(["mei"])


def test_translate_with_another_search(lstm, run_dir, capsys):
    search = lstm.translator.search
    try:
        lstm.translator.search = changed_search(search, SearchOptions(search="greedy"))
        expected = lstm.translator(TEXTS)
    finally:
        lstm.translator.search = search
    assert expected != lstm.translator(TEXTS)  # Or the option could be lost.
    assert main(["translate", str(run_dir), *TEXTS, "--search", "greedy"]) == 0
    assert capsys.readouterr().out.splitlines() == expected
    assert main(["translate", str(lstm.bundle), "mei", "--search", "greedy"]) == 2
    assert "whose files hold their search" in capsys.readouterr().err


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_predictors_name_the_text_that_is_too_long(lstm, format):
    texts = ["x"] * 70 + ["x" * 40]
    message = "Text 71 has 41 tokens with the end token; this model takes at most 17."
    with pytest.raises(UserError, match=message):
        lstm.predictor(format).predict(texts)


def test_text_of_a_broken_terminal(lstm, capsys):
    assert main(["translate", str(lstm.bundle), "mei", "7\udcff"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == lstm.translator(["mei", "7\ufffd"])
    assert "Text 2 is not valid UTF-8: U+FFFD takes the place" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["translate", "nowhere", "x"], "nowhere does not exist"),
        (["translate", "RUN", "x", "--format", "onnx"], "not an exported bundle"),
        (["translate", "BUNDLE", "x", "--prefix", "m"], "An exported file takes no prefixes"),
        (["translate", "RUN", "x", "--prefix", "ZZ"], "Prefix 1 has what the target vocabulary"),
        (["translate", "RUN", "x", "--reject"], "No threshold of rejection is recorded"),
        (["score", "BUNDLE", "x", "x"], "is an exported bundle, whose files score no"),
        (["score", "RUN", "x"], "a text and its translation, one after the other. Received: 1"),
        (["score", "RUN", "--source", "EMPTY"], "--source and --target go together"),
        (["translate", "RUN", "x", "--beam-width", "3", "--top-k", "2"], "No search knows all of"),
        (["translate", "RUN", "x", "--nbest", "--explain"], "--nbest goes with neither --explain"),
        (["export", "RUN", "--to", "TO", "--search", "greedy", "--n-best", "2"], "does not fit"),
        (["translate", "RUN", "x", "--unknown", "copy"], "for two tokenizers of the kind 'word'"),
        (["translate", "RUN", "x", "--unknown", "nowhere.json"], "it has no nowhere.json"),
        (["verify", "RUN"], "is not an exported bundle: it has no manifest.json"),
        (["export", "RUN", "--to", "RUN"], "it would be overwritten"),
        (
            ["export", "RUN", "--to", "TO", "--held-out", "nowhere.txt"],
            "There is no file nowhere.txt",
        ),
        (["export", "RUN", "--to", "TO", "--held-out", "EMPTY"], "is empty"),
    ],
)
def test_errors_are_one_sentence_and_exit_code_2(
    run_dir, lstm, tmp_path, capsys, arguments, message
):
    (tmp_path / "empty.txt").touch()
    places = {
        "RUN": run_dir,
        "BUNDLE": lstm.bundle,
        "TO": tmp_path / "to",
        "EMPTY": tmp_path / "empty.txt",
    }
    assert main([str(places.get(argument, argument)) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert len(captured.err.splitlines()) == 1
    assert not (tmp_path / "to").exists()


@pytest.mark.usefixtures("parity_here")
def test_verify_prints_a_table_or_json(lstm, capsys):
    assert main(["verify", str(lstm.bundle), "--json"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["name"] == "lstm"
    assert report["parity"]["onnx"]["sentences"] == len(TEXTS) + 1
    assert "SavedModel" in captured.err and "ONNX" in captured.err


def test_export_says_where_the_bundle_lies(run_dir, tmp_path, capsys, monkeypatch, lstm):
    asked = {}

    def export(source, to, texts, report, **options):
        asked.update(source=source, to=to, texts=texts, **options)
        report("Writing ...")
        return lstm.manifest

    monkeypatch.setattr(bundle, "export", export)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "held_out.txt").write_text("mei\r\ndinsdag\n")
    assert main(["export", str(run_dir), "--held-out=~/held_out.txt"]) == 0
    assert asked["to"].as_posix() == "exports/tiny"
    assert asked["texts"] == ["mei", "dinsdag"]
    assert asked["search"] == SearchOptions()
    assert asked["xla"] is False and asked["int8"] is False
    output = capsys.readouterr().out
    assert "Writing ..." in output and "SavedModel" in output and "exports/tiny" in output
    options = ["--beam-width", "2", "--n-best", "2", "--xla", "--int8"]
    assert main(["export", str(run_dir), "--json", *options]) == 0
    assert asked["search"] == SearchOptions(beam_width=2, n_best=2)
    assert asked["xla"] is True and asked["int8"] is True
    assert json.loads(capsys.readouterr().out) == lstm.manifest

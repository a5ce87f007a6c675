"""Bad input gets one clear sentence and exit code 2, and nothing that was there is lost."""

import errno
import io
import os
import re
import resource
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import TINY

from keras_attention import Translator, UserError, visualization
from keras_attention.__main__ import main
from keras_attention.training import event_files, train_and_evaluate
from keras_attention.training.callbacks import (
    AlignmentImages,
    Checkpoints,
    TensorBoard,
    checkpoints,
    resume,
)


@pytest.fixture
def fails(capsys):
    """Runs a command that must fail; returns its one sentence."""

    def run_command(*arguments):
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("keras-attention: ")
        return lines[0]

    return run_command


@pytest.fixture
def files(tmp_path):
    """Two parallel files of three lines, and bad ones."""
    contents = {
        "a.en": b"one\ntwo\nthree\n",
        "a.de": b"eins\nzwei\ndrei\n",
        "short.de": b"eins\nzwei\n",
        "empty.de": b"",
        "latin.de": b"eins\nzw\xf6lf\ndrei\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("none.de", r"There is no file .*none\.de"),
        ("short.de", r"a\.en has 3 lines but .*short\.de has 2"),
        ("empty.de", r"empty\.de is empty"),
        ("latin.de", r"latin\.de is not valid UTF-8 in line 2"),
    ],
)
def test_files(fails, files, target, message):
    run_dir = files / "run"
    sides = "--train-source", files / "a.en", "--train-target", files / target
    sentence = fails("train", "translation", *sides, "--run-dir", run_dir)
    assert re.search(message, sentence)
    assert not run_dir.exists()  # Or the command, once it is right, would be refused.


def test_every_pair_too_long_does_not_claim_the_folder(fails, files):
    run_dir = files / "run"
    arguments = ["--train-source", files / "a.en", "--train-target", files / "a.de"]
    arguments += ["--validation-source", files / "a.en", "--validation-target", files / "a.de"]
    arguments += ["--test-source", files / "a.en", "--test-target", files / "a.de"]
    arguments += ["--source-tokenizer", "byte", "--target-tokenizer", "byte"]
    arguments += ["--max-source-length", "2", "--run-dir", run_dir]
    assert "All 3 pairs are longer" in fails("train", "translation", *arguments)
    assert not run_dir.exists()


def test_no_data_or_two_kinds(fails, files):
    assert "Received: none" in fails("train", "translation", "--run-dir", files / "run")
    two = ["--embedded", "dates", "--tfds", "x/y"]
    sentence = fails("train", "translation", *two, "--run-dir", files / "run")
    assert "Received: --embedded, --tfds" in sentence


def test_half_of_a_pair_of_files(fails, files):
    arguments = ["--train-source", files / "a.en", "--run-dir", files / "run"]
    sentence = fails("train", "translation", *arguments)
    assert "--train-source and --train-target must be given together" in sentence


def test_unknown_recipe_command_and_option(fails, capsys, tmp_path):
    sentence = fails("train", "date")
    assert "No recipe is named 'date'; there are: date-parts, dates, " in sentence
    assert sentence.rstrip().endswith("slots, translation.")
    assert "There is no file" in fails("train", tmp_path / "none.json")
    assert "unknown command trian: did you mean train?" in fails("trian")
    assert "Unknown option --epoch-count" in fails("train", "dates", "--epoch-count", "3")
    assert "Unknown option --wide" in fails("evaluate", tmp_path, "--wide")
    assert "Unknown option --explian" in fails("translate", tmp_path, "--explian")
    assert capsys.readouterr().out == ""


def test_values_that_make_no_sense(fails, tmp_path):
    sentence = fails("train", "dates", "--epochs", "0", "--run-dir", tmp_path / "run")
    assert "--epochs must be positive. Received: 0" in sentence
    sentence = fails("train", "dates", "--length-penalty", "nan", "--run-dir", tmp_path / "run")
    assert "--length-penalty is expected to be a finite number. Received: " in sentence
    assert "nan" in sentence
    assert not (tmp_path / "run").exists()


def test_options_of_another_model(fails, tmp_path):
    arguments = ["--model", "transformer-tiny", "--encoder-units", "999"]
    sentence = fails("train", "translation", *arguments, "--run-dir", tmp_path / "run")
    assert "--encoder-units is for the recurrent model. Received: 999 with" in sentence


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_options_of_another_search(fails, tmp_path, copied_run, command):
    arguments = {
        "train": ["dates", "--run-dir", tmp_path / "run"],
        "evaluate": [copied_run.folder],
    }[command]
    sentence = fails(command, *arguments, "--beam-width", "1", "--length-penalty", "0.6")
    assert "--length-penalty does not fit greedy search. Received: 0.6" in sentence
    sentence = fails(command, *arguments, "--groups", "2", "--top-k", "3")
    assert "No search knows all of these: --groups, --top-k." in sentence


def test_run_directory_of_another_recipe(fails, copied_run):
    recorded = copied_run.folder / "recipe.json"
    before = recorded.read_bytes()
    for flag, asked, message in (
        ("--epochs", 2, "epochs is 3 there and 2 here; a run can be made longer, not shorter"),
        (
            "--batch-size",
            9,
            "batch_size is 13 there and 9 here; the order of the pairs, the number",
        ),
        ("--metric", "bleu", "metric is 'chrf' there and 'bleu' here; it chooses the best epoch"),
        ("--cell", "lstm", "cell is 'gru' there and 'lstm' here; what is trained depends on it"),
    ):
        sentence = fails("train", recorded, flag, asked, "--run-dir", copied_run.folder)
        assert f"was made with another recipe: {message}" in sentence
    assert recorded.read_bytes() == before
    assert len(checkpoints(copied_run.folder / "checkpoints")) == 2


def test_folders_that_are_no_run(fails, tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    assert "is not empty and is no run directory" in fails("train", "dates", "--run-dir", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    file = tmp_path / "thesis.txt"
    assert "is a file, not a folder" in fails("train", "dates", "--run-dir", file)
    for folder in (tmp_path, tmp_path / "nowhere", file):
        assert "is not a run directory: it has no recipe.json" in fails("evaluate", folder)


def test_damaged_recipe(fails, copied_run):
    (copied_run.folder / "recipe.json").write_text('{"recipe": ')
    assert "recipe.json is damaged" in fails("evaluate", copied_run.folder)
    sentence = fails("train", "dates", "--run-dir", copied_run.folder)
    assert "recipe.json is damaged" in sentence


def test_run_without_a_model(fails, copied_run):
    copied_run.folder.joinpath("translator").rename(copied_run.folder / "elsewhere")
    assert "has no model yet" in fails("evaluate", copied_run.folder)


# A full disk -----


def fill_disk(monkeypatch, name):
    """Saving a file of a certain name writes a part of it and then finds no space."""
    save = keras.Model.save

    def save_a_part(model, path, **options):
        if name not in str(path):
            return save(model, path, **options)
        with open(path, "wb") as file:
            file.write(b"PK\x03\x04 half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(keras.Model, "save", save_a_part)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize(
    ("name", "message"),
    [("epoch-", "The checkpoint of epoch 3 could not"), ("translator", "The best model could not")],
)
def test_full_disk_loses_nothing(fails, copied_run, monkeypatch, name, message):
    folder = copied_run.folder
    newest, older = checkpoints(folder / "checkpoints")
    newest.unlink()
    if name == "translator":  # Its absence makes the next epoch's the best.
        for path in sorted((folder / "translator").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (folder / "translator").rmdir()
    before = older.read_bytes()
    with monkeypatch.context() as patch:
        fill_disk(patch, name)
        sentence = fails("train", folder / "recipe.json", "--run-dir", folder)
    assert message in sentence and "No space left on device" in sentence
    assert "repeat the command" in sentence
    assert older.read_bytes() == before
    assert checkpoints(folder / "checkpoints") == [older]
    assert not list(folder.glob(".*")) and not list(folder.glob("checkpoints/.*"))
    assert resume(folder / "checkpoints", print)[1] == 2


@pytest.fixture
def limit_of_file_size():
    """The operating system refuses files beyond this size; other files of the test are smaller."""
    size = 2**16
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    yield size
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_partial_write_of_a_real_checkpoint(tmp_path, limit_of_file_size):
    model = keras.Sequential([keras.Input((31,)), keras.layers.Dense(7)])
    callback = Checkpoints(tmp_path, steps=1)
    callback.set_model(model)
    callback.on_epoch_end(0)
    big = keras.Sequential([keras.Input((131,)), keras.layers.Dense(257)])
    assert 4 * big.count_params() > limit_of_file_size
    callback.set_model(big)
    with pytest.raises(UserError, match="The checkpoint of epoch 2 could not be written to"):
        callback.on_epoch_end(1)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-00001.keras"]
    restored, epochs = resume(tmp_path, print)
    assert epochs == 1
    np.testing.assert_array_equal(restored.get_weights()[0], model.get_weights()[0])


def test_logs_of_tensorboard_that_cannot_be_written(tmp_path, limit_of_file_size, monkeypatch):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    board = TensorBoard(tmp_path / "logs")
    board.set_model(model)
    board.on_train_begin()
    logs = {f"score_{number}": 0.5 for number in range(400)}
    with pytest.raises(
        UserError, match=r"logs: .*; File too large\. Nothing older is lost"
    ) as found:
        for epoch in range(9):
            board.on_epoch_begin(epoch)
            board.on_epoch_end(epoch, logs)
    assert epoch > 0 and "{" not in str(found.value)

    noise = np.random.default_rng(7).integers(0, 256, (200, 200, 3), "uint8")  # PNG cannot pack it.
    monkeypatch.setattr(visualization, "alignment_image", lambda *arguments, **options: noise)
    why = types.SimpleNamespace(alignment=None, source_tokens=[], target_tokens=[], text="x")
    translator = types.SimpleNamespace(explain=lambda texts: [why])
    images = AlignmentImages(translator, ["x"], tmp_path / "pictures")
    with pytest.raises(UserError, match="The logs of TensorBoard could not be written"):
        images.on_epoch_end(0)


def test_scores_are_shown_where_the_disk_is_full(copied_run, monkeypatch, capsys):
    def no_space(self, *arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    folder = str(copied_run.folder)
    before = copied_run.read("evaluation.json")
    monkeypatch.setattr("pathlib.Path.write_bytes", no_space)
    for command in (["evaluate", folder], ["train", f"{folder}/recipe.json", "--run-dir", folder]):
        assert main(command) == 0
        output = capsys.readouterr().out
        assert "The scores are not recorded: " in output and "No space left on device" in output
        assert copied_run.result["test"]["signatures"]["bleu"] in output
    monkeypatch.undo()
    assert copied_run.read("evaluation.json") == before


def test_logs_that_a_run_cannot_go_on_with(fails, copied_run, monkeypatch):
    folder = copied_run.folder
    checkpoints(folder / "checkpoints")[0].unlink()
    logs = {path: path.read_bytes() for path in event_files.event_files(folder / "logs")}
    write = event_files._write

    def no_space(path, records):
        raise tf.errors.ResourceExhaustedError(None, None, f"{path}; No space left on device")

    def a_part(path, records):
        write(path, records[:-1])

    for failing, reason in ((no_space, "No space left on device"), (a_part, "be read back")):
        monkeypatch.setattr(event_files, "_write", failing)
        sentence = fails("train", folder / "recipe.json", "--run-dir", folder)
        assert "The logs of TensorBoard could not be written to" in sentence
        assert reason in sentence
    assert {path: path.read_bytes() for path in logs} == logs


# Broken checkpoints -----

DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "garbage": lambda content: bytes(len(content)),
    "changed": lambda content: content[:5000] + bytes(9000) + content[14000:],
}


def damage(path, kind):
    path.write_bytes(DAMAGES[kind](path.read_bytes()))


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.filterwarnings("default")  # What Keras and h5py say on the way.
def test_a_broken_checkpoint_falls_back_to_the_one_before(copied_run, kind):
    folder = copied_run.folder / "checkpoints"
    newest, older = checkpoints(folder)
    damage(newest, kind)
    lines = []
    model, epochs = resume(folder, lines.append)
    assert epochs == 2
    expected = keras.saving.load_model(older).get_weights()
    for array, other in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(array, other)
    (line,) = lines
    assert f"The checkpoint {newest} is damaged (" in line and "the one before" in line
    assert len(line.splitlines()) == 1


def test_all_checkpoints_broken(fails, copied_run):
    for path in checkpoints(copied_run.folder / "checkpoints"):
        damage(path, "truncated")
    recipe = copied_run.folder / "recipe.json"
    sentence = fails("train", recipe, "--run-dir", copied_run.folder)
    assert "None of the checkpoints in" in sentence and "Remove the folder" in sentence


# Texts -----


def test_translate_says_what_is_too_long(run, capsys):
    assert main(["translate", str(run.folder), "1 May 2001", "1" * 40]) == 2
    output, error = capsys.readouterr()
    assert len(output.split("\n")) == 3 and output.endswith("\n\n")  # an answer, and an empty line
    too_long = "Text 2 has 41 tokens with the end token; this model takes at most 29."
    assert error.splitlines()[-1] == f"keras-attention: {too_long}"


def test_translate_of_odd_texts(run, capsys, monkeypatch):
    translator = Translator.load(run.folder / "translator")
    assert main(["translate", str(run.folder), "", "1 May 2001", "\U0001f600"]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert lines == ["", *translator(["1 May 2001", "\U0001f600"]), ""]
    standard_input = io.TextIOWrapper(io.BytesIO(b"\xff\xff 3\n"))
    monkeypatch.setattr(sys, "stdin", standard_input)
    assert main(["translate", str(run.folder)]) == 0
    assert capsys.readouterr().out.splitlines() == translator(["\ufffd\ufffd 3"])


def test_translate_of_no_text(run, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(["translate", str(run.folder)]) == 0
    assert capsys.readouterr().out == ""


def test_a_write_that_fails_without_a_name(fails, copied_run, monkeypatch):
    def no_space(self, *arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pathlib.Path.write_bytes", no_space)
    folder = copied_run.folder
    sentence = fails("train", folder / "recipe.json", "--run-dir", folder, "--name", "other")
    assert "No space left on device" in sentence


def test_the_recipe_comes_first(fails, tmp_path):
    sentence = fails("train", "--run-dir", tmp_path / "run", "dates")
    assert "The recipe comes first: keras-attention train dates" in sentence


def test_recipes_are_trained_on_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="set KERAS_BACKEND=tensorflow. Received: jax"):
        train_and_evaluate(TINY, tmp_path / "run")

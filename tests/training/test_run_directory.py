"""Whose a run directory is, and what may change between two commands for it."""

import dataclasses
import json
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import TINY, changed

from keras_attention import UserError
from keras_attention.__main__ import main
from keras_attention.locks import lock
from keras_attention.training import (
    DataOptions,
    Pairs,
    SearchOptions,
    bleu_tokenizers,
    evaluate,
    load_splits,
    recipes,
    rehearsal,
)
from keras_attention.training import train as train_module
from keras_attention.training.callbacks import read_steps, resume
from keras_attention.training.data.data_paths import absolute
from keras_attention.training.data.digests import digests, record_digests
from keras_attention.training.data.splits import SPLITS
from keras_attention.training.event_files import forget_epochs
from keras_attention.training.recipes.changes import agree
from keras_attention.training.recipes.file import read_recipe
from keras_attention.training.run_directory import record_changes, record_recipe
from keras_attention.training.tasks import translation


@pytest.fixture
def command(capsys):
    """Runs a command; returns its exit code and what it printed, for people and for programs."""

    def run_command(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command


@pytest.fixture
def train_again(command, copied_run):
    """Repeats the command of a finished run, with other options."""

    def run_command(*options):
        recorded = copied_run.folder / "recipe.json"
        return command("train", recorded, "--run-dir", copied_run.folder, *options)

    return run_command


@pytest.fixture
def file_run(copied_run, tmp_path):
    """The tiny run as if trained from `data/train.src` and so on, in the folder `tmp_path`."""
    splits = load_splits(TINY.data, TINY.fit.seed)
    options = {}
    (tmp_path / "data").mkdir()
    for split in ("train", "validation", "test"):
        pairs = getattr(splits, split)
        for side, texts in (("source", pairs.sources), ("target", pairs.targets)):
            name = f"data/{split}.{side}"
            (tmp_path / name).write_text("".join(f"{line}\n" for line in texts), encoding="utf-8")
            options[f"{split}_{side}"] = name
    sizes = {"embedded": "", "train_size": 0, "validation_size": 0, "test_size": 0}
    recipe = changed(TINY, data={**options, **sizes})
    record_recipe(copied_run.folder / "recipe.json", recipe)
    return dataclasses.replace(copied_run, recipe=recipe)


# Digests -----


def test_changed_pairs_are_refused_unless_accepted(train_again, command, copied_run):
    folder = copied_run.folder
    recorded = copied_run.read("data.json")
    assert {name: entry["pairs"] for name, entry in recorded.items()} == {
        "train": 97,
        "validation": 31,
        "test": 43,
    }
    other = json.loads(json.dumps(recorded))
    other["test"]["sha256"] = "0"
    other["train"]["pairs"] = 96
    (folder / "data.json").write_text(json.dumps(other))
    code, _, error = train_again()
    assert code == 2 and len(error.strip().splitlines()) == 1
    assert f"The train pairs are not those that {folder} began with (96 then, 97 now)" in error
    code, _, error = command("evaluate", folder)
    assert code == 2 and "The test pairs are not those" in error and "as many" in error
    (folder / "samples.json").unlink()
    before = (folder / "evaluation.json").read_bytes()
    code, output, _ = command("evaluate", folder, "--accept-changed-data")
    assert code == 0 and "chrF" in output
    assert "The scores are not recorded: they are those of other data" in output
    assert (folder / "evaluation.json").read_bytes() == before
    assert not (folder / "samples.json").exists()
    assert copied_run.read("data.json") == other

    code, output, _ = train_again("--accept-changed-data")
    assert code == 0 and "has all its 3 epochs" in output
    assert output.count("accepted.") == 2
    assert copied_run.read("data.json") == recorded


def test_a_digest_is_of_the_texts():
    def digest(sources, targets):
        pairs = Pairs(sources, targets)
        splits = types.SimpleNamespace(train=pairs, validation=pairs, test=pairs)
        return digests(splits)["train"]["sha256"]

    lists = [["ab", "c"], ["a", "bc"], ["c", "ab"], ["ab", "d"]]
    assert len({digest(left, right) for left in lists for right in lists}) == 16
    assert digest(["ab"], ["c"]) == digest(["ab"], ["c"])


# Changes -----


def test_a_run_can_grow_and_report_otherwise(train_again, copied_run):
    folder = copied_run.folder
    code, output, _ = train_again("--epochs", "4", "--name", "other", "--heatmaps", "0")
    assert code == 0
    assert "The run grows from 3 to 4 epochs" in output
    assert [entry["epoch"] for entry in copied_run.read("history.json")] == [0, 1, 2, 3]
    recorded = copied_run.read("recipe.json")["recipe"]
    assert (recorded["name"], recorded["fit"]["epochs"]) == ("other", 4)
    model, epochs_done = resume(folder / "checkpoints", pytest.fail)
    steps = int(model.optimizer.iterations) // 4
    assert epochs_done == 4
    # The lowest rate, a fiftieth, is reached after the last step of the fourth epoch.
    schedule = model.optimizer._learning_rate
    peak = TINY.fit.learning_rate
    assert schedule.total_steps == 4 * steps
    np.testing.assert_allclose(schedule(4 * steps), 0.02 * peak, rtol=1e-5)
    assert schedule(3 * steps) > 0.1 * peak


def test_accepted_pairs_of_another_number_change_the_steps_to_come(copied_run, monkeypatch):
    def fewer(options, seed, report):
        splits = load_splits(options, seed, report)
        return dataclasses.replace(splits, train=splits.train.select(range(54)))

    folder, lines = copied_run.folder / "checkpoints", []
    before = int(resume(folder, pytest.fail)[0].optimizer.iterations)
    monkeypatch.setattr(translation, "load_splits", fewer)
    recipe = changed(TINY, fit={"epochs": 4})
    train_module.train_and_evaluate(recipe, copied_run.folder, lines.append, True)
    model, epochs_done = resume(folder, pytest.fail)
    after = int(model.optimizer.iterations)
    assert epochs_done == 4 and 0 < after - before < before // 3
    assert f"An epoch has {after - before} steps now" in "".join(lines)
    assert (read_steps(folder, 3), read_steps(folder, 4)) == (before, after)
    schedule, lowest = model.optimizer._learning_rate, 0.02 * TINY.fit.learning_rate
    np.testing.assert_allclose(schedule(after), lowest, rtol=1e-5)
    assert schedule(after - 1) > 1.01 * lowest
    steps = {
        event.step
        for path in (copied_run.folder / "logs").rglob("*.tfevents.*")
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag.endswith("_vs_iterations")
    }
    assert steps == {before // 3, 2 * before // 3, before, after}


def agreed(folder, recorded, asked, same_data=False, known=None, given=None):
    folder.mkdir(exist_ok=True)
    path, lines = folder / "recipe.json", []
    record_recipe(path, recorded)
    if known is not None:
        content = json.loads(path.read_text())
        content["recipe"]["fit"] = {name: content["recipe"]["fit"][name] for name in known}
        path.write_text(json.dumps(content))
    return agree(path, asked, same_data, lines.append, given), lines


def test_another_spelling_of_a_path_is_the_same_path(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("a")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    recorded = changed(TINY, data={"embedded": "", "train_source": "data/a"})
    for path in ("data/../data/a", "link/a", str(tmp_path / "data" / "a")):
        asked = changed(TINY, data={"embedded": "", "train_source": path})
        agreed(tmp_path / "run", recorded, dataclasses.replace(asked, data=absolute(asked.data)))
    other = changed(TINY, data={"embedded": "", "train_source": "data/b"})
    with pytest.raises(UserError, match=r"train_source is '.*data/a' there and 'data/b' here"):
        agreed(tmp_path / "run", recorded, other)
    agreed(tmp_path / "run", recorded, other, same_data=True)  # Digests tell.


def test_files_may_be_read_otherwise_if_the_pairs_are_the_same(tmp_path):
    tables = changed(TINY, data={"embedded": "", "train_table": "a.tsv"})
    for option in ({"table_header": "yes"}, {"encoding": "utf-8"}):
        other = changed(tables, data=option)
        agreed(tmp_path / "run", tables, other, same_data=True)
        with pytest.raises(UserError, match="there and .*; what is trained depends on it"):
            agreed(tmp_path / "run", tables, other)
    files = changed(tables, data={"train_table": "", "train_source": "a.src", "train_target": "a"})
    found, _ = agreed(tmp_path / "run", tables, files, same_data=True)
    record_recipe(tmp_path / "recipe.json", tables)
    record_changes(tmp_path / "recipe.json", found)
    assert read_recipe(tmp_path / "recipe.json").data == files.data


def test_what_changes_the_scores_of_epochs_may_not_change(tmp_path):
    other = changed(TINY, score={"bleu_tokenizer": "char"})
    agreed(tmp_path / "run", TINY, other)  # chrF chooses the best epoch.
    bleu = changed(TINY, score={"metric": "bleu"})
    for option, value in (("bleu_tokenizer", "char"), ("validation_decodes", 3)):
        with pytest.raises(UserError, match=f"{option} is .* it chooses the best epoch") as error:
            agreed(tmp_path / "run", bleu, changed(bleu, score={option: value}))
        advised = "evaluate --bleu-tokenizer scores a run with another" in str(error.value)
        assert advised == (option == "bleu_tokenizer")


def test_an_option_younger_than_the_run_keeps_its_old_meaning(tmp_path):
    known = ("epochs", "batch_size", "warmup_steps", "learning_rate", "seed")
    asked = changed(TINY, fit={"warmup_share": 0.1})
    found, lines = agreed(tmp_path / "run", TINY, asked, known=known)
    assert found == TINY
    assert "is older than --warmup-share: it goes on with None, not 0.1" in lines[0]
    # A recipe says it, the user does not.
    silent = agreed(tmp_path / "run", TINY, asked, known=known, given={"epochs"})
    assert silent == (TINY, [])
    told = agreed(tmp_path / "run", TINY, asked, known=known, given={"warmup_share"})
    assert told == (TINY, lines)
    # The same after something else was recorded.
    record_changes(tmp_path / "run" / "recipe.json", dataclasses.replace(TINY, name="other"))
    lines = []
    found = agree(tmp_path / "run" / "recipe.json", asked, True, lines.append)
    assert found == TINY and lines
    # A default of this version is not asked for.
    default = changed(TINY, fit={"warmup_steps": None})
    assert agreed(tmp_path / "run", TINY, default)[0] == TINY


# Paths -----


def test_a_run_is_evaluated_from_anywhere(file_run, command, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (file_run.folder / "data.json").unlink()  # As version 0.1 left it.
    code, output, _ = command("evaluate", file_run.folder, "--json")
    assert code == 0
    scores = json.loads(output)
    for name in ("validation", "test"):
        pairs = zip(scores[name]["samples"], file_run.result[name]["samples"], strict=True)
        for sample, expected in pairs:  # A file has no white space around its lines.
            assert sample["reference"] == expected["reference"]
            assert sample["source"] == expected["source"].strip()
        assert scores[name]["pairs"] == file_run.result[name]["pairs"]
    assert scores["test"]["too_long_share"] == scores["test"]["too_long"] / 43

    # Where the data lies, a command in another spelling goes on, and records where that is.
    monkeypatch.chdir(tmp_path)
    recorded = "copy/recipe.json"
    paths = ["--test-source", "elsewhere/../data/test.source"]
    code, output, _ = command("train", recorded, "--run-dir", "copy", *paths)
    assert code == 0 and "has no digests of its data" in output and "all its 3 epochs" in output
    data = file_run.read("recipe.json")["recipe"]["data"]
    assert data["train_source"] == str(tmp_path / "data" / "train.source")
    assert file_run.read("data.json")["test"]["pairs"] == 43
    assert "too long (" in output


def test_a_project_that_was_moved(copied_run, command, tmp_path):
    """Run and data together; the recorded paths are those of the folder that is no more."""
    old, new = tmp_path / "old", tmp_path / "renamed" / "new"
    (old / "data").mkdir(parents=True)
    folder = shutil.move(copied_run.folder, old / "runs" / "x")
    splits, paths = load_splits(TINY.data, TINY.fit.seed), {}
    for split in SPLITS:
        path = old / "data" / f"{split}.tsv"
        pairs = getattr(splits, split)
        rows = zip(pairs.sources, pairs.targets, strict=True)
        path.write_text("".join(f"{row[0].strip()}\t{row[1]}\n" for row in rows))
        paths[f"{split}_table"] = str(path)
    sizes = {"embedded": "", "train_size": 0, "validation_size": 0, "test_size": 0}
    recipe = changed(TINY, data={**paths, **sizes, "table_header": "no"})
    record_recipe(folder / "recipe.json", recipe)
    record_digests(folder, digests(load_splits(recipe.data, 0)))
    new.parent.mkdir()
    shutil.move(old, new)
    folder = new / "runs" / "x"
    (new / "runs" / "test.tsv").write_text("a\tb\n")  # Nearer, but of a shorter path.

    code, output, error = command("evaluate", folder)
    assert code == 0, error
    assert f"There is no {old}/data/test.tsv any more; {new}/data/test.tsv is read." in output
    code, output, error = command("train", folder / "recipe.json", "--run-dir", folder)
    assert code == 0 and "has all its 3 epochs" in output, error
    assert f"{new}/data/train.tsv is read" in output
    recorded = json.loads((folder / "recipe.json").read_text())["recipe"]["data"]
    assert recorded["validation_table"] == f"{new}/data/validation.tsv"
    (new / "data" / "test.tsv").unlink()
    code, _, error = command("evaluate", folder)  # What is found now is another file.
    assert code == 2 and "The test pairs are not those" in error
    (folder / "data.json").unlink()  # Of version 0.1: nothing would tell another file.
    code, _, error = command("evaluate", folder)
    assert code == 2 and str(new / "data" / "test.tsv") in error


def test_another_bleu_tokenizer(copied_run, command, tmp_path):
    folder, before = copied_run.folder, copied_run.read("evaluation.json")
    for name, line in (("a", "3 May 2021"), ("b", "二〇二一年五月三日")):
        (tmp_path / name).write_text(f"{line}\n", encoding="utf-8")
    sides = "--test-source", tmp_path / "a", "--test-target", tmp_path / "b"
    code, output, _ = command("evaluate", folder, *sides, "--bleu-tokenizer", "char")
    assert code == 0 and "tok:char" in output and "does not split" not in output
    code, output, _ = command("evaluate", folder, *sides)
    assert code == 0 and "tok:13a" in output and "The targets look Chinese" in output
    evaluate(folder, bleu_tokenizer="none")
    assert copied_run.read("evaluation.json") == before


def test_another_set_is_scored_and_not_recorded(file_run, command, tmp_path):
    folder, before = file_run.folder, file_run.read("evaluation.json")
    for name, line in (("a", "3 May 2021"), ("b", "2021-05-03")):
        (tmp_path / name).write_text(f"{line}\n{line}\n")
    (tmp_path / "c.tsv").write_text("x\t2021-05-03\t3 May 2021\n")
    sides = "--test-source", tmp_path / "a", "--test-target", tmp_path / "b"
    code, output, error = command("evaluate", folder, *sides, "--json")
    assert code == 0, error
    result = json.loads(output)
    assert set(result) == {"search", "test"}
    assert result["test"]["pairs"] == 2
    assert result["test"]["samples"][0]["reference"] == "2021-05-03"
    columns = "--source-column", "3", "--target-column", "2"
    code, output, _ = command(
        "evaluate", folder, "--validation-table", tmp_path / "c.tsv", *columns
    )
    assert code == 0 and "validation" in output and "Decoding 1 pairs" in output
    # Options whose values are the default of every run, and not those of this one.
    recipe = changed(file_run.recipe, data={"test_size": 1})
    record_recipe(folder / "recipe.json", recipe)
    table = "--test-table", tmp_path / "c.tsv", "--source-column", "1"
    code, output, _ = command("evaluate", folder, *table, "--json")
    assert code == 0 and json.loads(output)["test"]["samples"][0]["source"] == "x"
    code, output, _ = command("evaluate", folder, *sides, "--test_size=0", "--json")
    assert code == 0 and json.loads(output)["test"]["pairs"] == 2
    record_recipe(folder / "recipe.json", file_run.recipe)
    code, _, error = command("evaluate", folder, "--test-source", tmp_path / "a")
    assert code == 2 and "--test-source and --test-target must be given together" in error
    shown = evaluate(folder, data=DataOptions(embedded="dates", test_size=3, validation_size=2))
    assert (shown["validation"]["pairs"], shown["test"]["pairs"]) == (2, 3)
    assert file_run.read("evaluation.json") == before


# One process at a time -----


def test_two_processes(train_again, command, copied_run):
    folder, before = copied_run.folder, copied_run.read("evaluation.json")
    (folder / ".lock").write_text('{"host": "')  # Killed while it wrote.
    with lock(folder / ".lock", "x"):
        code, _, error = train_again()
        assert code == 2 and f"{folder} is in use by process" in error
        (folder / "samples.json").unlink()
        code, output, _ = command("evaluate", folder)
        assert code == 0 and "The scores are not recorded:" in output and "chrF" in output
        assert not (folder / "samples.json").exists()
        evaluate(folder, search=SearchOptions(beam_width=2))  # Writes nothing anyway.
    assert copied_run.read("evaluation.json") == before
    code, output, _ = train_again()
    assert code == 0 and "has all its 3 epochs" in output
    assert not (folder / ".lock").exists()


# Before the start -----


def test_what_a_run_needs_at_its_end_is_tried_first(command, tmp_path, monkeypatch):
    def missing(*arguments, **options):
        raise RuntimeError("Please install MeCab\nand more")

    arguments = "train", "dates", "--run-dir", tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(bleu_tokenizers, "score_texts", missing)
        code, _, error = command(*arguments, "--bleu-tokenizer", "ja-mecab")
    assert code == 2
    assert "--bleu-tokenizer ja-mecab does not work here: Please install MeCab." in error
    assert len(error.strip().splitlines()) == 1
    with monkeypatch.context() as patch:
        patch.setattr(rehearsal.visualization, "alignment_image", missing)
        code, _, error = command(*arguments)
    assert code == 2 and "Heatmaps cannot be drawn: Please install MeCab." in error
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_to(train_again, copied_run, monkeypatch):
    logs = copied_run.folder / "logs"
    monkeypatch.setattr(rehearsal.os, "access", lambda path, mode: path != logs)
    code, _, error = train_again()
    assert code == 2 and f"{logs} cannot be written to" in error


@pytest.mark.parametrize(
    ("text", "tokenizer"),
    [
        ("一个男人在睡觉。", "zh"),
        ("男の人が寝ています。", "ja-mecab"),
        ("한 남자가 자고 있다.", "ko-mecab"),
        ("ชายคนหนึ่งกำลังนอนหลับ", "flores200"),
        ("Ein Mann schläft (男).", None),
        ("", None),
    ],
)
def test_the_tokenizer_that_fits_the_targets(text, tokenizer):
    line = bleu_tokenizers.describe_tokenizer([text, "2021"], TINY.score)
    assert (line is None) == (tokenizer is None)
    if tokenizer is not None:
        assert "13a does not split" in line and tokenizer in line
        options = dataclasses.replace(TINY.score, bleu_tokenizer=tokenizer)
        assert bleu_tokenizers.describe_tokenizer([text], options) is None


def test_test_pairs_that_are_all_too_long(command, tmp_path):
    (tmp_path / "short").write_text("ab\ncd\nef\n")
    (tmp_path / "long").write_text("abcdefgh\nabcdefghi\n")
    sides = [
        f"--{split}-{side}" for split in ("train", "validation") for side in ("source", "target")
    ]
    arguments = [argument for side in sides for argument in (side, tmp_path / "short")]
    arguments += ["--test-source", tmp_path / "long", "--test-target", tmp_path / "long"]
    arguments += ["--source-tokenizer", "byte", "--target-tokenizer", "byte"]
    arguments += ["--max-source-length", "8", "--run-dir", tmp_path / "run"]
    code, _, error = command("train", "translation", *arguments)
    assert code == 2
    assert "test: All 2 sources are longer than the model takes (8 tokens)" in error
    assert not (tmp_path / "run").exists()


# Logs -----


def test_a_log_that_a_killed_process_left_half_written(tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path / "train"))
    with writer.as_default():
        for epoch in range(4):
            tf.summary.scalar("epoch_loss", 0.5, step=epoch)
            tf.summary.scalar("evaluation_loss_vs_iterations", 0.5, step=5 * (epoch + 1))
    writer.close()
    (path,) = (tmp_path / "train").iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    forget_epochs(tmp_path, epochs_done=2, steps_done=10)
    assert list((tmp_path / "train").iterdir()) == [path]
    events = [
        (value.tag.split("_")[0], event.step)
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]
    assert events == [("epoch", 0), ("evaluation", 5), ("epoch", 1), ("evaluation", 10)]


def test_recipes_ask_for_a_short_warmup(command, tmp_path, monkeypatch):
    asked = []

    def train_and_evaluate(recipe, *arguments):
        asked.append(recipe.fit)
        raise UserError("enough")

    monkeypatch.setattr(train_module, "train_and_evaluate", train_and_evaluate)
    for flags in ([], ["--warmup-steps", "300"], ["--warmup_steps=70", "--warmup-share", "0.5"]):
        command("train", "translation", *flags)
    shares = [(options.warmup_steps, options.warmup_share) for options in asked]
    assert shares == [(300, 0.1), (300, None), (70, 0.5)]
    assert all(entry.recipe.fit.warmup_share <= 0.11 for entry in recipes.RECIPES.values())

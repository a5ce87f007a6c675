"""The whole loop: what a run directory holds, going on after a kill, and the best model."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys

import house
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_runs import TINY, changed, train

from keras_attention import Translator, decoding
from keras_attention.decoding.search import search_from_config
from keras_attention.export import export, open_predictor, verify
from keras_attention.export.precision import half_policies
from keras_attention.files import read_json
from keras_attention.layers import LinearAttention, SlidingWindowAttention
from keras_attention.models import TRANSFORMER_SIZES
from keras_attention.training import FitOptions, SearchOptions, evaluate, load_splits
from keras_attention.training.build import make_model, make_optimizer
from keras_attention.training.callbacks import BestModel, checkpoints
from keras_attention.training.fitting import precision
from keras_attention.training.recipes.file import read_recipe

EPOCHS = TINY.fit.epochs


def weights(folder, epoch):
    model = keras.saving.load_model(folder / "checkpoints" / f"epoch-{epoch:05d}.keras")
    return {
        "weights": [np.asarray(weight) for weight in model.weights],
        "optimizer": [np.asarray(variable) for variable in model.optimizer.variables],
    }


def assert_same_weights(folder, other, epoch=EPOCHS, rtol=0.0, atol=0.0):
    """To the bit, if not told otherwise."""
    ours, theirs = weights(folder, epoch), weights(other, epoch)
    for part, arrays in ours.items():
        for array, expected in zip(arrays, theirs[part], strict=True):
            np.testing.assert_allclose(array, expected, rtol=rtol, atol=atol)


def test_run_directory(run):
    names = {path.name for path in run.folder.iterdir()}
    assert names >= {"recipe.json", "translator", "checkpoints", "logs", "evaluation.json"}
    assert not [name for name in names if name.startswith(".")]
    assert read_recipe(run.folder / "recipe.json") == TINY
    recorded = run.read("recipe.json")
    assert recorded["seed"] == TINY.fit.seed
    assert recorded["versions"]["keras"] == keras.__version__
    kept = [path.name for path in checkpoints(run.folder / "checkpoints")]
    assert kept == ["epoch-00003.keras", "epoch-00002.keras"]


def test_report_counts_each_split(run):
    for name, size in (("train", 97), ("validation", 31)):
        (line,) = [line for line in run.lines if line.startswith(name) and "padding" in line]
        pairs, too_long = (int(line.split(end)[0].split()[-1]) for end in (" pairs", " too long"))
        assert pairs + too_long == size
        assert too_long > 0
        assert "% padding" in line
    known = set("".join(load_splits(TINY.data, TINY.fit.seed).train.sources))
    unknown = set("".join(load_splits(TINY.data, TINY.fit.seed).validation.sources)) - known
    (line,) = [line for line in run.lines if "of the source tokens are unknown" in line]
    assert unknown and line.startswith("validation: ")


def test_evaluation(run):
    evaluation = run.read("evaluation.json")
    assert evaluation == run.result
    splits = load_splits(TINY.data, TINY.fit.seed)
    translator = Translator.load(run.folder / "translator")
    for name, size in (("validation", 31), ("test", 43)):
        scores, pairs = evaluation[name], getattr(splits, name)
        assert scores["pairs"] == len(pairs) == size
        assert 0 <= scores["exact_match"] <= 1 and 0 <= scores["bleu"] <= 1
        assert 0 <= scores["chrf"] <= 1 and scores["ter"] >= 0
        assert set(scores["signatures"]) == {"bleu", "chrf", "ter"}
        assert set(scores["groups"]) == set(pairs.groups)
        counts = {group: pairs.groups.count(group) for group in pairs.groups}
        assert {group: row["pairs"] for group, row in scores["groups"].items()} == counts
        total = sum(row["exact_match"] * row["pairs"] for row in scores["groups"].values())
        assert total / size == pytest.approx(scores["exact_match"])
        assert [sample["source"] for sample in scores["samples"]] == pairs.sources
        for sample, reference in list(zip(scores["samples"], pairs.targets, strict=True))[:5]:
            assert sample["reference"] == reference
            too_long = len(sample["source"]) + 1 > TINY.text.max_source_length
            expected = "" if too_long else translator(sample["source"])
            assert sample["translation"] == expected
        lengths = [len(source) + 1 for source in pairs.sources]
        assert scores["too_long"] == sum(n > TINY.text.max_source_length for n in lengths)


def events(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"images": 0, "tensors": 0})
    accumulator.Reload()
    return accumulator


def check_scalars(run):
    expected = {
        "train": ["loss", "token_accuracy", "learning_rate", "tokens_per_second"],
        "validation": ["loss", "token_accuracy", "exact_match", "chrf"],
    }
    history = run.read("history.json")
    for split, names in expected.items():
        found = events(run.folder / "logs" / split)
        for name in names:
            values = found.Tensors(f"epoch_{name}")
            assert [value.step for value in values] == list(range(EPOCHS)), name
            numbers = [tf.make_ndarray(value.tensor_proto) for value in values]
            if name != "learning_rate":
                entry = name if split == "train" else f"val_{name}"
                np.testing.assert_allclose(numbers, [e[entry] for e in history], rtol=1e-5)


def check_alignments(run):
    found = events(run.folder / "logs" / "validation")
    tags = [tag for tag in found.Tags()["tensors"] if tag.startswith("alignment/")]
    assert sorted(tags) == ["alignment/0", "alignment/1"]
    for tag in tags:
        values = found.Tensors(tag)
        assert [value.step for value in values] == list(range(EPOCHS))
        for value in values:
            width, height, *pictures = value.tensor_proto.string_val
            assert int(width) > 50 and int(height) > 50
            assert all(picture.startswith(b"\x89PNG") for picture in pictures)


def test_tensorboard_has_each_epoch(run):
    check_scalars(run)
    check_alignments(run)


def test_history_has_each_epoch_once(run):
    history = run.read("history.json")
    assert [entry["epoch"] for entry in history] == list(range(EPOCHS))
    assert history[-1]["loss"] < history[0]["loss"]


def test_same_command_on_a_finished_run_trains_nothing(run, copied_run):
    again = train(TINY, copied_run.folder)
    assert any("has all its 3 epochs" in line for line in again.lines)
    assert again.read("history.json") == run.read("history.json")
    assert_same_weights(run.folder, copied_run.folder)
    for name in ("validation", "test"):
        speed = {"sentences_per_second": 0}
        assert {**again.result[name], **speed} == {**run.result[name], **speed}


def go_back(folder, epoch):
    """Makes a run one that was stopped after `epoch`, by removing the later checkpoints."""
    for path in checkpoints(folder / "checkpoints"):
        if int(path.stem.split("-")[1]) > epoch:
            path.unlink()


def test_resumed_run_equals_an_uninterrupted_one(run, copied_run):
    go_back(copied_run.folder, 2)
    (copied_run.folder / "checkpoints" / ".epoch-00003.temporary.1.keras").write_bytes(b"half")
    (copied_run.folder / ".translator.temporary.x").mkdir()
    (copied_run.folder / "checkpoints" / ".epoch-00003.1.keras").write_bytes(b"of version 0.1")
    (copied_run.folder / ".translator.x").mkdir()
    resumed = train(TINY, copied_run.folder)
    assert any("Going on after epoch 2 of 3" in line for line in resumed.lines)
    assert_same_weights(run.folder, copied_run.folder)
    for ours, theirs in zip(resumed.read("history.json"), run.read("history.json"), strict=True):
        for history in (ours, theirs):
            history.pop("tokens_per_second")
        assert ours == pytest.approx(theirs, rel=1e-4)
    assert not [path for path in copied_run.folder.rglob(".*")]
    check_scalars(copied_run)
    check_alignments(copied_run)


@pytest.mark.exhaustive  # the steps are Keras' own
def test_steps_per_execution_do_not_cross_epochs(run, tmp_path):
    """97 pairs less the long ones make some batches, which 3 does not divide."""
    options = {"fit": {"steps_per_execution": 3}, "score": {"heatmaps": 0}}
    quick = train(changed(TINY, **options), tmp_path / "quick")
    assert_same_weights(quick.folder, run.folder, rtol=1e-5, atol=1e-6)  # Compiled otherwise.
    model = keras.saving.load_model(quick.folder / "checkpoints" / "epoch-00003.keras")
    (line,) = [line for line in quick.lines if line.startswith("train")]
    steps = int(line.split(" batches")[0].split()[-1])
    assert int(model.optimizer.iterations) == EPOCHS * steps
    assert steps % 3


def test_running_average_is_what_is_saved_and_resumed(tmp_path):
    recipe = changed(
        TINY,
        model={"dropout": 0.3},
        fit={"average_decay": 0.7, "epochs": 2},
        score={"heatmaps": 0},
    )
    whole = train(recipe, tmp_path / "run")
    scores = [entry["val_chrf"] for entry in whole.read("history.json")]
    best = 1 + int(np.argmax(scores))
    checkpoint = keras.saving.load_model(whole.folder / "checkpoints" / f"epoch-{best:05d}.keras")
    averages = checkpoint.optimizer._model_variables_moving_average
    names = [variable.path for variable in checkpoint.trainable_variables]
    saved = Translator.load(whole.folder / "translator").model.trainable_variables
    assert [variable.path for variable in saved] == names
    for weight, average in zip(saved, averages, strict=True):
        np.testing.assert_allclose(weight, average, rtol=1e-5, atol=1e-6)
    raw = checkpoint.trainable_variables
    assert not all(np.allclose(a, b) for a, b in zip(saved, raw, strict=True))
    expected = tmp_path / "expected"
    shutil.copytree(whole.folder, expected)
    go_back(whole.folder, 1)
    train(recipe, whole.folder)
    assert_same_weights(whole.folder, expected, epoch=2)


@pytest.mark.exhaustive  # as for recurrent models here, and the export of Transformers elsewhere
def test_a_transformer_trained_resumed_exported_and_loaded(tmp_path):
    """With the beams of its recipe, in every file; validation decodes greedily."""
    recipe = changed(
        TINY,
        data={"train_size": 29, "validation_size": 7, "test_size": 5},
        text={"joint_vocabulary": True},
        model={"model": "transformer-tiny", "share_embeddings": True, "dropout": 0.3},
        fit={"epochs": 2},
        search={"beam_width": 3, "length_penalty": 0.5, "coverage_penalty": 0.1},
        score={"heatmaps": 0},
    )
    beam = train(recipe, tmp_path / "run")
    whole = shutil.copytree(beam.folder, tmp_path / "whole")
    go_back(beam.folder, 1)
    resumed = train(recipe, beam.folder)
    assert any("Going on after epoch 1 of 2" in line for line in resumed.lines)
    assert_same_weights(beam.folder, whole, epoch=2)

    found = Translator.load(beam.folder / "translator")
    expected = decoding.Beam(3, 0.5, 0.1, max_length=TINY.text.max_target_length)
    assert found.search.get_config() == expected.get_config()
    assert search_from_config(resumed.result["search"]) == expected
    assert resumed.result["test"]["pairs"] == 5
    sides = found.source_tokenizer, found.target_tokenizer
    assert sides[0].vocabulary_size == sides[1].vocabulary_size
    assert sides[0].encode(["2021 m"]).to_list() == sides[1].encode(["2021 m"]).to_list()

    manifest = export(beam.folder, tmp_path / "bundle")  # Proves that both files answer the same.
    assert manifest["from"]["recipe"]["recipe"]["model"]["model"] == "transformer-tiny"
    texts = [sample["source"] for sample in resumed.result["test"]["samples"]]
    texts = [text for text in texts if len(text) < TINY.text.max_source_length]
    assert texts
    for format in ("saved_model", "onnx"):
        answers = open_predictor(tmp_path / "bundle", format).predict(texts)
        assert [answer.text for answer in answers] == found(texts)


@pytest.mark.exhaustive  # any Transformer trains so, and the step of each is tested with models
@pytest.mark.parametrize("attention", ["sliding-window", "linear"])
def test_a_transformer_of_another_attention_trained_exported_and_verified(
    attention, tmp_path, monkeypatch
):
    size = {"num_layers": 1, "width": 16, "num_heads": 2, "feed_forward_units": 16}
    monkeypatch.setitem(TRANSFORMER_SIZES, "tiny", size)
    recipe = changed(
        TINY,
        data={"train_size": 29, "validation_size": 7, "test_size": 5},
        model={"model": "transformer-tiny", "attention": attention, "position": "rotary"},
        fit={"epochs": 1},
        score={"heatmaps": 0},
    )
    run = train(recipe, tmp_path / "run")
    decoder = Translator.load(run.folder / "translator").model.decoder
    assert (
        type(decoder.blocks[0].self_attention)
        is {
            "sliding-window": SlidingWindowAttention,
            "linear": LinearAttention,
        }[attention]
    )
    manifest = export(run.folder, tmp_path / "bundle")
    assert manifest["from"]["recipe"]["recipe"]["model"]["attention"] == attention
    verify(tmp_path / "bundle")


def test_the_search_can_be_changed_after_training(copied_run):
    folder, before = copied_run.folder, copied_run.read("evaluation.json")
    shown = evaluate(folder, search=SearchOptions(beam_width=3))
    expected = decoding.Beam(3, max_length=TINY.text.max_target_length)
    assert search_from_config(shown["search"]) == expected
    assert copied_run.read("evaluation.json") == before  # It tells of the model as it is saved.

    recorded = copied_run.read("recipe.json")
    recorded["versions"]["keras"] = "3.0.0"  # As if another process had trained it.
    (folder / "recipe.json").write_text(json.dumps(recorded))
    again = train(changed(TINY, search={"beam_width": 2, "n_best": 2}), folder)
    assert any("has all its 3 epochs" in line for line in again.lines)
    expected = decoding.Beam(2, n_best=2, max_length=TINY.text.max_target_length)
    assert Translator.load(folder / "translator").search.get_config() == expected.get_config()
    assert search_from_config(again.read("evaluation.json")["search"]) == expected
    assert read_recipe(folder / "recipe.json") == again.recipe
    assert again.read("recipe.json")["versions"] == recorded["versions"]


@pytest.mark.parametrize("kind", ["recurrent", "transformer-tiny"])
def test_half_precision_is_that_of_the_model_alone(kind):
    with precision(FitOptions(mixed_precision=True)):
        model = make_model(changed(TINY, model={"model": kind}).model, 11, 13)
    assert half_policies(model) == ["mixed_float16"]
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    # Or what the same process makes next, such as an export, would be in half precision too.
    assert keras.config.dtype_policy().name == "float32"


class FakeTranslator:
    def __init__(self):
        self.saved = 0

    def save(self, folder):
        self.saved += 1
        folder.mkdir(exist_ok=True)
        (folder / "which").write_text(str(self.saved))


def test_a_worse_epoch_does_not_replace_the_best_model(tmp_path):
    history, translator = [], FakeTranslator()
    paths = tmp_path / "translator", tmp_path / "history.json"
    callback = BestModel(translator, paths[0], history, paths[1], "val_bleu")
    saved = []
    # Of equal scores that with the lower loss is better.
    scores = [0.0, 0.0, 0.3, 0.2, 0.3, 0.3, 0.3, 0.4]
    losses = [math.nan, 9.0, 5.0, 4.0, 5.0, math.nan, 4.5, 7.0]
    for epoch, (score, loss) in enumerate(zip(scores, losses, strict=True)):
        callback.on_epoch_end(epoch, {"val_bleu": score, "val_loss": loss})
        saved.append(int((paths[0] / "which").read_text()))
    assert saved == [1, 2, 3, 3, 3, 3, 4, 5]
    assert [entry["val_bleu"] for entry in read_json(paths[1], "x")] == scores
    # A resumed process knows the scores of the one before.
    later = BestModel(translator, paths[0], history, paths[1], "val_bleu")
    later.on_epoch_end(8, {"val_bleu": 0.35, "val_loss": 1.0})
    assert (paths[0] / "which").read_text() == "5"


KILLED = """
import sys
import time
import keras
from keras_attention.training import train_and_evaluate
from keras_attention.training.recipes.file import read_recipe
from keras_attention.training import fitting

class Slow(keras.callbacks.Callback):
    epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1

    def on_train_batch_end(self, batch, logs=None):
        if self.epochs == 1 and batch == 2:
            print("in the middle", flush=True)
            time.sleep(600)


make_callbacks = fitting.make_callbacks
fitting.make_callbacks = lambda *arguments: [*make_callbacks(*arguments), Slow()]
train_and_evaluate(read_recipe(sys.argv[1]), sys.argv[2], lambda line: print(line, flush=True))
"""


@pytest.mark.exhaustive  # as the resumed run above, whose folder a killed process left
def test_killed_in_the_middle_of_an_epoch(run, tmp_path):
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(run.folder / "recipe.json"), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=house.ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    try:
        for line in process.stdout:
            if "in the middle" in line:
                break
        else:
            pytest.fail("The process ended before its second epoch.")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert [path.stem for path in checkpoints(folder / "checkpoints")] == ["epoch-00001"]
    resumed = train(TINY, folder)
    assert any("Going on after epoch 1 of 3" in line for line in resumed.lines)
    assert len(resumed.read("history.json")) == EPOCHS
    assert_same_weights(run.folder, folder)


def test_the_running_average_forgets_where_a_short_run_began():
    options = FitOptions(average_decay=0.999)
    assert make_optimizer(options, total_steps=100_000).ema_momentum == 0.999
    # 480 steps at 0.999 would leave 0.999 ** 480 = 62 % of the first weights in the average.
    assert make_optimizer(options, total_steps=480).ema_momentum ** 480 < 1e-4

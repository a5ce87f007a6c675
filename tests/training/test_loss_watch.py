"""A loss that is no number stops the training, one that explodes is reported."""

import errno
import math
import types

import keras
import numpy as np
import pytest
from tiny_runs import TINY

from keras_attention import UserError, text
from keras_attention.__main__ import main
from keras_attention.files import read_json
from keras_attention.losses import SequenceCrossEntropy
from keras_attention.training import (
    FitOptions,
    Pairs,
    load_splits,
    loss_watch,
    make_batches,
    tokenize,
)
from keras_attention.training.callbacks import checkpoints
from keras_attention.training.loss_watch import LossWatch
from keras_attention.training.tasks import translation

UNIFORM = math.log(11)


def rate(step):
    return step / 1000


@pytest.fixture
def watch(tmp_path):
    """A watch over two epochs of three steps, and what it reports."""
    numbers = {"train": range(5), "validation": range(7)}
    texts = {
        name: Pairs([f"{n} in" for n in row], [f"out {n}" for n in row])
        for name, row in numbers.items()
    }
    tokenizer = text.train("character", [*texts["validation"].sources, "out"])
    batches = {
        name: make_batches(tokenize(pairs, tokenizer, tokenizer), batch_size=2)
        for name, pairs in texts.items()
    }
    lines = []
    options = FitOptions(steps_per_execution=2)
    watch = LossWatch(batches, texts, rate, options, UNIFORM, tmp_path, lines.append)
    watch.lines = lines
    return watch


def run(watch, epoch, *executions):
    """Calls the watch as Keras does, with the losses of each execution."""
    watch.on_epoch_begin(epoch)
    done = 0
    for losses in executions:
        done += len(losses)
        watch.losses.assign([*losses, *watch.losses.numpy()[len(losses) :]])
        watch.count.assign(done)
        watch.on_train_batch_end(done - 1)


def test_an_exploding_loss_is_reported_once_an_epoch(watch):
    run(watch, 0, [2.0, 9 * UNIFORM], [2.0])
    assert not watch.lines
    run(watch, 1, [2.0, 5e7], [6e7])
    (line,) = watch.lines
    assert "The loss explodes: 5e+07 in epoch 2, step 2 (learning rate 0.004)" in line
    assert "--learning-rate" in line
    watch.on_epoch_end(1, {"val_loss": 3.0})
    watch.on_train_end()
    assert "Epochs whose loss exploded: 2." in watch.lines[1]


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_names_its_step_and_keeps_its_batch(watch, loss, tmp_path):
    with pytest.raises(UserError, match=r"in epoch 2, step 3: the loss is .* rate 0\.005\. Try"):
        run(watch, 1, [2.0, 1.0], [loss])
    kept = read_json(tmp_path / "failed_batch.json", "a run")
    assert (kept["epoch"], kept["step"], kept["learning_rate"]) == (2, 3, 0.005)
    assert kept["split"] == "train"
    rows = list(watch.batches["train"].rows(1, 2))[2].numpy()
    assert [pair["pair"] for pair in kept["pairs"]] == rows.tolist()
    for pair in kept["pairs"]:
        number = pair["pair"]
        assert (pair["source"], pair["target"]) == (f"{number} in", f"out {number}")
        assert len(pair["source_ids"]) == len(f"{number} in") + 1


def one_weight(value=1.0):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[value]], "float32")])
    return model


def test_a_validation_loss_that_is_no_number_keeps_the_batch_of_validation(watch, tmp_path):
    model = one_weight()
    model.compile(keras.optimizers.SGD(1e-9), "mse", steps_per_execution=2)
    data = np.ones((3, 1)), np.zeros((3, 1))
    validation = np.array([[1.0], [1.0], [math.nan], [math.nan]]), np.zeros((4, 1))
    message = r"after epoch 1, step 3: the loss of validation is nan at .*, with finite weights\..*"
    with pytest.raises(UserError, match=message + "batch 3 of validation, is kept in .*no model"):
        model.fit(
            *data,
            batch_size=1,
            validation_data=validation,
            validation_batch_size=1,
            callbacks=[watch],
            verbose=0,
        )
    kept = read_json(tmp_path / "failed_batch.json", "a run")
    assert (kept["split"], kept["epoch"], kept["step"]) == ("validation", 1, 3)
    rows = list(watch.batches["validation"].rows(0, 1))[2].numpy()
    assert [pair["source"] for pair in kept["pairs"]] == [f"{row} in" for row in rows]


def test_weights_that_a_step_spoilt_and_a_disk_that_is_full(watch, tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(loss_watch, "write_json", full)
    watch.set_model(one_weight(math.nan))
    run(watch, 0, [2.0, 1.0], [1.0])
    watch.failed.assign(1)
    with pytest.raises(UserError) as error:
        watch.on_epoch_end(0, {"val_loss": math.nan})
    sentence = str(error.value)
    assert "with weights that a training step spoilt whose own loss was finite" in sentence
    assert "Try a lower --learning-rate" in sentence
    assert (
        f"could not be kept: {tmp_path}/failed_batch.json cannot be written: No space" in sentence
    )
    watch.on_test_begin()
    with pytest.raises(UserError, match="No batch is kept: the loss of each is finite"):
        watch.on_epoch_end(0, {"val_loss": math.inf})  # Their mean is none.
    watch.on_epoch_end(0, {"val_loss": 11 * UNIFORM})
    assert "The loss of validation explodes: 26.38 in epoch 1" in watch.lines[0]


@pytest.mark.parametrize(("jit", "policy"), [(True, "float32"), (False, "mixed_float16")])
def test_the_loss_of_each_step_is_recorded(watch, jit, policy):
    """Compiled by XLA too; a step that loss scaling skips is no failure."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, dtype=policy)])
    optimizer = keras.optimizers.SGD(1e-9)
    if policy != "float32":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, "mse", jit_compile=jit, steps_per_execution=2)
    inputs = np.array([[500.0], [300.0], [200.0]], "float32")
    weight = float(model.layers[0].kernel.numpy()[0, 0])
    seen = []
    watch.batches["train"] = types.SimpleNamespace(steps=3)
    check = watch.on_train_batch_end
    watch.on_train_batch_end = lambda batch, logs: (
        check(batch, logs),
        seen.append((watch.step, watch.losses.numpy().tolist())),
    )
    model.fit(
        inputs,
        np.zeros((3, 1)),
        batch_size=1,
        shuffle=False,
        callbacks=[watch],
        verbose=0,
        validation_data=(inputs, np.zeros((3, 1))),
    )
    expected = np.square(inputs[:, 0] * weight)
    assert [step for step, _ in seen] == [2, 3]
    np.testing.assert_allclose(seen[0][1], expected[:2], rtol=1e-2)
    np.testing.assert_allclose(seen[1][1][0], expected[2], rtol=1e-2)
    if policy != "float32":
        assert float(optimizer.dynamic_scale) < optimizer.initial_scale


def test_training_stops_and_leaves_what_was_good(copied_run, monkeypatch, capsys):
    """In the middle of three steps of one execution."""
    folder = copied_run.folder
    recipe = folder / "recipe.json"
    recipe.write_text(
        recipe.read_text().replace('"steps_per_execution": 1', '"steps_per_execution": 3')
    )
    checkpoints(folder / "checkpoints")[0].unlink()  # As if stopped in the third epoch.
    splits = load_splits(TINY.data, TINY.fit.seed)
    sides = [text.load(folder / "tokenizers" / side) for side in ("source", "target")]
    lengths = TINY.text.max_source_length, TINY.text.max_target_length
    tokenized = tokenize(splits.train, *sides, *lengths)
    batches = make_batches(tokenized, TINY.fit.batch_size, TINY.fit.seed)
    fifth = list(batches.rows(2, 3))[4].numpy()
    ids = tokenized.targets[int(fifth[0])].numpy()
    others = [row for rows in list(batches.rows(2, 3))[:4] for row in rows.numpy()]
    assert all(tokenized.targets[int(row)].numpy().tolist() != ids.tolist() for row in others)

    class Poisoned(SequenceCrossEntropy):
        def call(self, y_true, y_pred):
            is_there = keras.ops.any(keras.ops.all(y_true[:, : len(ids)] == ids, axis=1))
            return super().call(y_true, y_pred) + keras.ops.where(is_there, math.nan, 0.0)

    def contents():
        paths = [folder / "history.json", *folder.glob("translator/**/*")]
        paths += folder.glob("checkpoints/*")
        return {path: path.read_bytes() for path in paths if path.is_file()}

    before = contents()
    monkeypatch.setattr(translation, "SequenceCrossEntropy", Poisoned)
    assert main(["train", str(recipe), "--run-dir", str(folder)]) == 2
    sentence = capsys.readouterr().err.strip()
    assert "Training stopped in epoch 3, step 5: the loss is nan at learning rate" in sentence
    assert len(sentence.splitlines()) == 1
    assert contents() == before
    kept = read_json(folder / "failed_batch.json", "a run")
    assert [pair["pair"] for pair in kept["pairs"]] == tokenized.rows[fifth].tolist()
    assert kept["pairs"][0]["target"] == splits.train.targets[tokenized.rows[fifth[0]]]

"""A run of labels and tags, from data to a run directory."""

import dataclasses
import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import train

from keras_attention import Labeller, Predictor, codecs, text
from keras_attention.__main__ import main
from keras_attention.errors import UserError
from keras_attention.training import (
    EncoderOptions,
    FitOptions,
    LabelledDataOptions,
    LabelledTexts,
    LabellingRecipe,
    LabelScoreOptions,
    LabelTextOptions,
    Splits,
    evaluate,
    make_batches,
)
from keras_attention.training.data.encoded_labels import encode_labelled
from keras_attention.training.label_build import make_label_model
from keras_attention.training.recipes.file import from_dict, read_recipe, to_dict
from keras_attention.training.tasks import TASKS, task_of
from keras_attention.training.tasks.labelling import Answers

TINY = LabellingRecipe(
    name="tiny-labels",
    data=LabelledDataOptions(
        embedded="languages-and-parts", train_size=97, validation_size=41, test_size=43
    ),
    text=LabelTextOptions(source_tokenizer="character", max_source_length=29),
    model=EncoderOptions(encoder_units=5, embedding_dim=6, dropout=0.1),
    fit=FitOptions(epochs=2, batch_size=49, learning_rate=1e-2, warmup_steps=3, seed=5),
    score=LabelScoreOptions(heatmaps=2, evidence_texts=9),
)
EXAMPLES = LabelledTexts(
    texts=["a bb", "c", "bb a c a"],
    labels=["x", "y", "x"],
    tags=[["O", "B-k"], ["B-k"], ["B-k", "I-k", "O", "O"]],
)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """The tiny run; tests leave it as it is."""
    return train(TINY, tmp_path_factory.mktemp("labels") / "tiny")


def test_batches_have_a_tag_at_the_first_token_of_each_word():
    tokenizer = text.train("character", EXAMPLES.texts)
    target = codecs.LabelsAndTags.train(EXAMPLES)
    encoded = encode_labelled(EXAMPLES, tokenizer, target, max_source_length=8)
    assert (len(encoded), encoded.too_long, list(encoded.rows)) == (2, 1, [0, 1])
    ((inputs, answers),) = make_batches(encoded, batch_size=2).once()
    row = int(tf.argmax(tf.math.count_nonzero(inputs["source"], axis=1)))
    assert inputs["source"][row].numpy().tolist()[-1] == tokenizer.end_id
    assert inputs["words"][row].numpy().tolist() == [True, False, True, False, False]
    assert answers["tags"][row].numpy().tolist() == [0, -1, 1, -1, -1]  # "a", space, "b", "b", end
    assert answers["labels"][row].numpy() == 0
    assert answers["tags"][1 - row].numpy().tolist() == [1, -1, -1, -1, -1]


@pytest.mark.parametrize("model", ["recurrent", "embeddings", "transformer-tiny"])
def test_what_tags_read_is_dropped_once(model):
    options, target = EncoderOptions(model=model, dropout=0.5), codecs.LabelsAndTags.train(EXAMPLES)
    ids = np.random.default_rng(0).integers(4, 20, (8, 50))
    keras.utils.set_random_seed(0)
    built = make_label_model(options, FitOptions(), 20, target)
    values = built.encode(ids, training=True)["values"]
    dropped = np.mean(keras.ops.convert_to_numpy(values) == 0)
    assert dropped == pytest.approx(0.5, abs=0.02)  # 51,200 features or more: 9 deviations
    outputs = [built.heads["tags"](values, training=training) for training in (True, False)]
    np.testing.assert_array_equal(*outputs)


def test_what_a_run_leaves(labelled):
    recorded = labelled.read("recipe.json")["recipe"]
    assert recorded["task"] == "labelling" and from_dict(recorded) == read_recipe(
        labelled.folder / "recipe.json"
    )
    assert isinstance(codecs.load(labelled.folder / "codecs" / "target"), codecs.LabelsAndTags)
    assert task_of(TINY) is TASKS["labelling"]
    history = labelled.read("history.json")
    assert len(history) == 2
    assert {"val_accuracy", "val_span_f1", "val_sentence_accuracy"} <= set(history[0])
    assert any("labels, from" in line for line in labelled.lines)
    assert any(line.endswith(" 0 without a text or a label.") for line in labelled.lines)
    assert "Scoring 43 texts of test ..." in labelled.lines
    heads = Predictor.load(labelled.folder).model.heads
    assert f"divided by {float(heads['labels'].temperature):.3f}, fitted" in " ".join(
        labelled.lines
    )
    images = tf.io.gfile.glob(str(labelled.folder / "logs" / "validation" / "*"))
    assert images


def test_scores_are_those_of_the_answers(labelled):
    splits = TASKS["labelling"].load_splits(read_recipe(labelled.folder / "recipe.json"), print)
    labeller, test = Predictor.load(labelled.folder), splits.test
    assert type(labeller) is Labeller
    scores = labelled.result["test"]
    fits = [place for place in range(43) if test.texts[place] not in labeller.too_long(test.texts)]
    lengths = [len(row) + 1 for row in test.texts]  # Characters, and the end token.
    assert scores["texts"] == 43 and scores["too_long"] == sum(n > 29 for n in lengths)
    kept = [place for place in fits if lengths[place] <= 29]
    answers = labeller.explain([test.texts[place] for place in kept])
    right = [why.text == test.labels[place] for why, place in zip(answers, kept, strict=True)]
    assert scores["accuracy"] == pytest.approx(sum(right) / 43)
    both = [
        is_right and why.tags == test.tags[place]
        for is_right, why, place in zip(right, answers, kept, strict=True)
    ]
    assert scores["sentence_accuracy"] == pytest.approx(sum(both) / 43)
    flat = [
        given == expected
        for why, place in zip(answers, kept, strict=True)
        for given, expected in zip(why.tags, test.tags[place], strict=True)
    ]
    tags = sum(len(row) for row in test.tags)
    assert len(flat) < tags  # Those of texts that are too long count as mistakes.
    assert scores["tag_accuracy"] == pytest.approx(sum(flat) / tags)
    assert set(scores["evidence"]) >= {"beats_random", "report", "comprehensiveness"}
    assert labelled.read("samples.json")["texts"] == test.texts
    assert (labelled.folder / "confusion-test.png").read_bytes()[1:4] == b"PNG"
    assert labelled.read("evaluation.json") == json.loads(json.dumps(labelled.result))


def test_a_run_goes_on_and_scores_other_texts(labelled, tmp_path, capsys):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(labelled.folder, folder)
    longer = dataclasses.replace(TINY, fit=dataclasses.replace(TINY.fit, epochs=3))
    again = train(longer, folder)
    assert any("Going on after epoch 2 of 3" in line for line in again.lines)
    assert len(again.read("history.json")) == 3
    capsys.readouterr()
    table = tmp_path / "other.csv"
    label = next(iter(labelled.result["test"]["labels"]))
    table.write_text(f"text,label,tags\n1 2 3,{label},O O O\n4 5,{label},O O\n")
    code = main(
        ["evaluate", str(folder), "--test-table", str(table), "--tags-column", "tags", "--json"]
    )
    printed = json.loads(capsys.readouterr().out)
    assert code == 0 and set(printed) == {"test"} and printed["test"]["texts"] == 2
    words = tmp_path / "words.conll"
    words.write_text("1\tO\n2\tO\n")
    for arguments, reason in (
        (["--bleu-tokenizer", "char"], "has no BLEU"),
        (["--beam-width", "3"], "searches for nothing"),
        (["--test-table", table], "The model gives tags, and this data has none"),
        (["--test-conll", words], "The model gives labels, and this data has none"),
        (["--test-conll", words, "--source-column", "2"], "--source-column does not fit this data"),
        (["--test-source", words], "--test-source is for data of another task"),
        (["--embedded", "dates"], "--embedded must be one of languages,"),
    ):
        assert main(["evaluate", str(folder), *map(str, arguments)]) == 2
        error = capsys.readouterr().err
        assert reason in error and "Traceback" not in error


def test_a_label_that_training_lacks_is_one_sentence(tmp_path, capsys):
    for split, rows in {"train": "good day,glad\nbad day,angry", "test": "day,gladd"}.items():
        (tmp_path / f"{split}.csv").write_text(f"text,label\n{rows}\n")
    arguments = ["train", "sentiment", "--train-table", str(tmp_path / "train.csv")]
    arguments += ["--validation-table", str(tmp_path / "train.csv")]
    arguments += ["--test-table", str(tmp_path / "test.csv"), "--run-dir", str(tmp_path / "run")]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "'gladd'" in error and "'glad'" in error and "Traceback" not in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ({"score": LabelScoreOptions(metric="bleu")}, "--metric must be one of"),
        ({"text": LabelTextOptions(max_source_length=1)}, "--max-source-length must be at least 2"),
        ({"text": LabelTextOptions(user_defined_symbols="@")}, "wordpiece and sentencepiece"),
        ({"model": EncoderOptions(dropout=1.0)}, "--dropout must be at least 0 and below 1"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(groups, reason):
    with pytest.raises(UserError, match=reason):
        dataclasses.replace(TINY, **groups).check()


def test_options_of_another_encoder_are_refused():
    with pytest.raises(UserError, match="--cell is for the recurrent encoder"):
        EncoderOptions("transformer-tiny", cell="lstm")
    with pytest.raises(UserError, match="--encoder-units is for the recurrent encoder"):
        EncoderOptions("embeddings", encoder_units=3)
    recipe = dataclasses.replace(TINY, model=EncoderOptions("transformer-tiny", norm="post"))
    assert from_dict(json.loads(json.dumps(to_dict(recipe)))) == recipe


def test_a_metric_that_the_data_has_not_is_refused(tmp_path):
    data = dataclasses.replace(TINY.data, embedded="languages")
    recipe = dataclasses.replace(TINY, data=data, score=LabelScoreOptions(metric="span_f1"))
    with pytest.raises(UserError, match="--metric span_f1 does not fit this data"):
        train(recipe, tmp_path / "run")


@pytest.mark.parametrize(
    ("metric", "scheme", "parts"),
    [
        ("accuracy", "bio", {"labels"}),
        ("macro_f1", "bio", {"labels"}),
        ("tag_accuracy", "plain", {"tags"}),
        ("span_f1", "bio", {"tags"}),
        ("sentence_accuracy", "bio", {"labels", "tags"}),
    ],
)
def test_a_metric_needs_labels_tags_or_both(metric, scheme, parts):
    recipe = dataclasses.replace(
        TINY,
        text=dataclasses.replace(TINY.text, tag_scheme=scheme),
        score=LabelScoreOptions(metric=metric),
    )
    for missing in ("", "labels", "tags"):
        examples = dataclasses.replace(EXAMPLES, **({missing: None} if missing else {}))
        splits = Splits(examples, examples, examples)
        if missing in parts:
            with pytest.raises(UserError, match=f"--metric {metric} does not fit this data"):
                TASKS["labelling"].check_splits(splits, recipe, lambda line: None)
        else:
            TASKS["labelling"].check_splits(splits, recipe, lambda line: None)


def test_tags_are_right_in_the_scheme_of_the_model():
    examples = LabelledTexts(["c", "c", "bb a"], tags=[["B-k"], ["B-k"], ["B-k", "I-k"]])
    predictor = SimpleNamespace(
        source=text.train("character", examples.texts),
        target=codecs.LabelsAndTags(tags=codecs.Tags.train(examples.tags, scheme="bilou")),
        max_source_length=4,
        find=lambda texts: texts,
        tags_of=lambda texts: [(["U-k"], None) for _ in texts],
    )
    answers = Answers(predictor, examples)
    assert answers.right_tags == [["U-k"], ["U-k"], ["B-k", "L-k"]]
    assert answers.is_right == [True, True, False] and answers.too_long == 1  # "bb a" and the end


def test_the_temperature_is_fitted_to_what_training_left(labelled):
    recipe = read_recipe(labelled.folder / "recipe.json")
    splits = TASKS["labelling"].load_splits(recipe, lambda line: None)
    labeller, lines = Predictor.load(labelled.folder), []
    temperature = labeller.model.heads["labels"].temperature
    fitted = float(temperature)
    assert not TASKS["labelling"].finish(labeller, splits, recipe, lines.append)
    temperature.assign(0.02)  # So sharp that other labels have no probability left.
    assert TASKS["labelling"].finish(labeller, splits, recipe, lines.append)
    assert float(temperature) == pytest.approx(fitted, rel=1e-5)


def test_evaluate_scores_the_same_again(labelled):
    again = evaluate(labelled.folder, report=lambda line: None)
    for split in ("validation", "test"):
        for name in ("accuracy", "span_f1", "macro_f1"):
            assert again[split][name] == labelled.result[split][name]
    np.testing.assert_allclose(
        again["test"]["rejection"]["threshold"], labelled.result["test"]["rejection"]["threshold"]
    )

import dataclasses
import itertools
import json
import math
import typing

import numpy as np
import pytest
from tiny_runs import TINY, changed

from keras_attention import UserError, decoding
from keras_attention.decoding import make_search
from keras_attention.models import SELF_ATTENTIONS
from keras_attention.option_types import families
from keras_attention.training import (
    DataOptions,
    ModelOptions,
    Pairs,
    RecurrentOptions,
    TextOptions,
    TransformerOptions,
    make_model,
    make_tokenizers,
    recipes,
)
from keras_attention.training.build import POSITIONS
from keras_attention.training.recipes.data_options import (
    EmbeddedData,
    ParallelFiles,
    Tables,
    changed_data,
)
from keras_attention.training.recipes.file import (
    RECIPE_CLASSES,
    differences,
    from_dict,
    read_recipe,
    to_dict,
)
from keras_attention.training.recipes.model_options import changed_model
from keras_attention.training.recipes.recipe import Recipe
from keras_attention.training.tasks import TASKS

GROUPS = [
    kind
    for field in dataclasses.fields(Recipe)
    if field.name != "name"
    for kind in families(field.type) or [field.type]
]


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_named_recipes_fit_and_survive_json(name):
    recipe = recipes.get(name)
    recipe.check()
    assert recipe.name == name
    assert recipes.RECIPES[name].cost and recipes.RECIPES[name].expected
    assert from_dict(json.loads(json.dumps(to_dict(recipe)))) == recipe


def test_options_that_are_not_given_have_their_defaults():
    assert from_dict({"name": "x", "fit": {"epochs": 7}}) == changed(
        dataclasses.replace(Recipe(), name="x"), fit={"epochs": 7}
    )


def test_options_have_names_of_their_own():
    # The command line leaves out the names of the groups.
    groups = [{field.name for field in dataclasses.fields(kind)} for kind in GROUPS]
    for group, other in itertools.combinations(groups, 2):
        # But those of two kinds of data, or of two families of models: a run has one.
        both = group & other
        assert not both or both >= {"model", "attention"} or both >= {"train_size", "test_size"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"fit": {"epoch": 3}}, r"unknown option: fit\.epoch\."),
        ({"fitting": {}}, "unknown part: fitting"),
        ({"fit": 3}, "wrong value: fit cannot be 3"),
        ({"fit": {"epochs": "ten"}}, r"wrong value: fit\.epochs cannot be 'ten'"),
        ({"fit": {"epochs": 2.5}}, r"wrong value: fit\.epochs cannot be 2\.5"),
        ({"fit": {"epochs": True}}, r"wrong value: fit\.epochs cannot be True"),
        ({"model": {"wiring": "wired"}}, r"wrong value: model\.wiring cannot be 'wired'"),
    ],
)
def test_dicts_that_are_no_recipe(content, message):
    with pytest.raises(UserError, match=message):
        from_dict(content)


@pytest.mark.parametrize("text", ["[1, 2]", "{", "\ufffe"])
def test_files_that_are_no_recipe(tmp_path, text):
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"recipe\.json is damaged"):
        read_recipe(path)


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"is not a run directory: it has no recipe\.json"):
        read_recipe(tmp_path / "recipe.json")


@pytest.mark.parametrize(
    ("group", "options", "message"),
    [
        ("model", {"share_embeddings": True}, "--share-embeddings needs --joint-vocabulary"),
        (
            "text",
            {"joint_vocabulary": True, "target_tokenizer": "byte"},
            "--source-tokenizer character --target-tokenizer byte",
        ),
        ("fit", {"epochs": 0}, "--epochs must be positive. Received: 0"),
        ("fit", {"batch_size": -3}, "--batch-size must be positive. Received: -3"),
        ("fit", {"clip_norm": 0.0}, "--clip-norm must be positive"),
        ("fit", {"seed": -1}, "--seed must not be negative. Received: -1"),
        ("fit", {"seed": 2**31}, "--seed must be below 2147483648"),
        ("fit", {"label_smoothing": 1.0}, "--label-smoothing must be at least 0 and below 1"),
        ("fit", {"average_decay": 1.5}, "--average-decay must be at least 0 and below 1"),
        ("model", {"dropout": -0.1}, "--dropout must be at least 0 and below 1. Received: -0.1"),
        ("data", {"train_size": -1}, "--train-size must not be negative"),
        ("score", {"heatmaps": -1}, "--heatmaps must not be negative"),
        (
            "search",
            {"beam_width": 0},
            "no beam search: --beam-width is .* at least 1. Received: --beam-width=0",
        ),
        (
            "model",
            {"model": "transformer-tiny", "num_key_value_heads": 3},
            "--num-key-value-heads must divide the 4 heads of --model transformer-tiny.*: 3",
        ),
        (
            "model",
            {"model": "transformer-tiny", "attention": "linear", "position": "t5"},
            "--attention linear has no scores that --position t5 could change",
        ),
        ("search", {"search": "greedy", "top_k": 3}, "--top-k does not fit greedy search"),
        ("search", {"length_penalty": math.nan}, "--length-penalty must be a finite number"),
        ("fit", {"learning_rate": math.inf}, "--learning-rate must be a finite number"),
        ("text", {"max_target_length": 1}, "--max-target-length must be at least 2"),
    ],
)
def test_check_names_the_option(group, options, message):
    TINY.check()
    with pytest.raises(UserError, match=message):
        changed(TINY, **{group: options}).check()


def test_differences():
    assert differences(TINY, TINY) == []
    other = changed(TINY, fit={"epochs": 7}, model={"cell": "lstm"})
    other = dataclasses.replace(other, name="other")
    assert sorted(differences(TINY, other)) == [
        ("cell", "gru", "lstm"),
        ("epochs", 3, 7),
        ("name", "tiny", "other"),
    ]
    assert differences(TINY, changed(TINY, search={"beam_width": 5})) == []


def test_recipes_of_version_0_1_are_read():
    """They said of every search what only a beam has."""
    search = {"beam_width": 1, "length_penalty": 0.0, "coverage_penalty": 0.0}
    assert make_search(from_dict({"search": search}).search, 9).get_config() == {"max_length": 9}
    # There, a width of 1 was greedy whatever else was said.
    search = {"beam_width": 1, "length_penalty": 0.6, "coverage_penalty": 0.2}
    old = from_dict({"search": search})
    old.check()
    assert repr(make_search(old.search, 9)) == "Greedy(max_length=9)"
    assert from_dict(json.loads(json.dumps(to_dict(old)))) == old
    search = {"beam_width": 5, "length_penalty": 0.6, "coverage_penalty": 0.0}
    found = make_search(from_dict({"search": search}).search, 9)
    assert found.get_config() == decoding.Beam(5, 0.6, max_length=9).get_config()
    with pytest.raises(UserError, match=r"wrong value: search\.top_k cannot be 0\.5"):
        from_dict({"search": {"top_k": 0.5}})


@pytest.mark.parametrize(("column", "header"), [("1", "no"), ("en", "yes")])
def test_tables_of_version_0_1_are_read_as_then(tmp_path, column, header):
    path = tmp_path / "recipe.json"
    recorded = {"data": {"train_table": "a.csv", "source_column": column}}
    path.write_text(json.dumps({"recipe": recorded, "versions": {}}))
    data = read_recipe(path).data
    assert (data.table_header, data.table_delimiter) == (header, "suffix")
    assert data.same_source == "case"
    path.write_text(json.dumps({"recipe": {"data": {"embedded": "dates"}}, "versions": {}}))
    assert read_recipe(path).data == DataOptions(embedded="dates")
    path.write_text(json.dumps(recorded))  # Written by hand: the defaults of today.
    assert read_recipe(path) == from_dict(recorded)
    assert read_recipe(path).data.table_header == "auto"


def test_bytes_are_in_the_vocabularies_of_new_runs_alone(tmp_path):
    assert TINY.text.byte_fallback
    path = tmp_path / "recipe.json"
    recorded = to_dict(TINY)
    path.write_text(json.dumps({"recipe": recorded, "versions": {}}))
    assert read_recipe(path).text.byte_fallback
    del recorded["text"]["byte_fallback"], recorded["text"]["user_defined_symbols"]
    path.write_text(json.dumps({"recipe": recorded, "versions": {}}))
    assert not read_recipe(path).text.byte_fallback
    assert read_recipe(path).text.user_defined_symbols == ""


def test_sub_word_tokenizers_are_made_as_the_recipe_says():
    pairs = Pairs(["a cat <br>"] * 3, ["a mat @u"] * 3)
    kinds = {"source_tokenizer": "sentencepiece", "target_tokenizer": "wordpiece"}
    options = TextOptions(**kinds, vocabulary_size=300, user_defined_symbols="<br> @u")
    for tokenizer, symbol in zip(make_tokenizers(options, pairs), ("<br>", "@u"), strict=True):
        ids = tokenizer.encode([f"a \U0001f600 {symbol}"])
        assert tokenizer.decode(ids).numpy().tolist() == [f"a \U0001f600 {symbol}".encode()]
        assert tokenizer.unknown_id not in ids.to_list()[0]
        assert symbol.encode() in tokenizer.tokens(ids).numpy()[0].tolist()
    options = dataclasses.replace(options, byte_fallback=False, vocabulary_size=60)
    for tokenizer in make_tokenizers(options, pairs):
        assert tokenizer.unknown_id in tokenizer.encode(["a \U0001f600"]).to_list()[0]


def test_symbols_for_tokenizers_that_have_none():
    with pytest.raises(UserError, match="--user-defined-symbols is for the tokenizers wordpiece"):
        changed(TINY, text={"user_defined_symbols": "<br>"}).check()


def test_unknown_name():
    with pytest.raises(UserError, match="No recipe is named 'date'; there are: date-parts, dates,"):
        recipes.get("date")


def test_every_option_is_checked_by_type():
    # A type that `from_dict` does not know would refuse every value.
    for kind in GROUPS:
        for field in dataclasses.fields(kind):
            assert field.type in (int, float, str, bool) or typing.get_args(field.type), field.name


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("position", POSITIONS)
def test_the_transformer_of_a_recipe(position):
    options = ModelOptions(
        model="transformer-tiny",
        norm="post",
        activation="swiglu",
        dropout=0.1,
        attention_dropout=0.2,
        num_key_value_heads=2,
        position=position,
    )
    model = make_model(options, 11, 13)
    for stack in (model.encoder, model.decoder):
        assert type(stack.position) is type(POSITIONS[position]())
        names = ("norm", "activation", "dropout", "attention_dropout", "num_key_value_heads")
        assert [getattr(stack, name) for name in names] == [
            getattr(options, name) for name in names
        ]
    ids = np.array([[4, 5, 3]], "int32")
    assert model({"source": ids, "target": ids}).shape == (1, 3, 13)


def test_every_position_is_one_of_the_options():
    kinds = {field.name: field.type for field in dataclasses.fields(TransformerOptions)}
    assert set(POSITIONS) == set(typing.get_args(kinds["position"]))
    named = {name.replace("_", "-") for name in SELF_ATTENTIONS}
    assert set(typing.get_args(kinds["attention"])) == {"full", *named}


def test_a_recipe_names_its_task():
    assert to_dict(TINY)["task"] == "translation"
    older = {name: value for name, value in to_dict(TINY).items() if name != "task"}
    assert from_dict(older) == TINY
    with pytest.raises(UserError, match="unknown task: 'tagging'. There are: translation"):
        from_dict({"task": "tagging"})


def test_every_task_has_a_recipe():
    assert {task.recipe_class for task in TASKS.values()} == set(RECIPE_CLASSES)
    assert all(name == task.name == task.recipe_class.task for name, task in TASKS.items())


def test_options_of_another_family_are_refused():
    message = "--norm is for Transformers. Received: post with --model recurrent"
    with pytest.raises(UserError, match=message):
        ModelOptions(norm="post")
    with pytest.raises(UserError, match=message):
        from_dict({"model": {"norm": "post"}})
    with pytest.raises(UserError, match="--cell is for the recurrent model. Received: lstm"):
        ModelOptions("transformer-base", cell="lstm")
    with pytest.raises(UserError, match="has TransformerOptions, .* Received: RecurrentOptions"):
        recipe = dataclasses.replace(TINY.model, model="transformer-tiny")
        dataclasses.replace(TINY, model=recipe).check()


def test_a_changed_family_keeps_what_both_have():
    changed_options = changed_model(TINY.model, model="transformer-small", norm="post")
    assert changed_options == TransformerOptions(
        "transformer-small", TINY.model.dropout, norm="post"
    )


def test_models_of_version_0_1_are_read():
    """They recorded the options of both families."""
    recurrent = {"cell": "lstm", "attention": "general", "encoder_units": 5}
    transformer = {"norm": "pre", "position": "sinusoidal", "num_key_value_heads": None}
    old = from_dict({"model": {"model": "recurrent", **recurrent, **transformer}})
    assert old.model == ModelOptions(**recurrent)
    recorded = {"model": "transformer-tiny", **recurrent, **transformer, "norm": "post"}
    assert from_dict({"model": recorded}).model == TransformerOptions(norm="post")
    with pytest.raises(UserError, match=r"wrong value: model\.attention cannot be 'linear'"):
        from_dict({"model": {"attention": "linear"}})
    assert from_dict({"model": {"model": "transformer-tiny", "attention": "linear"}}).model == (
        TransformerOptions(attention="linear")
    )


def test_data_of_version_0_1_is_read():
    """It recorded the options of all kinds of data."""
    recorded = {"embedded": "dates", "train_source": "", "source_column": "1", "train_size": 5}
    assert from_dict({"data": recorded}).data == EmbeddedData(train_size=5)
    with pytest.raises(UserError, match="Exactly one of .* Received: --embedded, --train-source"):
        from_dict({"data": {**recorded, "train_source": "a"}})


def test_options_of_another_kind_of_data_are_refused():
    with pytest.raises(UserError, match=r"--source-column does not fit this data \(parallel text"):
        DataOptions(train_source="a", source_column="3")
    with pytest.raises(TypeError, match="columns"):
        DataOptions(columns="3")
    kept = changed_data(Tables(train_table="a", encoding="latin-1", test_size=3), train_table="b")
    assert kept == Tables(train_table="b", encoding="latin-1", test_size=3)
    other = changed_data(kept, train_table="", train_source="c")
    assert other == ParallelFiles(train_source="c", encoding="latin-1", test_size=3)


def test_options_of_another_family_that_say_nothing_are_no_mistake():
    assert ModelOptions(norm="pre", num_key_value_heads=None) == RecurrentOptions()
    assert DataOptions(embedded="dates", train_source="", encoding="auto") == EmbeddedData()


def test_options_that_are_none_of_the_choices():
    with pytest.raises(UserError, match="--attention must be one of full, .* sliding_window"):
        changed(TINY, model={"model": "transformer-tiny", "attention": "sliding_window"}).check()
    with pytest.raises(UserError, match="--model must be one of recurrent, .*: transformr-tiny"):
        dataclasses.replace(TINY, model=ModelOptions("transformr-tiny")).check()


def test_data_of_another_kind_is_another_recipe():
    files = changed(TINY, data={"embedded": "", "train_source": "a", "train_target": "b"})
    assert ("embedded", "dates", "") in differences(TINY, files)
    assert ("embedded", "", "dates") in differences(files, TINY)


def test_files_of_validation_or_test_say_which_kind_of_data_it_is():
    assert DataOptions(test_table="a") == Tables(test_table="a")
    assert DataOptions(validation_source="a") == ParallelFiles(validation_source="a")

"""`keras-attention` itself: help, the list of recipes, and what it says without an extra."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import house
import pytest

import keras_attention
from keras_attention.__main__ import COMMANDS, main
from keras_attention.arguments import parse
from keras_attention.training.recipe import Recipe
from keras_attention.training.recipe_file import from_dict
from keras_attention.training.recipes import RECIPES


def help_of(capsys, *arguments):
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, "--help"])
    captured = capsys.readouterr()
    assert captured.err == ""
    return " ".join(captured.out.replace("│", " ").split())


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(capsys, arguments):
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    for command, (_, summary) in COMMANDS.items():
        assert any(line.split()[:1] == [command] and summary in line for line in lines)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == keras_attention.__version__


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(capsys, command):
    text = help_of(capsys, command)
    assert f"keras-attention {command}" in text
    assert "--help" in text


def documented_options():
    """Flag and help text of each option, as the source of the recipe has them."""
    import ast

    paths = (
        house.FOLDERS["keras_attention.training"] / "recipe.py",
        house.FOLDERS["keras_attention"] / "decoding" / "search_options.py",
    )
    nodes = [node for path in paths for node in ast.parse(path.read_text()).body]
    classes = {node.name: node.body for node in nodes if isinstance(node, ast.ClassDef)}
    for field in dataclasses.fields(Recipe):
        if field.name == "name":
            continue
        body = classes[field.type.__name__]
        for option, text in zip(body, body[1:], strict=False):
            if isinstance(option, ast.AnnAssign):
                assert isinstance(text, ast.Expr), option.target.id
                flag = "--" + option.target.id.replace("_", "-")
                yield flag, " ".join(text.value.value.split())


def test_train_help_names_every_option_with_its_help(capsys):
    text = help_of(capsys, "train")
    options = dict(documented_options())
    groups = [field.type for field in dataclasses.fields(Recipe) if field.name != "name"]
    assert len(options) == sum(len(dataclasses.fields(group)) for group in groups)
    for flag, explanation in options.items():
        assert flag in text
        assert explanation in text, flag
    assert "--run-dir" in text and "--json" in text
    assert all(name in text for name in RECIPES)


def test_recipes_as_json(capsys):
    assert main(["recipes", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert set(content) == set(RECIPES)
    for name, entry in content.items():
        assert set(entry) == {"summary", "cost", "expected", "recipe"}
        assert from_dict(entry["recipe"]) == RECIPES[name].recipe


def test_recipes_for_a_person(capsys):
    assert main(["recipes"]) == 0
    output = capsys.readouterr().out
    assert all(name in output for name in RECIPES)


@pytest.mark.parametrize(
    ("missing", "command", "extra"),
    [
        ("babel", "train", "training"),
        ("sacrebleu", "recipes", "training"),
        ("tyro", "export", "export"),
    ],
)
def test_missing_extra(missing, command, extra):
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from keras_attention.__main__ import main\n"
        f"sys.exit(main([{command!r}, '--help']))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=house.ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2, process.stderr
    assert "Traceback" not in process.stderr
    sentence = process.stderr.strip().splitlines()[-1]
    assert missing in sentence
    assert f'pip install "keras-attention[{extra}]"' in sentence


def test_a_missing_backend_of_keras():
    program = "import sys; sys.modules['tensorflow'] = None; import keras_attention"
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=house.ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    assert "needs a backend of Keras, and tensorflow is missing" in process.stderr


def test_the_home_folder_in_every_path(monkeypatch):
    @dataclasses.dataclass(frozen=True)
    class Inner:
        picture: Path | None = None
        text: str = "~/text"

    @dataclasses.dataclass(frozen=True)
    class Outer:
        run: Path
        inner: Inner

    monkeypatch.setenv("HOME", "/home/of/mine")
    options = parse(Outer, ["--run=~/a", "--inner.picture=~"], "test")
    assert options == Outer(Path("/home/of/mine/a"), Inner(Path("/home/of/mine")))
    assert parse(Outer, ["--run", "a~"], "test") == Outer(Path("a~"), Inner())


def test_a_recipe_in_the_home_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["train", "~/recipe.json"]) == 2
    assert f"There is no file {tmp_path}/recipe.json." in capsys.readouterr().err
    (tmp_path / "recipe.json").write_text("[]")
    assert main(["train", "~/recipe.json"]) == 2
    assert "holds no recipe" in capsys.readouterr().err

"""`keras-attention` itself: help, the list of recipes, and what it says without an extra."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import house
import pytest
import tyro

import keras_attention
from keras_attention.__main__ import COMMANDS, main
from keras_attention.arguments import parse
from keras_attention.errors import UserError
from keras_attention.training.recipes import RECIPES
from keras_attention.training.recipes.data_options import UnnamedData
from keras_attention.training.recipes.file import from_dict
from keras_attention.training.recipes.model_options import MODEL_FAMILIES
from keras_attention.training.recipes.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Inner:
    """Options of a part."""

    learning_rate: float = 0.1
    """Size of a step. It is
    explained in two lines."""
    cell: Literal["lstm", "gru"] | None = None


@dataclasses.dataclass(frozen=True)
class Outer:
    """Does what a test needs."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of the run."""
    inner: tyro.conf.OmitArgPrefixes[Inner] = Inner()
    epochs: int = dataclasses.field(default_factory=lambda: 3)
    fast: bool = False
    prefix: str = ""


@dataclasses.dataclass(frozen=True)
class Texts:
    """Takes texts that are no options."""

    texts: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    picture: Path | None = None
    warmup_steps: int = 0
    warmup_share: float = 0.0


MEANT = "Unknown option --learning-rat: did you mean --learning-rate?"
LISTED = "keras-attention test --help lists those there are."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["r", "--learning-rat", "1"], MEANT),
        (["r", "--learning_rat=1"], MEANT),
        (["r", "--lr", "1"], "Unknown option --lr: did you mean --learning-rate?"),
        (["r", "--rate=1"], "Unknown option --rate: did you mean --learning-rate?"),
        (["r", "--lrate=1"], "Unknown option --lrate: did you mean --learning-rate?"),
        (["r", "--x", "1"], "Unknown option --x: " + LISTED),
        (["r", "-x"], "Unknown option -x: " + LISTED),
        (["r", "--epochs", "1.5"], "--epochs must be a whole number. Received: 1.5"),
        (["r", "--learning-rate=fast"], "--learning-rate must be a number. Received: fast"),
        (["r", "--cell", "rnn"], "--cell must be one of lstm, gru. Received: rnn"),
        (["r", "--epochs"], "--epochs needs a value: a whole number."),
        (["r", "--cell", "--fast"], "--cell needs a value: one of lstm, gru."),
        (["r", "--prefix"], "--prefix needs a value: a text."),
        (["r", "--prefix", "--fast"], "--prefix needs a value: a text."),
        (
            ["r", "--prefix", "-é b"],
            "--prefix needs a value: a text. One that begins with a dash is given as "
            "--prefix='-é b'",
        ),
        (["r", "--fast=1"], "--fast takes no value. Received: --fast=1"),
        (["r", "s"], "Unexpected argument s: keras-attention test --help shows what there can be."),
        ([], "RUN is missing: keras-attention test --help explains it."),
    ],
)
def test_what_does_not_fit_is_one_sentence(arguments, sentence):
    with pytest.raises(UserError) as error:
        parse(Outer, arguments, "test")
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--warm", "1"], "Unknown option --warm: did you mean --warmup-steps or --warmup-share?"),
        (
            ["-ü"],
            "Unknown option -ü: keras-attention test --help lists those there are. A text that "
            "begins so stands behind two dashes: -- -ü",
        ),
        (
            ["--picture", "-x.png"],
            "--picture needs a value: a path. One that begins with a dash is given as "
            "--picture=-x.png",
        ),
    ],
)
def test_texts_and_paths_that_begin_with_a_dash(arguments, sentence):
    with pytest.raises(UserError) as error:
        parse(Texts, arguments, "test")
    assert str(error.value).replace("'", "") == sentence
    texts = ["- a", "-5 b", "-"]
    assert parse(Texts, texts, "test") == Texts(tuple(texts))
    assert parse(Texts, ["--picture=-x", "--", "-ü"], "test") == Texts(("-ü",), Path("-x"))


def test_what_fits_is_read():
    arguments = ["-5", "--no-fast", "--learning_rate=-1e-3", "--cell", "None", "--epochs", "2"]
    assert parse(Outer, arguments, "test") == Outer(Path("-5"), Inner(-1e-3), epochs=2)


def test_what_follows_two_dashes_is_no_option():
    assert parse(Outer, ["--fast", "--", "--epochs"], "test") == Outer(Path("--epochs"), fast=True)


def test_help_wraps_and_names_its_values(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        parse(Outer, ["--help", "--epochs", "x"], "test")
    lines = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    text = " ".join(" ".join(lines).split())
    assert lines[0].startswith("usage: keras-attention test [-h]")
    assert "RUN Folder of the run. (required)" in text
    explanation = "Size of a step. It is explained in two lines. (default: 0.1)"
    assert f"--learning-rate FLOAT {explanation}" in text
    assert "--cell {lstm,gru}" in text and "None" not in text
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tarin"], "unknown command tarin: did you mean train?"),
        (["help", "exprot"], "unknown command exprot: did you mean export?"),
        (["zzz"], "unknown command zzz: there are: recipes, train, evaluate,"),
        (["completion"], "Name your shell: keras-attention completion bash|zsh|fish."),
    ],
)
def test_an_unknown_command_is_one_sentence(capsys, arguments, sentence):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"keras-attention: {sentence}")
    assert len(captured.err.splitlines()) == 1 and not captured.out


def test_help_of_a_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["help", "verify"])
    assert "keras-attention verify" in capsys.readouterr().out


def test_bash_completes_commands_options_and_values(capsys, tmp_path):
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    assert main(["completion", "bash"]) == 0
    script = (
        capsys.readouterr().out
        + """
complete_words() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMPREPLY=()
  _tyro_keras_attention
  echo "${COMPREPLY[@]}"
}
complete -p keras-attention
complete_words keras-attention ve
complete_words keras-attention train dates --learn
complete_words keras-attention train --cell ""
"""
    )
    path = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[1:] == ["verify", "--learning-rate", "lstm gru"]


def help_of(capsys, *arguments):
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, "--help"])
    # That nothing is on standard error is for a clean process to tell: test_start.py.
    return " ".join(capsys.readouterr().out.replace("│", " ").split())


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


def documented_options(family):
    """Flag and help text of each option, as the source of the recipe has them."""
    import ast

    folder = house.FOLDERS["keras_attention.training"]
    paths = (
        *(
            folder / "recipes" / f"{name}.py"
            for name in ("recipe", "data_options", "model_options")
        ),
        house.FOLDERS["keras_attention"] / "decoding" / "search_options.py",
    )
    nodes = [node for path in paths for node in ast.parse(path.read_text()).body]
    classes = {node.name: node.body for node in nodes if isinstance(node, ast.ClassDef)}
    for group in groups_of(family):
        body = [node for kind in reversed(group.__mro__[:-1]) for node in classes[kind.__name__]]
        for option, text in zip(body, body[1:], strict=False):
            if isinstance(option, ast.AnnAssign):
                assert isinstance(text, ast.Expr), option.target.id
                flag = "--" + option.target.id.replace("_", "-")
                yield flag, " ".join(text.value.value.split())


def groups_of(family):
    """The groups of options of a recipe with a model of a family."""
    types = {field.name: field.type for field in dataclasses.fields(Recipe) if field.name != "name"}
    return (types | {"data": UnnamedData, "model": family}).values()


@pytest.mark.parametrize("family", MODEL_FAMILIES)
def test_train_help_names_every_option_with_its_help(capsys, family):
    text = help_of(capsys, "train", "translation", "--model", family.model)
    options = dict(documented_options(family))
    groups = groups_of(family)
    assert len(options) == sum(len(dataclasses.fields(group)) for group in groups)
    (other,) = set(MODEL_FAMILIES) - {family}
    foreign = {field.name for field in dataclasses.fields(other)} - {
        field.name for field in dataclasses.fields(family)
    }
    assert foreign and not any(f"--{name.replace('_', '-')} " in text for name in foreign)
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
    ("missing", "arguments", "extra"),
    [
        ("babel", ["evaluate", "nowhere"], "training"),
        ("tyro", ["export", "--help"], "export"),
        ("tyro", ["completion", "bash"], "training"),
    ],
)
def test_missing_extra(missing, arguments, extra):
    program = (
        "import sys, keras_attention_cli\n"
        f"sys.modules[{missing!r}] = None\n"
        f"sys.argv[1:] = {arguments}\n"
        "sys.exit(keras_attention_cli.main())"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=house.ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2, process.stderr
    (sentence,) = process.stderr.splitlines()
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
    assert "is damaged: expected it to be an object" in capsys.readouterr().err

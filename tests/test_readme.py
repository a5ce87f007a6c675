"""The README's programs run as they stand, and its commands are ones the command line knows."""

import inspect
import os
import re
import shlex
import subprocess
import sys

import house
import pytest

from keras_attention import __main__ as command_line
from keras_attention import layers

README = house.ROOT / "README.md"


def blocks(*languages):
    """The fenced blocks of the README in any of the languages."""
    text = README.read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [block for language, block in fenced if language in languages]


def commands():
    """Every `keras-attention ...` line, continued lines joined, comments and prompts dropped."""
    shell = "\n".join(blocks("bash", "sh", "shell", "console", "")).replace("\\\n", " ")
    lines = (line.strip().removeprefix("$ ") for line in shell.splitlines())
    return [
        shlex.split(line, comments=True) for line in lines if line.startswith("keras-attention ")
    ]


def test_programs_run(tmp_path, shortened):
    """All Python blocks, one after the other, as a reader would type them in."""
    programs = blocks("python")
    assert programs, "the README's first screen is a program that runs"
    program = tmp_path / "readme.py"
    program.write_text(shortened("\n".join(programs)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program.name],
        cwd=tmp_path,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_commands_and_their_options_exist(capsys):
    helps = {}
    assert commands()
    for _, command, *arguments in commands():
        assert command in command_line.COMMANDS or command == "--help", command
        if command == "--help":
            continue
        shown_by = tuple(arguments) if command == "train" else ()  # a recipe shows one kind of data
        if (command, shown_by) not in helps:
            with pytest.raises(SystemExit) as stopped:
                sys.exit(command_line.main([command, *shown_by, "--help"]))
            assert not stopped.value.code
            helps[command, shown_by] = capsys.readouterr().out
        for option in arguments:
            if option.startswith("--"):
                name = option.split("=")[0]
                assert re.search(rf"{re.escape(name)}\b", helps[command, shown_by]), name


def test_make_targets_exist():
    makefile = (house.ROOT / "Makefile").read_text(encoding="utf-8")
    shell = "\n".join(blocks("bash", "sh", "shell", "console", ""))
    for target in re.findall(r"^(?:\$ )?make ([a-z-]+)", shell, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_list_of_layers_is_complete():
    text = README.read_text(encoding="utf-8")
    listed = text[
        text.index("- `keras_attention.layers`") : text.index("- `keras_attention.models`")
    ]
    names = set(re.findall(r"`([A-Z]\w+)`", listed))
    assert names == {name for name, thing in vars(layers).items() if inspect.isclass(thing)}


def test_links_into_the_repository_lead_somewhere():
    text = README.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (house.ROOT / target).exists(), target

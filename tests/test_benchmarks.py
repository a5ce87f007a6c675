"""The benchmarks run: one of the quickest, once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from keras_attention.errors import UserError

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.exhaustive  # no user calls it
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="it measures TensorFlow")
def test_the_benchmark_of_the_loss_tells_its_rows():
    command = [sys.executable, str(FOLDER / "training_step.py"), "--families", "loss"]
    options = ["--repeat", "1", "--steps", "1", "--json"]
    path = os.pathsep.join([str(FOLDER), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}  # the tests of a wheel leave the folder out
    process = subprocess.run(
        [*command, *options], env=environment, capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr[-2000:]
    machine, *rows = map(json.loads, process.stdout.splitlines())
    assert machine["machine"]["keras"] == keras.__version__
    assert [(row["case"], row["engine"]) for row in rows] == [
        ("loss/128x15", "ours"),
        ("loss/128x15", "keras"),
    ]
    ours, keras_loss = rows
    assert keras_loss["time_ratio"] == pytest.approx(
        keras_loss["milliseconds"] / ours["milliseconds"], abs=0.02
    )
    assert keras_loss["memory_ratio"] == pytest.approx(
        keras_loss["mebibytes"] / ours["mebibytes"], abs=0.02
    )


@pytest.fixture
def babi(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return pytest.importorskip("babi", reason="the tests of a wheel leave the folder out")


def test_stories_of_babi(babi, tmp_path):
    path = tmp_path / "qa.txt"
    path.write_text(
        "1 Ann went home.\n2 Bob is out.\n3 Where is Bob? \tout\t2\n4 Ann left.\n"
        "5 Where is Ann?\toffice\t1 4\n1 Eve is in.\n2 Where is Eve?\tin\t1\n"
    )
    found = babi.stories(path)
    assert babi.labelled(found).columns() == [
        [
            "Ann went home. Bob is out. Where is Bob?",
            "Ann went home. Bob is out. Ann left. Where is Ann?",
            "Eve is in. Where is Eve?",
        ],
        ["out", "office", "in"],
    ]
    supporting = [
        [story.text[slice(*story.sentences[place])] for place in story.supporting]
        for story in found
    ]
    assert supporting == [["Bob is out."], ["Ann went home.", "Ann left."], ["Eve is in."]]
    path.write_text("1 Ann went home.\n2 Where is Ann?\thome\t7\n")
    with pytest.raises(UserError, match="numbers of earlier sentences in line 2"):
        babi.stories(path)
    path.write_text("Ann went home.\n")
    with pytest.raises(UserError, match="a numbered sentence in line 1: 'Ann went home.'"):
        babi.stories(path)


REAL = Path(__file__).parents[2] / "shared/data/babi"


@pytest.mark.skipif(not REAL.exists(), reason="there is no ../shared/data/babi")
def test_all_tasks_of_babi(babi):
    paths = sorted(REAL.glob("*_test.txt"))
    assert len(paths) == 8
    for path in paths:
        found = babi.stories(path)
        assert len(found) == 1000 and all(story.supporting for story in found)
        assert len({story.answer for story in found}) < 10

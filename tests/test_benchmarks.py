"""The benchmarks run: one of the quickest, once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

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

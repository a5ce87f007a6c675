"""The benchmarks run: one of the quickest, once."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="it measures TensorFlow")
def test_the_benchmark_of_the_loss_tells_its_rows():
    command = [sys.executable, str(FOLDER / "training_step.py"), "--families", "loss"]
    options = ["--repeat", "1", "--steps", "1", "--json"]
    process = subprocess.run([*command, *options], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-2000:]
    machine, *rows = map(json.loads, process.stdout.splitlines())
    assert machine["machine"]["keras"] == keras.__version__
    assert [(row["case"], row["engine"]) for row in rows] == [
        ("loss/128x15", "ours"),
        ("loss/128x15", "keras"),
    ]
    assert rows[0]["time_ratio"] == rows[0]["memory_ratio"] == 1.0
    assert all(row["milliseconds"] > 0 and row["mebibytes"] > 0 for row in rows)

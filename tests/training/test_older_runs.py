"""Run directories that older versions wrote: kept as they were, read by today's code.

`version_0_1` is of version 0.1; `before_tasks` of the last commit whose recipes named no task. Both
were trained on 97 dates for one epoch: what is expected of them stands in their own files.
"""

import json
import zipfile
from pathlib import Path

import pytest

from keras_attention import Translator
from keras_attention.__main__ import main
from keras_attention.training import evaluate

VERSIONS = ("version_0_1", "before_tasks")


@pytest.fixture(scope="module", params=VERSIONS)
def old(request, tmp_path_factory):
    """Folder with the `run` of an older version."""
    folder = tmp_path_factory.mktemp(request.param)
    with zipfile.ZipFile(Path(__file__).parent / "older_runs" / f"{request.param}.zip") as archive:
        archive.extractall(folder)
    return folder


def recorded(old):
    return json.loads((old / "run" / "evaluation.json").read_text(encoding="utf-8"))["test"]


def test_an_old_run_is_read_and_scored_as_then(old):
    before = recorded(old)
    sources = [sample["source"] for sample in before["samples"]]
    expected = [sample["translation"] for sample in before["samples"]]
    translator = Translator.load(old / "run" / "translator")
    fits = [len(ids) <= translator.max_source_length for ids in translator.encoded(sources)]
    sources = [source for source, fit in zip(sources, fits, strict=True) if fit]
    assert sources and translator(sources) == [
        text for text, fit in zip(expected, fits, strict=True) if fit
    ]
    lines = []
    scores = evaluate(old / "run", report=lines.append)["test"]
    assert {name: scores[name] for name in ("pairs", "bleu", "chrf", "exact_match")} == {
        name: before[name] for name in ("pairs", "bleu", "chrf", "exact_match")
    }


def test_an_old_run_goes_on(old, capsys):
    run = str(old / "run")
    assert main(["train", f"{run}/recipe.json", "--run-dir", run, "--json"]) == 0
    captured = capsys.readouterr()
    assert "has all its 1 epochs" in captured.err
    assert json.loads(captured.out)["test"]["chrf"] == recorded(old)["chrf"]

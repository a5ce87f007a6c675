"""Runs and bundles that older versions wrote: kept as they were, read by today's code.

`version_0_1` is of version 0.1; `before_tasks` of the last commit whose recipes named no task. Both
were trained on 97 dates for one epoch: what is expected of them stands in their own files.
"""

import json
import zipfile

import house
import pytest

from keras_attention import Translator
from keras_attention.__main__ import main
from keras_attention.export import open_predictor, verify
from keras_attention.training import evaluate

VERSIONS = ("version_0_1", "before_tasks")


@pytest.fixture(scope="module", params=VERSIONS)
def old(request, tmp_path_factory):
    """Folder with the `run` and the `bundle` of an older version."""
    folder = tmp_path_factory.mktemp(request.param)
    with zipfile.ZipFile(house.ROOT / "tests" / "old_files" / f"{request.param}.zip") as archive:
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


@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_an_old_bundle_answers_as_its_run_did(old, format):
    translator = Translator.load(old / "run" / "translator")
    texts = [sample["source"] for sample in recorded(old)["samples"]]
    predictor = open_predictor(old / "bundle", format=format)
    too_long = predictor.too_long(texts)
    texts = [text for place, text in enumerate(texts) if place not in too_long]
    found = predictor.predict(texts)
    assert [answer.text for answer in found] == translator(texts)
    for answer, expected in zip(found, translator.explain(texts), strict=True):
        assert answer.score == pytest.approx(expected.score, abs=1e-4)
        assert answer.finished == expected.finished
        assert answer.source_tokens == expected.source_tokens


@pytest.mark.exhaustive  # test_damaged_bundles verifies one; these are opened above
def test_an_old_bundle_is_verified(old):
    lines = []
    result = verify(old / "bundle", lines.append)
    assert result["parity"]["saved_model"]["sentences"] == result["parity"]["onnx"]["sentences"] > 1

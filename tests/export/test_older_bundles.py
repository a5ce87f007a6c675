"""Bundles that older versions wrote are still opened, verified, and give the same translations.

Both in `bundles/` are of the translator that the fixture `lstm` exports today.
"""

import functools
import json

import numpy as np
import pytest
from tiny_translators import TEXTS

from keras_attention.export import BundleError, ParityError, layout, open_predictor, verify
from keras_attention.export.parity import processes
from keras_attention.export.signatures import TRANSLATION


def rewrite(bundle, change):
    """Changes the recorded answers, and the manifest's checksum of them."""
    rows = json.loads((bundle / "parity.json").read_text())
    change(rows)
    (bundle / "parity.json").write_text(json.dumps(rows))
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"] = layout.checksums(bundle)
    manifest.pop("digest", None)
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "format": 1}))


@pytest.mark.usefixtures("parity_here")
def test_it_is_verified(older, monkeypatch):
    run, said = processes.run, []
    once = functools.cache(lambda program: run(program, *arguments[program]))
    arguments = {}

    def run_once(program, *rest):
        arguments[program] = rest
        return once(program)

    monkeypatch.setattr(processes, "run", run_once)  # Each program takes seconds.
    report = verify(older, report=said.append)
    is_first = "token_scores" not in json.loads((older / "parity.json").read_text())[0]
    assert any("carries no digest of its own" in line for line in said) == is_first
    for found in report["parity"].values():
        assert (found["sentences"], found["batch_sizes"]) == (14, [1, 16])
        assert 0 < found["max_score_difference"] < 1e-4
    rewrite(older, lambda rows: rows[3]["nbest"][2].__setitem__(0, "never"))
    with pytest.raises(ParityError, match=r"SavedModel.*differs is 4,.*text of nbest: .*'never'"):
        verify(older, report=str)
    rewrite(older, lambda rows: rows[3]["alignment"].pop())
    with pytest.raises(BundleError, match="what it says of sentence 4 does not fit together"):
        verify(older, report=str)


def test_it_translates(older, lstm):
    expected = lstm.translator.explain([*TEXTS, ""])
    hypotheses = lstm.translator.nbest(TEXTS)
    predictors = {name: open_predictor(older, name) for name in ("saved_model", "onnx")}
    has_token_scores = json.loads((older / "manifest.json").read_text())["format"] > 1
    for predictor in predictors.values():
        for row, wanted in zip(predictor.predict([*TEXTS, ""]), expected, strict=True):
            assert (row.text, row.finished) == (wanted.text, wanted.finished)
            assert row.target_tokens == wanted.target_tokens
            np.testing.assert_allclose(row.alignment, wanted.alignment, atol=1e-4)
            assert (row.token_scores is not None) == has_token_scores
    for row, wanted in zip(predictors["saved_model"].nbest(TEXTS), hypotheses, strict=True):
        assert [text for text, _ in row] == [text for text, _ in wanted]
        told = [hypothesis.finished for hypothesis in wanted] if has_token_scores else [None] * 3
        assert [hypothesis.finished for hypothesis in row] == told


def test_its_manifest_has_the_shape_of_today(older, lstm):
    manifest = layout.read_manifest(older)
    assert set(lstm.manifest) - set(manifest) <= {"digest"}
    assert (manifest["task"], manifest["unknown"], manifest["rejection"]) == (
        "translation",
        "keep",
        None,
    )


def test_ports_that_were_lists_of_axes(older):
    path = older / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["files"]["parity.json"]  # No digest is left to say so.
    manifest.pop("digest", None)
    manifest["signatures"]["nbest"]["outputs"]["text"] = ["batch", "n"]
    path.write_text(json.dumps({**manifest, "format": 1}))
    found = layout.read_manifest(older)["signatures"]["nbest"]["outputs"]
    assert found["text"] == str(TRANSLATION.endpoints["nbest"].outputs["text"])

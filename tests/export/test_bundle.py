"""A bundle is whole or not there; a broken or lying one is found."""

import errno
import hashlib
import json
import os
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from tiny_translators import TEXTS

from keras_attention import UserError
from keras_attention.decoding import AllowedIds, Beam, Greedy, MinimumLength, SearchResult
from keras_attention.export import BundleError, ParityError, bundle, export, layout, verify
from keras_attention.export.evaluation import recorded_evaluation
from keras_attention.export.to_onnx import write_onnx
from keras_attention.locks import lock
from keras_attention.models import CompiledSearch
from keras_attention.text import CharacterTokenizer


@pytest.fixture
def copied(lstm, tmp_path):
    return shutil.copytree(lstm.bundle, tmp_path / "copied")


@pytest.fixture
def without_conversion(lstm, monkeypatch):
    """Makes `export` copy the files of a finished bundle instead of converting again."""

    def write_files(translator, folder, name, answers, report, *flags):
        shutil.copytree(lstm.bundle, folder, ignore=shutil.ignore_patterns("manifest.json"))

    monkeypatch.setattr(bundle, "write_files", write_files)


def spoil_weights(path):
    """Changes the largest weight of an ONNX file."""
    model = onnx.load(path)
    floats = [
        tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT
    ]
    largest = max(floats, key=lambda tensor: np.prod(tensor.dims))
    values = onnx.numpy_helper.to_array(largest) * -1.0
    largest.CopyFrom(onnx.numpy_helper.from_array(values.astype("float32"), largest.name))
    onnx.save(model, path)


def sign(folder, name):
    """Makes the manifest agree with a changed file."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    layout.write_manifest(folder, manifest)


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("parity_here")
def test_verify_finds_a_changed_weight_and_names_the_first_sentence(copied):
    spoil_weights(copied / "onnx/model.onnx")
    with pytest.raises(BundleError, match=r"onnx/model\.onnx has changed"):
        verify(copied)
    sign(copied, "onnx/model.onnx")
    with pytest.raises(ParityError, match=rf"ONNX.*differs is 1, {TEXTS[0]!r}.*model says"):
        verify(copied)


def test_verify_finds_a_missing_file(copied):
    (copied / "tokenizer/target/tokenizer.json").unlink()
    with pytest.raises(BundleError, match=r"tokenizer/target/tokenizer\.json is missing"):
        verify(copied)


def test_verify_finds_a_file_that_cannot_be_opened(copied):
    path = copied / "saved_model/1/saved_model.pb"
    path.write_bytes(path.read_bytes()[:1000])
    sign(copied, "saved_model/1/saved_model.pb")
    with pytest.raises(ParityError, match="cannot be run in a clean process"):
        verify(copied)


def test_verify_refuses_what_is_no_bundle(tmp_path):
    with pytest.raises(UserError, match="is not an exported bundle"):
        verify(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 0}')
    with pytest.raises(
        BundleError, match="another version: expected format 1, 2 or 3. Received: format=0"
    ):
        verify(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        verify(tmp_path)


@pytest.mark.usefixtures("parity_here")
def test_export_that_answers_differently_leaves_the_former_bundle(
    run_dir, copied, without_conversion, monkeypatch
):
    converted = bundle.write_files

    def write_files(translator, folder, name, answers, report, *flags):
        converted(translator, folder, name, answers, report, *flags)
        spoil_weights(folder / "onnx/model.onnx")

    monkeypatch.setattr(bundle, "write_files", write_files)
    before = snapshot(copied)
    with pytest.raises(ParityError, match=rf"ONNX.*differs is 1, {TEXTS[0]!r}"):
        export(run_dir, copied)
    assert snapshot(copied) == before
    assert os.listdir(copied.parent) == ["copied"]


def test_full_disk_leaves_nothing(run_dir, tmp_path, monkeypatch):
    def no_space(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(bundle, "write_saved_model", lambda *arguments, **options: None)
    monkeypatch.setattr(bundle, "write_onnx", no_space)
    with pytest.raises(UserError, match="cannot be written: No space left on device"):
        export(run_dir, tmp_path / "exports" / "tiny")
    assert os.listdir(tmp_path / "exports") == []


def test_export_refuses_a_bundle_that_another_process_writes(run_dir, tmp_path, monkeypatch):
    """Before it searches."""
    monkeypatch.setattr(bundle, "exporter_of", None)
    to = tmp_path / "made" / "bundle"
    to.parent.mkdir()
    with (
        lock(to.parent / ".bundle.lock", "x"),
        pytest.raises(UserError, match="bundle is in use by process"),
    ):
        export(run_dir, to, TEXTS)
    assert not list(to.parent.iterdir())


@pytest.mark.usefixtures("parity_here")
def test_export_replaces_a_bundle(run_dir, copied, without_conversion):
    (copied / "stale").touch()
    for name in ("copied.temporary", "copied.temporary.work", "copied"):  # Of killed exports.
        (copied.parent / f".{name}.0a_zzzzz").mkdir()
    (copied.parent / ".copied.temporary.work.0a_zzzzz" / "made").mkdir()
    (copied.parent / ".copied.settings").mkdir()  # Of somebody else, it is not empty.
    (copied.parent / ".copied.settings" / "file").touch()
    another = ".copied.old.temporary.0a_zzzzz"  # Of an export to `copied.old`, which may go on.
    (copied.parent / another).mkdir()
    manifest = export(run_dir, copied, texts=TEXTS[:3])
    assert manifest["parity"]["onnx"]["sentences"] == 4
    assert not (copied / "stale").exists()
    assert sorted(os.listdir(copied.parent)) == [another, ".copied.settings", "copied"]


def test_an_export_encodes_and_searches_its_sentences_once(
    run_dir, tmp_path, without_conversion, monkeypatch
):
    """However many of its answers are kept: the search has several beams and tells one."""
    calls = {"encode": 0, "generate": 0}

    def counted(owner, name):
        method = getattr(owner, name)

        def count(*arguments, **options):
            calls[name] += 1
            return method(*arguments, **options)

        monkeypatch.setattr(owner, name, count)

    counted(CharacterTokenizer, "encode")
    counted(CompiledSearch, "generate")
    monkeypatch.setattr(bundle, "check_parity", lambda *arguments: {})
    export(run_dir, tmp_path / "exports" / "tiny", texts=TEXTS)
    assert calls == {"encode": 1, "generate": 1}


def test_a_manifest_records_the_threshold_of_rejection(
    run_dir, lstm, tmp_path, without_conversion, monkeypatch
):
    monkeypatch.setattr(bundle, "check_parity", lambda *arguments: {})
    run, to = shutil.copytree(run_dir, tmp_path / "run"), tmp_path / "exports" / "tiny"
    evaluation = json.loads((run / "evaluation.json").read_text())
    evaluation["validation"] = {"rejection": {"quantile": 0.01, "threshold": 0.25}}
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    manifest = export(run, to, texts=TEXTS)
    assert manifest["rejection"] == {"quantile": 0.01, "threshold": 0.25}
    assert layout.read_manifest(to) == manifest
    assert lstm.manifest["rejection"] is None


def test_export_refuses(run_dir, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "letter.txt").touch()
    with pytest.raises(UserError, match="not an exported bundle: it would be overwritten"):
        export(run_dir, tmp_path / "precious")
    with pytest.raises(UserError, match="does not exist"):
        export(tmp_path / "nowhere", tmp_path / "to")
    with pytest.raises(UserError, match="neither a run directory, nor a saved predictor"):
        export(tmp_path / "precious", tmp_path / "to")
    (tmp_path / "young").mkdir()
    (tmp_path / "young" / "recipe.json").write_text("{}")
    with pytest.raises(UserError, match="has no model yet"):
        export(tmp_path / "young", tmp_path / "to")
    with pytest.raises(UserError, match=r"translator has no samples\.json"):
        export(run_dir / "translator", tmp_path / "to")
    with pytest.raises(UserError, match="no held-out sentence the model takes"):
        export(run_dir, tmp_path / "to", texts=["x" * 99])
    assert not (tmp_path / "to").exists()


def test_an_evaluation_of_another_search_says_nothing_of_the_bundle(run_dir, lstm, tmp_path):
    rejection = {"quantile": 0.01, "threshold": 0.25}
    run, search = tmp_path, lstm.translator.search
    evaluation = json.loads((run_dir / "evaluation.json").read_text())
    evaluation["validation"] = {"rejection": rejection}
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    found = recorded_evaluation(run, search)
    scores = {"validation": {}, "test": {"exact_match": 0.25, "pairs": 17}}
    assert found[:3] == (scores, rejection, None) and found.evidence is None
    found = recorded_evaluation(run, Greedy(max_length=9))
    assert found[:2] == ({}, None)
    assert (
        "are of Beam(width=3" in found.why_not and "not of Greedy(max_length=9)," in found.why_not
    )


@pytest.mark.parametrize(
    ("recorded", "search"),
    [
        (
            "Beam(width=5, length_penalty=0.6, coverage_penalty=0.0, n_best=1, max_length=128)",
            Beam(5, 0.6, max_length=128),
        ),
        ("Greedy(max_length=12)", Greedy(max_length=12)),
        (
            "Beam(width=5, length_penalty=0.0, coverage_penalty=0.0, n_best=1, max_length=64, "
            "constraints=[MinimumLength(tokens=3), AllowedIds(ids=[4, 5])])",
            Beam(5, constraints=[MinimumLength(3), AllowedIds([4, 5])]),
        ),
    ],
)
def test_scores_of_a_run_of_version_0_1_are_those_of_its_bundle(tmp_path, recorded, search):
    evaluation = {"search": recorded, "test": {"bleu": 0.25}}
    (tmp_path / "evaluation.json").write_text(json.dumps(evaluation))
    assert recorded_evaluation(tmp_path, search).scores == {"test": {"bleu": 0.25}}


@pytest.mark.parametrize(
    "recorded",
    [
        {"class_name": "Theirs", "config": {}, "registered_name": "theirs>Theirs"},
        {**keras.saving.serialize_keras_object(Beam(2)), "config": {"width": -1}},
        {**keras.saving.serialize_keras_object(Beam(2)), "config": {"wide": 1}},
    ],
)
def test_scores_of_a_search_that_cannot_be_made_are_left_out(tmp_path, recorded):
    evaluation = {"search": recorded, "test": {"bleu": 0.25}}
    (tmp_path / "evaluation.json").write_text(json.dumps(evaluation))
    found = recorded_evaluation(tmp_path, Beam(2))
    assert found.scores == {} and f"are of {recorded['class_name']} (" in found.why_not


def test_export_needs_the_tensorflow_backend(run_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle.keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="set KERAS_BACKEND=tensorflow. Received: jax"):
        export(run_dir, tmp_path / "to")


class Unconvertible:
    """A model with an operation that tf2onnx does not know."""

    pad_id, end_id = 0, 3

    def generate(self, source_ids, search):
        ids = tf.bitcast(tf.bitcast(source_ids, "float32"), "int32")[:, None]
        lengths = ids[:, :, 0]
        scores = tf.cast(lengths, "float32")
        token_scores = tf.cast(ids, "float32")
        return SearchResult(ids, scores, lengths, token_scores[:, None], token_scores)

    def _flatten_layers(self):
        return []


def test_operation_without_an_onnx_twin_is_an_error(tmp_path):
    translator = SimpleNamespace(model=Unconvertible(), search=None)
    with pytest.raises(UserError, match="cannot be written as ONNX.*Bitcast"):
        write_onnx(translator, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()

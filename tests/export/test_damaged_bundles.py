"""A bundle, a run or a saved translator that is not as it was written: one sentence, no traceback.

The fuzz tests read every JSON file in process, without the model; what is asked is that whatever
happens to a file it is either read or refused in one sentence.
"""

import copy
import json
import random
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_attention import Translator, UserError, text
from keras_attention.__main__ import main
from keras_attention.export import BundleError, bundle, layout, open_predictor, verify
from keras_attention.export.evaluation import recorded_evaluation
from keras_attention.export.manifest import origin
from keras_attention.export.parity.answers import read_answers
from keras_attention.export.signatures import TRANSLATION
from keras_attention.training.data.digests import check_digests
from keras_attention.training.recipes.file import read_recipe

SIGNATURES = TRANSLATION.signatures
ODD_VALUES = [
    None,
    True,
    -1,
    10**400,
    0.5,
    float("nan"),
    "x",
    "",
    [],
    {},
    [[]],
    [[1], []],
    {"a": 1},
]


@pytest.fixture
def copied(lstm, tmp_path):
    return shutil.copytree(lstm.bundle, tmp_path / "copied")


@pytest.fixture
def without_processes(monkeypatch):
    monkeypatch.setattr(bundle, "check_parity", lambda *arguments: {})


def sign(folder, **changes):
    """Writes the manifest anew, with the checksums of the files as they are now."""
    manifest = json.loads((folder / "manifest.json").read_text())
    layout.write_manifest(folder, {**manifest, "files": layout.checksums(folder), **changes})


def flipped(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("format", "file"),
    [
        ("saved_model", "saved_model/1/saved_model.pb"),
        ("onnx", "onnx/model.onnx"),
        ("onnx", "tokenizer/target/tokenizer.json"),
    ],
)
def test_a_bundle_with_a_changed_file_is_not_opened(copied, capsys, format, file):
    flipped(copied / file, 100)
    assert main(["translate", str(copied), "mei", "--format", format]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and f"{file} has changed" in captured.err
    assert len(captured.err.splitlines()) == 1


def test_a_served_file_that_is_not_listed(copied):
    (copied / "saved_model/1/variables/more").touch()
    with pytest.raises(BundleError, match="does not list saved_model/1/variables/more"):
        open_predictor(copied)
    (copied / "saved_model/2").mkdir()
    (copied / "saved_model/2/saved_model.pb").touch()
    (copied / "saved_model/1/variables/more").unlink()
    with pytest.raises(BundleError, match="does not list saved_model/2/saved_model.pb"):
        verify(copied, report=str)


def test_no_byte_of_a_manifest_changes_unnoticed(copied):
    path = copied / "manifest.json"
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        flipped(path, place)
        with pytest.raises(UserError):
            layout.read_manifest(copied)
        path.write_bytes(content)
    assert layout.read_manifest(copied)["name"] == "lstm"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {}}, "does not list "),
        ({"files": None}, "expected `files` to be an object. Received: None"),
        ({"signatures": {}}, "has no endpoint serving_default"),
        (
            {"signatures": {**SIGNATURES, "nbest": {"inputs": {"text": "string[batch]"}}}},
            "it has no `signatures.nbest.outputs`",
        ),
        (
            {"signatures": {**SIGNATURES, "nbest": {**SIGNATURES["nbest"], "outputs": {}}}},
            "endpoint nbest of .* has no output finished",
        ),
        (
            {"signatures": {**SIGNATURES, "nbest": SIGNATURES["explain"]}},
            "expected 'string.batch, n.'",
        ),
        ({"max_source_length": 0}, "to be an integer of at least 1. Received: 0"),
    ],
)
def test_verify_refuses_a_manifest_of_another_shape(copied, without_processes, changes, message):
    sign(copied, **changes)
    with pytest.raises(BundleError, match=message):
        verify(copied, report=str)


def test_a_translator_without_its_search_is_damaged(copied):
    manifest = layout.read_manifest(copied)
    del manifest["search"]
    layout.write_manifest(copied, manifest)
    with pytest.raises(BundleError, match="is damaged: it has no `search`"):
        layout.read_manifest(copied)


SCORES = "outputs/explain/score"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: {name: array[:0] for name, array in arrays.items()}, "holds no sentence"),
        (lambda arrays: {}, "is damaged: it has no text of serving_default"),
        (lambda arrays: {**arrays, SCORES: arrays[SCORES][1:]}, "does not fit together"),
        (
            lambda arrays: {**arrays, SCORES: arrays[SCORES] > 0},
            r"score of explain to be float32\[",
        ),
        (lambda arrays: {**arrays, SCORES: np.array([{}])}, "is damaged: .*allow_pickle=False"),
    ],
)
def test_verify_refuses_answers_of_another_shape(copied, without_processes, change, message):
    with np.load(copied / "parity.npz") as file:
        np.savez(copied / "parity.npz", **change(dict(file)))
    sign(copied)
    with pytest.raises(BundleError, match=message):
        verify(copied, report=str)


def test_a_manifest_without_its_digest_has_lost_it(copied):
    manifest = json.loads((copied / "manifest.json").read_text())
    del manifest["digest"]
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="it is not what its own digest says"):
        layout.read_manifest(copied)


def test_files_with_other_endpoints(lstm, copied, monkeypatch):
    """The SavedModel or the ONNX file of another program, whose checksums are right."""
    signatures = {"serving_default": lstm.signatures["serving_default"]}
    monkeypatch.setattr(
        "keras_attention.export.engines.tf.saved_model.load",
        lambda path: SimpleNamespace(signatures=signatures),
    )
    with pytest.raises(BundleError, match="has no endpoint explain"):
        open_predictor(copied)
    port = SimpleNamespace(name="x")
    session = SimpleNamespace(get_inputs=lambda: [port], get_outputs=lambda: [port])
    monkeypatch.setattr("keras_attention.export.engines.open_session", lambda path: session)
    with pytest.raises(BundleError, match="has no input source_ids"):
        open_predictor(copied, "onnx")


# Fuzz ---------------------------------------------------------------------------------------------


def damages(content, seed=5, many=30):
    """Contents of a damaged JSON file, as bytes."""
    random_ = random.Random(seed)
    whole = json.dumps(content).encode()
    yield from (b"", b"\xff", b"null", b"[" * 100_000, b'{"a":1}', b"[]", b"7")
    for _ in range(many):
        yield whole[: random_.randrange(len(whole))]
        place = random_.randrange(len(whole))
        yield whole[:place] + bytes([random_.randrange(256)]) + whole[place + 1 :]
    for path in random_.sample(paths := list(places(content)), min(len(paths), many)):
        for value in [*random_.sample(ODD_VALUES, 4), places]:
            changed = copy.deepcopy(content)
            *before, last = path
            parent = changed
            for key in before:
                parent = parent[key]
            if value is places:
                del parent[last]
            else:
                parent[last] = value
            yield json.dumps(changed).encode()


def places(content, path=()):
    """The keys that lead to each part of some content, but to what repeats itself in a list."""
    items = content.items() if isinstance(content, dict) else enumerate(content[:2])
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def fuzz(path, read):
    content = json.loads(path.read_text())
    refused = 0
    for damaged in damages(content):
        path.write_bytes(damaged)
        try:
            read()
        except UserError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1
        except Exception as error:
            pytest.fail(f"{path.name} as {damaged[:2000]!r}: {error!r}")
    assert refused > 40


def test_fuzzed_manifest(copied, without_processes, monkeypatch):
    """Signed by who changed it: the digest finds all else."""
    path = copied / "manifest.json"
    checksums = layout.checksums(copied)
    monkeypatch.setattr(layout, "checksums", lambda bundle, parts=None: checksums)
    monkeypatch.setattr(layout, "_check_digest", lambda *arguments: None)
    fuzz(path, lambda: verify(copied, report=str))


def test_fuzzed_answers(copied):
    manifest, path = layout.read_manifest(copied), copied / "parity.npz"
    content, random_, refused = path.read_bytes(), random.Random(5), 0
    contents = [b"", content[:9], b"PK\x03\x04", b"\x93NUMPY", *map(content[:-1].__add__, [b"\0"])]
    for _ in range(200):
        damaged = bytearray(content)
        damaged[random_.randrange(len(content))] ^= 1 << random_.randrange(8)
        contents += [bytes(damaged), content[: random_.randrange(len(content))]]
    for damaged in contents:
        path.write_bytes(damaged)
        try:
            read_answers(copied, manifest)
        except UserError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1
    assert refused > 250


def test_fuzzed_answers_of_an_older_bundle(older):
    manifest = layout.read_manifest(older)
    fuzz(older / "parity.json", lambda: read_answers(older, manifest))


def test_fuzzed_run(run_dir, lstm, tmp_path):
    run = shutil.copytree(run_dir, tmp_path / "run")
    search = lstm.translator.search
    recipe = {"recipe": {"name": "t", "fit": {"epochs": 1}, "search": {"beam_width": 2}}}
    (run / "recipe.json").write_text(json.dumps(recipe))
    fuzz(run / "recipe.json", lambda: (read_recipe(run / "recipe.json"), origin(run)))
    rejection = {"rejection": {"threshold": 0.5, "quantile": 0}}
    for recorded in (keras.saving.serialize_keras_object(search), repr(search)):
        evaluation = {"search": recorded, "validation": rejection}
        (run / "evaluation.json").write_text(json.dumps(evaluation))
        fuzz(run / "evaluation.json", lambda: recorded_evaluation(run, search))
    fuzz(run / "samples.json", lambda: bundle.held_out_texts(lstm.translator, run))


def test_fuzzed_digests_of_a_run(tmp_path):
    splits = {name: {"pairs": 3, "sha256": "0" * 64} for name in ("train", "validation", "test")}
    (tmp_path / "data.json").write_text(json.dumps(splits))
    fuzz(tmp_path / "data.json", lambda: check_digests(tmp_path, splits, report=str))


def test_fuzzed_translator(run_dir, lstm, tmp_path, monkeypatch):
    folder = shutil.copytree(run_dir / "translator", tmp_path / "translator")
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: lstm.translator.model)
    fuzz(folder / "translator.json", lambda: Translator.load(folder))


def test_fuzzed_tokenizers(tmp_path):
    for kind in ("character", "word", "wordpiece", "byte"):
        text.train(kind, ["der Hund", "ein Haus"] * 3).save(tmp_path / kind)
        fuzz(tmp_path / kind / "tokenizer.json", lambda kind=kind: text.load(tmp_path / kind))

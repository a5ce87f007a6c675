import dataclasses
import functools
import json
import shutil
import tarfile
from pathlib import Path

import keras
import pytest
import tensorflow as tf
from start_here import start_here
from tiny_translators import TEXTS, by_default, tiny_translator

from keras_attention import Translator, decoding
from keras_attention.export import export, open_predictor, predictor
from keras_attention.export.parity import processes

CONFIGURATIONS = {
    "lstm": {"seed": 16},
    "gru": {
        "decoder": "parallel",
        "cell": "gru",
        "layers": 2,
        "search": decoding.Greedy(max_length=11),
        "seed": 38,
    },
    "sentencepiece": {
        "decoder": "input_feeding",
        "encoder": "transformer",
        "kind": "sentencepiece",
        "seed": 32,
    },
    "transformer": {"decoder": "transformer", "seed": 13},
}
# What the run was trained in; the bundle must answer like the same weights in float32.
POLICIES = {"gru": "mixed_float16", "transformer": "mixed_bfloat16"}
COMPILED = ("gru",)  # by XLA
CLEAN = (
    "lstm",
    "sentencepiece",
)  # parity is verified in clean processes, of the others in this one
QUANTIZED = ("gru", "transformer")  # has an ONNX file with 8-bit weights too


@dataclasses.dataclass
class Exported:
    translator: Translator
    bundle: Path
    manifest: dict
    made_in: Path  # A folder that is gone.

    @functools.cached_property
    def signatures(self):
        self.saved_model = tf.saved_model.load(str(self.bundle / "saved_model" / "1"))
        return self.saved_model.signatures

    @functools.cache  # noqa: B019  The fixtures live as long as the session.
    def predictor(self, format):
        return open_predictor(self.bundle, format)

    __hash__ = object.__hash__


@pytest.fixture
def parity_here(monkeypatch):
    """Verifies parity in this process."""
    monkeypatch.setattr(processes, "start", start_here)


@pytest.fixture(autouse=True)
def opened_once(monkeypatch):
    """Lets `keras-attention translate` open each bundle and run of the session once."""
    monkeypatch.setattr(predictor, "open_predictor", open_once)


SHARED, OPENED = [], {}  # Folders that no test changes; predictors by their arguments.


def open_once(folder, *arguments, **options):
    if Path(folder) not in SHARED:
        return open_predictor(folder, *arguments, **options)
    key = repr((folder, arguments, options))
    if key not in OPENED:
        OPENED[key] = open_predictor(folder, *arguments, **options)
    return OPENED[key]


def write_run(translator, folder):
    translator.save(folder / "translator")
    recipe = {"recipe": {"name": "tiny", "data": {"train_source": "/home/somebody/corpus.en"}}}
    evaluation = {
        "search": keras.saving.serialize_keras_object(translator.search),
        "test": {"exact_match": 0.25, "pairs": 17, "samples": [{"source": "7"}]},
    }
    files = {"recipe": recipe, "evaluation": evaluation, "samples": {"texts": TEXTS}}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    write_run(tiny_translator(**CONFIGURATIONS["lstm"]), folder)
    SHARED.append(folder)
    return folder


def make(name, tmp_path_factory):
    """A bundle that was moved away from where it was made, its run deleted."""
    translator = tiny_translator(**CONFIGURATIONS[name])
    work = tmp_path_factory.mktemp("work")
    trained = tiny_translator(**CONFIGURATIONS[name], policy=POLICIES.get(name))
    write_run(trained, work / "run")
    flags = {"xla": name in COMPILED, "int8": name in QUANTIZED}
    with pytest.MonkeyPatch.context() as patch:
        if name not in CLEAN:
            patch.setattr(processes, "start", start_here)
        manifest = export(work / "run", work / "exports" / name, **flags)
    bundle = tmp_path_factory.mktemp("moved") / "elsewhere" / name
    bundle.parent.mkdir()
    shutil.move(work / "exports" / name, bundle)
    shutil.rmtree(work)
    SHARED.append(bundle)
    return Exported(translator, bundle, manifest, work)


@pytest.fixture(scope="session")
def lstm(tmp_path_factory):
    return make("lstm", tmp_path_factory)


@pytest.fixture(scope="session")
def gru(tmp_path_factory):
    return make("gru", tmp_path_factory)


@pytest.fixture(scope="session")
def sentencepiece(tmp_path_factory):
    return make("sentencepiece", tmp_path_factory)


@pytest.fixture(scope="session")
def transformer(tmp_path_factory):
    return make("transformer", tmp_path_factory)


@pytest.fixture(params=by_default(*CONFIGURATIONS))
def exported(request):
    return request.getfixturevalue(request.param)


def unpacked(name, folder):
    """A bundle that an older version wrote of the translator of the fixture `lstm`."""
    with tarfile.open(Path(__file__).parent / "bundles" / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "lstm"


@pytest.fixture(params=["version_0_1", "format_2"])
def older(request, tmp_path):
    return unpacked(request.param, tmp_path)

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from keras_attention.export import export
from tiny_translators import TEXTS, tiny_translator

from keras_attention import Translator, decoding

CONFIGURATIONS = {
    "lstm": {"seed": 16},
    "gru": {
        "decoder": "parallel",
        "cell": "gru",
        "layers": 2,
        "search": decoding.Greedy(max_length=11),
        "seed": 12,
    },
    "sentencepiece": {"decoder": "input_feeding", "kind": "sentencepiece", "seed": 2},
}


@dataclasses.dataclass
class Exported:
    translator: Translator
    bundle: Path
    manifest: dict
    made_in: Path  # A folder that is gone.


def write_run(translator, folder):
    translator.save(folder / "translator")
    recipe = {"recipe": {"name": "tiny", "data": {"train_source": "/home/somebody/corpus.en"}}}
    evaluation = {
        "search": repr(translator.search),
        "test": {"exact_match": 0.25, "pairs": 17, "samples": [{"source": "7"}]},
    }
    files = {"recipe": recipe, "evaluation": evaluation, "samples": {"texts": TEXTS}}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    write_run(tiny_translator(**CONFIGURATIONS["lstm"]), folder)
    return folder


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """Bundles by the name of their configuration, each moved away and its run deleted."""
    done = {}

    def get(name):
        if name not in done:
            translator = tiny_translator(**CONFIGURATIONS[name])
            work = tmp_path_factory.mktemp("work")
            write_run(translator, work / "run")
            manifest = export(work / "run", work / "exports" / name)
            bundle = tmp_path_factory.mktemp("moved") / "elsewhere" / name
            bundle.parent.mkdir()
            shutil.move(work / "exports" / name, bundle)
            shutil.rmtree(work)
            done[name] = Exported(translator, bundle, manifest, work)
        return done[name]

    return get


@pytest.fixture(params=list(CONFIGURATIONS))
def exported(request, exports):
    return exports(request.param)


@pytest.fixture
def lstm(exports):
    return exports("lstm")

"""Unknown words in the answers of exported files: as the manifest says, or as is asked for."""

import json

import keras
import pytest
from keras import ops

from keras_attention import Translator, decoding
from keras_attention.__main__ import main
from keras_attention.export import layout, open_predictor, write_onnx, write_saved_model
from keras_attention.export.signatures import TRANSLATION
from keras_attention.text import WordTokenizer

GERMAN = ["das", "Haus", "in", "ist"]
ENGLISH = ["the", "house", "in", "is"]
TEXTS = ["das Haus in Wien", "Quito ist", "das", ""]
DICTIONARY = {"Wien": "Vienna"}
EXPECTED = {
    "keep": ["the house in \ufffd", "\ufffd is", "the", ""],
    "copy": ["the house in Wien", "Quito is", "the", ""],
    "dictionary": ["the house in Vienna", "Quito is", "the", ""],
}


class WordForWord:
    """A model that says the translation of one word after the other, and looks at it."""

    pad_id, start_id, end_id, weights = 0, 2, 3, ()

    def _flatten_layers(self):
        return []

    def generate(self, source, search, prefix=None):
        def step(token_ids, state):
            text, position = state["text"], state["position"]
            here = ops.arange(ops.shape(text)[1], dtype="int32") == position[:, None]
            token = ops.sum(ops.where(here, text, 0), axis=1)
            logits = ops.one_hot(token, len(ENGLISH) + 4) * 20.0
            return logits, {"text": text, "position": position + 1}, ops.cast(here, "float32")

        state = {"text": source, "position": ops.zeros_like(source[:, 0])}
        return search(step, state, source != 0, self.start_id, self.end_id, self.pad_id, prefix)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    bundle = tmp_path_factory.mktemp("exports") / "words"
    source, target = WordTokenizer(GERMAN), WordTokenizer(ENGLISH)
    search = decoding.Greedy(max_length=5)
    translator = Translator(WordForWord(), source, target, search)
    write_saved_model(translator, bundle / "saved_model/1")
    write_onnx(translator, bundle / "onnx/model.onnx")
    source.save(bundle / "tokenizer/source")
    target.save(bundle / "tokenizer/target")
    manifest = {
        "name": "words",
        "special_ids": {"end": 3},
        "search": keras.saving.serialize_keras_object(search),
        "max_source_length": 9,
        "needs_tensorflow_text": False,
        "unknown": DICTIONARY,
        "rejection": None,
        "task": TRANSLATION.name,
        "signatures": TRANSLATION.signatures,
        "files": layout.checksums(bundle),
    }
    layout.write_manifest(bundle, manifest)
    return bundle


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_answers_of_exported_files(bundle, format):
    asked = {"keep": "keep", "copy": "copy", "dictionary": None}  # None: what is recorded.
    for kind, unknown in asked.items():
        predictor = open_predictor(bundle, format, unknown=unknown)
        rows = predictor.predict(TEXTS)
        assert [row.text for row in rows] == EXPECTED[kind]
        assert [row[0][0] for row in predictor.nbest(TEXTS)] == EXPECTED[kind]
        if kind == "copy":
            assert rows[0].target_tokens == ["the", "house", "in", "Wien"]
            assert rows[0].alignment.shape == (4, 5)


def test_translate_with_a_dictionary(bundle, tmp_path, capsys):
    words = tmp_path / "words.json"
    words.write_text(json.dumps({"Quito": "Kito"}))
    assert main(["translate", str(bundle), *TEXTS[:2], "--unknown", str(words)]) == 0
    assert capsys.readouterr().out.splitlines() == ["the house in Wien", "Kito is"]
    words.write_text('["Quito"]')
    assert main(["translate", str(bundle), *TEXTS[:2], "--unknown", str(words)]) == 2
    assert 'Expected `unknown` to be "keep", "copy" or a dict' in capsys.readouterr().err

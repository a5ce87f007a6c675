"""Tokenizers in processes that hold less than ours."""

import json
import os
import subprocess
import sys

import tensorflow as tf

from keras_attention import text

# A Turkish locale: lower case must not depend on it.
LOADER = """
import json, sys
for name in ("keras", "keras_attention", "tensorflow_text", "sentencepiece"):
    sys.modules[name] = None
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
cases = json.load(open(sys.argv[2], encoding="utf-8"))
result = {}
for strings in cases:
    for name, (ids, back) in model.both(tf.constant(strings, tf.string)).items():
        back = [item.decode("utf-8") for item in back.numpy().tolist()]
        result.setdefault(name, []).append([ids.to_list(), back])
places = [model.places(tf.constant(strings, tf.string)) for strings in cases]
result["places"] = [[rows.to_list() for rows in both] for both in places]
json.dump(result, open(sys.argv[3], "w", encoding="utf-8"))
"""

WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None
try:
    import keras_attention.text
except ImportError as error:
    print(error)
"""


class Everything(tf.Module):
    def __init__(self, tokenizers):
        super().__init__()
        self.tokenizers = tokenizers

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def both(self, strings):
        result = {}
        for name, tokenizer in self.tokenizers.items():
            ids = tokenizer.encode(strings)
            result[name] = (ids, tokenizer.decode(ids))
        return result

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def places(self, strings):
        tokenizer = self.tokenizers["normalized"]
        return tokenizer.offsets(strings), tokenizer.word_numbers(strings)


def run(program, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_saved_models_load_where_only_tensorflow_is(tokenizers, dates, tmp_path):
    held = {kind: tokenizers[kind] for kind in ("character", "byte", "word", "wordpiece")}
    spelt = {"byte_fallback": True, "user_defined_symbols": ["2021"]}
    options = {"lowercase": True, "normalization": "nfkc", **spelt}
    held["normalized"] = text.train("wordpiece", dates, **options)
    tf.saved_model.save(Everything(held), tmp_path / "model")
    (tmp_path / "model").rename(tmp_path / "moved")

    cases = [dates, dates[3:8] + ["I İ ﬁ zero\x00 \U0001f600", ""], []]
    (tmp_path / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    done = run(
        LOADER,
        tmp_path / "moved",
        tmp_path / "cases.json",
        tmp_path / "result.json",
        LC_ALL="tr_TR.UTF-8",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))

    places = zip(cases, result.pop("places"), strict=True)
    for strings, (offsets, numbers) in places:
        assert offsets == held["normalized"].offsets(strings).to_list()
        assert numbers == held["normalized"].word_numbers(strings).to_list()
    assert result.keys() == held.keys()
    for name, tokenizer in held.items():
        for strings, (ids, back) in zip(cases, result[name], strict=True):
            assert ids == tokenizer.encode(strings).to_list()
            wanted = tokenizer.decode(tokenizer.encode(strings)).numpy().tolist()
            assert back == [item.decode("utf-8") for item in wanted]


def test_without_tensorflow_one_sentence_says_what_to_install():
    done = run(WITHOUT_TENSORFLOW, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines() == [
        "keras_attention.text needs TensorFlow: "
        'install it with pip install "keras-attention[training]".'
    ]

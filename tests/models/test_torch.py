"""Models on Keras' Torch backend: a process of its own, as a process has one backend."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

PROGRAM = """
import sys
import keras
import numpy as np
from keras import ops
from keras_attention import decoding, losses, metrics, models

assert keras.backend.backend() == "torch"
rng = np.random.default_rng(0)
ids = rng.integers(4, 11, (3, 5)).astype("int32")
ids[1, 3:] = 0
frames = rng.normal(size=(3, 5, 3)).astype("float32")
target = np.array([[2, 5, 6], [2, 7, 4], [2, 4, 4]], "int32")
labels = np.array([[5, 6, 3], [7, 4, 3], [4, 3, 0]], "int32")


def recurrent(decoder, **source):
    source = source or {"source_vocabulary_size": 11}
    return models.Seq2Seq(
        models.RecurrentEncoder(5), decoder(5), target_vocabulary_size=11, embedding_dim=6, **source
    )


def made():
    yield "bahdanau", recurrent(models.BahdanauDecoder), ids
    yield "input_feeding", recurrent(models.InputFeedingDecoder), ids
    yield "frames", recurrent(
        models.ParallelDecoder, source_vocabulary_size=None, source_features=3
    ), frames
    encoder, decoder = models.TransformerEncoder(1, 2, 8), models.TransformerDecoder(1, 2, 8)
    yield "transformer", models.Seq2Seq(encoder, decoder, 11, 11, 8), ids


for name, model, source in made():
    inputs = {"source": source, "target": target}
    before = model.get_weights()
    model.compile(
        keras.optimizers.SGD(0.1),
        loss=losses.SequenceCrossEntropy(),
        metrics=[metrics.TokenAccuracy()],
    )
    history = model.fit(inputs, labels, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0], (name, history)
    search = decoding.Beam(2, max_length=4)
    found = [ops.convert_to_numpy(x) for x in model.generate(source, search)]
    compiled = models.CompiledSearch(model, search).generate(source)
    twice = models.Ensemble([model, model]).generate(source, search)
    for other in (compiled, twice):
        np.testing.assert_array_equal(ops.convert_to_numpy(other.ids), found[0])
    model.save(f"{sys.argv[1]}/{name}.keras")
    logits = ops.convert_to_numpy(model(inputs).detach())
    np.savez(f"{sys.argv[1]}/{name}.npz", source=source, target=target, logits=logits, ids=found[0])
"""


@pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="Torch is not installed: pip install torch"
)
@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="all tests of this folder run on Torch already"
)
def test_models_train_and_decode_on_torch_and_are_the_same_here(tmp_path):
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "torch"},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    names = sorted(path.stem for path in tmp_path.glob("*.npz"))
    assert names == ["bahdanau", "frames", "input_feeding", "transformer"]
    for name in names:
        saved = np.load(tmp_path / f"{name}.npz")
        model = keras.saving.load_model(tmp_path / f"{name}.keras", compile=False)
        logits = model({"source": saved["source"], "target": saved["target"]})
        np.testing.assert_allclose(ops.convert_to_numpy(logits), saved["logits"], atol=1e-5)

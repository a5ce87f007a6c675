"""Sentences per second of decoding, on the same weights in every engine.

    python benchmarks/decoding.py [--json] [--sizes tiny small] [--repeat 7]

One post-norm Transformer with random weights is built and handed to each engine; greedy ids must be
equal before anything is timed. Then the engines take turns, and the medians are compared. No
sentence ends before the last step: each engine does the same work.

- `keras-xla`: the Keras model, its search compiled by XLA (`CompiledSearch(jit_compile=True)`);
- `keras-graph`: the same without XLA;
- `savedmodel`, `savedmodel-xla`: the exported search in a process of its own, which imports
  TensorFlow and not this package;
- `onnx`: the exported ONNX file in onnxruntime, one thread;
- `ctranslate2`, `ctranslate2-int8`: one worker of one thread, CTranslate2's best setting here;
- `marian`: Hugging Face's `generate`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

VOCABULARY = 8_000
SOURCE_LENGTH = 15
REFERENCE = "ctranslate2"

# Runs in a process of its own: loads a SavedModel and times one call for each line it is sent.
SERVE = """
import json, sys, time
import numpy as np, tensorflow as tf
assert "keras_attention" not in sys.modules
search = tf.saved_model.load(sys.argv[1]).search
for line in sys.stdin:
    ids = tf.constant(np.array(json.loads(line), "int32"))
    begin = time.perf_counter()
    found = search(ids)["ids"].numpy()
    print(json.dumps([time.perf_counter() - begin, found[:, 0].tolist()]), flush=True)
"""


def make_model(size):
    """A Transformer whose random weights say something else at every step."""
    import keras

    from keras_attention import models

    keras.utils.set_random_seed(20170612)
    model = models.transformer(size, VOCABULARY, VOCABULARY, norm="post")
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if "kernel" in weight.name:
            fan_in = weight.shape[0]
            weight.assign(generator.normal(scale=1.5 * fan_in**-0.5, size=weight.shape))
    model.end_id = -1  # no sentence ends
    return model


def make_source(batch):
    """Ids of `batch` sources of one length."""
    source = np.random.default_rng(1).integers(4, VOCABULARY, (batch, SOURCE_LENGTH))
    source[:, -1] = 3
    return source.astype("int32")


def timed(function):
    """An engine in this process: a function from source ids to target ids."""

    def run(source):
        begin = time.perf_counter()
        ids = function(source)
        return time.perf_counter() - begin, np.asarray(ids)

    return run


def keras_engine(model, search, jit_compile):
    """The Keras model with its search compiled."""
    from keras_attention import models

    compiled = models.CompiledSearch(model, search, jit_compile=jit_compile)
    return timed(lambda source: compiled.generate(source).ids[:, 0])


def saved_model_engine(model, search, folder, jit_compile):
    """The exported search in a clean process."""
    import tensorflow as tf

    from keras_attention.export.signatures import SOURCE_IDS_SPEC, search_function

    find = search_function(model, search)
    module = tf.Module()
    module.kept = [weight.value for weight in model.weights]
    module.search = tf.function(
        lambda source_ids: {"ids": find(source_ids)["ids"]},
        input_signature=[SOURCE_IDS_SPEC],
        jit_compile=jit_compile,
        autograph=False,
    )
    tf.saved_model.save(module, str(folder))
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(source):
        server.stdin.write(json.dumps(source.tolist()) + "\n")
        server.stdin.flush()
        seconds, ids = json.loads(server.stdout.readline())
        return seconds, np.array(ids)

    run.close = server.stdin.close
    return run


def onnx_engine(model, search, folder):
    """The exported ONNX file in onnxruntime."""
    from types import SimpleNamespace

    from keras_attention.export.to_onnx import open_session, write_onnx

    path = Path(folder) / "model.onnx"
    write_onnx(SimpleNamespace(model=model, search=search), path)
    session = open_session(path)
    return timed(lambda source: session.run(["ids"], {"source_ids": source})[0][:, 0])


def ctranslate2_engine(model, folder, beam_width, steps, quantization=None):
    """CTranslate2 with one worker of one thread."""
    import ctranslate2_peer

    ctranslate2_peer.write(model, folder, quantization)
    translator = ctranslate2_peer.translator(folder, quantization or "float32")
    tokens = ctranslate2_peer.tokens(VOCABULARY)
    numbers = {token: number for number, token in enumerate(tokens)}

    def translate(source):
        found = translator.translate_batch(
            [[tokens[number] for number in row] for row in source],
            beam_size=beam_width,
            max_decoding_length=steps,
            min_decoding_length=steps,
            length_penalty=0,
        )
        return [[numbers[token] for token in row.hypotheses[0]] for row in found]

    return timed(translate)


def marian_engine(model, beam_width, steps):
    """Hugging Face's Marian model and its `generate`."""
    import marian_peer
    import torch

    torch.set_num_threads(2)
    marian = marian_peer.make(model)
    return timed(lambda source: marian_peer.generate(marian, source, beam_width, steps))


def make_engines(model, beam_width, steps, folder):
    """All engines by name, for one kind of search."""
    from keras_attention import decoding

    search = (
        decoding.Greedy(max_length=steps)
        if beam_width == 1
        else decoding.Beam(width=beam_width, max_length=steps)
    )
    return {
        "keras-xla": keras_engine(model, search, True),
        "keras-graph": keras_engine(model, search, False),
        "savedmodel": saved_model_engine(model, search, folder / "graph", False),
        "savedmodel-xla": saved_model_engine(model, search, folder / "xla", True),
        "onnx": onnx_engine(model, search, folder),
        "ctranslate2": ctranslate2_engine(model, folder / "ct2", beam_width, steps),
        "ctranslate2-int8": ctranslate2_engine(
            model, folder / "ct2-int8", beam_width, steps, "int8"
        ),
        "marian": marian_engine(model, beam_width, steps),
    }


def check_ids(engines, source, case):
    """Every float32 engine must say the same; warms each of them up too."""
    expected = None
    for name, run in engines.items():
        _, ids = run(source)
        expected = ids if expected is None else expected
        same = (ids == expected).all(axis=1).mean()
        if not name.endswith("int8") and same < 1:
            print(f"{case}: {name} differs in {1 - same:.1%} of the sentences", file=sys.stderr)
            if case.split("/")[2] == "greedy":
                raise SystemExit("The engines do not do the same work.")


def measure(engines, source, repeat):
    """Median seconds of each engine; the engines take turns."""
    seconds = {name: [] for name in engines}
    for _ in range(repeat):
        for name, run in engines.items():
            seconds[name].append(run(source)[0])
    return {name: statistics.median(values) for name, values in seconds.items()}


def main():
    """Runs all cases and prints a table or JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["tiny", "small"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--beams", nargs="+", type=int, default=[1, 5])
    parser.add_argument("--steps", nargs="+", type=int, default=[15, 40])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for size in options.sizes:
        model = make_model(size)
        for beam_width in options.beams:
            for steps in options.steps:
                with tempfile.TemporaryDirectory() as folder:
                    engines = make_engines(model, beam_width, steps, Path(folder))
                    kind = "greedy" if beam_width == 1 else f"beam{beam_width}"
                    for batch in options.batches:
                        case = f"{size}/{batch}/{kind}/{steps}"
                        source = make_source(batch)
                        check_ids(engines, source, case)
                        report(case, batch, measure(engines, source, options.repeat), options.json)
                    for run in engines.values():
                        getattr(run, "close", lambda: None)()


def report(case, batch, seconds, as_json):
    """One line for each engine."""
    for engine, value in seconds.items():
        row = {
            "case": case,
            "engine": engine,
            "sentences_per_second": round(batch / value, 2),
            "ratio": round(seconds[REFERENCE] / value, 3),
        }
        print(
            json.dumps(row)
            if as_json
            else "{case:24} {engine:18} "
            "{sentences_per_second:10.1f} sentences/s  {ratio:6.2f}x".format(**row),
            flush=True,
        )


if __name__ == "__main__":
    main()

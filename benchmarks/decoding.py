"""Sentences per second of decoding, on the same weights in every engine.

    python benchmarks/decoding.py [--json] [--sizes tiny small recurrent] [--repeat 7] [--growth]

One post-norm Transformer with random weights is built and handed to each engine; greedy ids must be
equal before anything is timed. Then the engines take turns, and the medians are compared. No
sentence ends before the last step: each engine does the same work. `recurrent`, a bidirectional
LSTM of 2 x 128 under an LSTM of 256 that attends in parallel, has no peer engine: it is compared
with a loop in Python over its own layers, in beam search with KerasHub's. A ratio above 1 means
that the engine of the row is faster than that peer, CTranslate2 in float32 for Transformers.

- `keras-xla`: the Keras model, its search compiled by XLA (`CompiledSearch(jit_compile=True)`),
  without alignments, which no other engine returns;
- `keras-graph`: the same without XLA;
- `savedmodel`, `savedmodel-xla`: the exported search, as `export` and `export --xla` write it for
  `serving_default`, in a process of its own, which imports TensorFlow and not this package;
- `savedmodel-no-onednn`: the first of them, in a process with `TF_ENABLE_ONEDNN_OPTS=0`;
- `onnx`: the exported ONNX file in onnxruntime, as `open_predictor` opens it: two threads;
- `onnx-int8`: the file of `export --int8`;
- `ctranslate2`, `ctranslate2-int8`: one worker of one thread, CTranslate2's best setting here;
- `keras-hub`: the loop of KerasHub's sampler over our step, compiled by XLA;
- `marian`: Hugging Face's `generate`;
- `keras-loop`: a loop in Python over the compiled step, as Keras' tutorials decode (greedy only).

`--growth` shows instead what a sentence costs as it gets longer: a cache for 256 tokens, 16 to 256
steps.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
import numpy as np
import turns

VOCABULARY = 8_000
SOURCE_LENGTH = 15
CACHE, GROWTH = 256, (16, 32, 64, 128, 256)

# Runs in a process of its own: loads a SavedModel and times one call for each line it is sent.
SERVE = """
import json, sys, time
import numpy as np, tensorflow as tf
assert "keras_attention" not in sys.modules
module = tf.saved_model.load(sys.argv[1])
for line in sys.stdin:
    ids = tf.constant(np.array(json.loads(line), "int32"))
    begin = time.perf_counter()
    found = module.search(ids)["ids"].numpy()
    print(json.dumps([time.perf_counter() - begin, found[:, 0].tolist()]), flush=True)
"""


def make_model(size):
    """A model whose random weights say something else at every step."""
    import keras

    from keras_attention import models

    keras.utils.set_random_seed(20170612)
    if size == "recurrent":
        model = make_recurrent()
    else:
        model = models.transformer(size, VOCABULARY, VOCABULARY, norm="post")
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if "kernel" in weight.name:
            fan_in = weight.shape[0]
            weight.assign(generator.normal(scale=1.5 * fan_in**-0.5, size=weight.shape))
    model.end_id = -1  # no sentence ends
    return model


def make_recurrent():
    """The recurrent model, whose attention needs no projection."""
    from keras_attention import layers, models

    return models.Seq2Seq(
        models.RecurrentEncoder(128),
        models.ParallelDecoder(256, attention=layers.DotProductAttention()),
        VOCABULARY,
        VOCABULARY,
    )


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

    compiled = models.CompiledSearch(
        model, search, jit_compile=jit_compile, return_alignments=False
    )
    return timed(lambda source: compiled.generate(source).ids[:, 0])


def saved_model_engine(model, search, folder, jit_compile, **environment):
    """The exported search in a clean process, whose environment may hold more."""
    import tensorflow as tf

    from keras_attention.export.search_graph import SOURCE_IDS_SPEC, search_function

    find = search_function(model, search, jit_compile, with_alignments=False)
    module = tf.Module()
    module.kept = [weight.value for weight in model.weights]
    module.search = tf.function(
        lambda source_ids: {"ids": find(source_ids)["ids"]},
        input_signature=[SOURCE_IDS_SPEC],
        autograph=False,
    )
    tf.saved_model.save(module, str(folder))
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )

    def run(source):
        server.stdin.write(json.dumps(source.tolist()) + "\n")
        server.stdin.flush()
        seconds, ids = json.loads(server.stdout.readline())
        return seconds, np.array(ids)

    run.close = server.stdin.close
    return run


def onnx_engine(model, search, folder, int8=False):
    """The exported ONNX file in onnxruntime."""
    from types import SimpleNamespace

    from keras_attention.export.to_onnx import open_session, write_onnx

    path = Path(folder) / "model.onnx"
    write_onnx(SimpleNamespace(model=model, search=search), path)
    if int8:
        from keras_attention.export.quantize import write_int8

        full, path = path, path.with_stem("int8")
        write_int8(full, path, end_id=3)
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


def keras_hub_engine(model, beam_width, steps):
    """KerasHub's sampler, whose loop calls our step."""
    import keras_hub
    import tensorflow as tf
    from keras import ops

    samplers = keras_hub.samplers
    sampler = samplers.GreedySampler()
    if beam_width > 1:
        sampler = samplers.BeamSampler(num_beams=beam_width)

    def step(prompt, state, index):
        logits, state, _ = model.step(ops.take(prompt, index - 1, axis=1), state)
        return logits, None, state

    @tf.function(jit_compile=True, autograph=False)
    def decode(source):
        state = model.start(model.encode(source), steps)
        prompt = ops.zeros((source.shape[0], steps + 1), "int32") + model.start_id
        return sampler(step, prompt, cache=state, index=1)[:, 1:]

    return timed(lambda source: decode(tf.constant(source)))


def keras_loop_engine(model, steps):
    """A loop in Python over the step of the model, compiled by Keras."""
    import keras

    class Start(keras.Model):
        def call(self, source):
            return model.start(model.encode(source), steps)

    class Step(keras.Model):
        def call(self, inputs):
            logits, state, _ = model.step(inputs["tokens"], inputs["state"])
            return {"logits": logits, "state": state}

    start, step = Start(), Step()
    for part in (start, step):
        part.compile()
        part.built = True

    def decode(source):
        state, found = start.predict_on_batch(source), []
        tokens = np.full(len(source), model.start_id, "int32")
        for _ in range(steps):
            outputs = step.predict_on_batch({"tokens": tokens, "state": state})
            state, tokens = outputs["state"], outputs["logits"].argmax(-1).astype("int32")
            found.append(tokens)
        return np.stack(found, axis=1)

    return timed(decode)


def make_search(beam_width, steps):
    """Greedy search, or a beam."""
    from keras_attention import decoding

    if beam_width == 1:
        return decoding.Greedy(max_length=steps)
    return decoding.Beam(width=beam_width, max_length=steps)


def make_engines(size, model, beam_width, steps, folder):
    """All engines by name, those that are installed."""
    search = make_search(beam_width, steps)
    engines = {
        "keras-xla": lambda: keras_engine(model, search, True),
        "keras-graph": lambda: keras_engine(model, search, False),
        "savedmodel": lambda: saved_model_engine(model, search, folder / "graph", False),
        "savedmodel-no-onednn": lambda: saved_model_engine(
            model, search, folder / "no-onednn", False, TF_ENABLE_ONEDNN_OPTS="0"
        ),
        "savedmodel-xla": lambda: saved_model_engine(model, search, folder / "xla", True),
        "onnx": lambda: onnx_engine(model, search, folder),
        "onnx-int8": lambda: onnx_engine(model, search, folder, int8=True),
        "keras-hub": lambda: keras_hub_engine(model, beam_width, steps),
    }
    if size == "recurrent":
        if beam_width == 1:
            engines["keras-loop"] = lambda: keras_loop_engine(model, steps)
    else:
        engines |= {
            "marian": lambda: marian_engine(model, beam_width, steps),
            "ctranslate2-int8": lambda: ctranslate2_engine(
                model, folder / "ct2-int8", beam_width, steps, "int8"
            ),
            "ctranslate2": lambda: ctranslate2_engine(model, folder / "ct2", beam_width, steps),
        }
    made = {}
    for name, make in engines.items():
        try:
            made[name] = make()
        except ModuleNotFoundError as error:
            print(f"{name}: left out, {error.name} is not installed", file=sys.stderr)
    return made


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
    runs = {name: lambda run=run: run(source)[0] for name, run in engines.items()}
    return turns.take_turns(runs, repeat)


def growth(size, repeat):
    """Rows of what more steps cost with one cache, for the model under XLA."""
    import tensorflow as tf

    model, source = make_model(size), tf.constant(make_source(32))

    def searching(steps):
        search = make_search(1, steps)

        @tf.function(jit_compile=True, autograph=False)
        def decode(source):
            encoded = model.encode(source)
            state = model.start(encoded, CACHE)
            found = search(model.step, state, encoded["mask"], model.start_id, model.end_id)
            return found.ids[:, 0]

        return timed(lambda source: decode(source).numpy())

    seconds = measure({steps: searching(steps) for steps in GROWTH}, source, repeat + 1)
    for steps, value in seconds.items():
        yield {
            "case": f"{size}/32/greedy/{steps}",
            "engine": f"keras-xla, a cache for {CACHE}",
            "sentences_per_second": round(32 / value, 2),
            "milliseconds_per_step": round(value * 1e3 / steps, 2),
        }


def compare(size, options):
    """Rows of all cases of one model."""
    model = make_model(size)
    for beam_width in options.beams:
        for steps in options.steps:
            with tempfile.TemporaryDirectory() as folder:
                engines = make_engines(size, model, beam_width, steps, Path(folder))
                kind = "greedy" if beam_width == 1 else f"beam{beam_width}"
                for batch in options.batches:
                    case = f"{size}/{batch}/{kind}/{steps}"
                    source = make_source(batch)
                    check_ids(engines, source, case)
                    seconds = measure(engines, source, options.repeat)
                    yield from rows(case, batch, seconds, peer(size, beam_width))
                for run in engines.values():
                    getattr(run, "close", lambda: None)()


def peer(size, beam_width):
    """The engine that the others are compared with."""
    if size == "recurrent":
        return "keras-loop" if beam_width == 1 else "keras-hub"
    return "ctranslate2"


def rows(case, batch, seconds, reference):
    """One row for each engine; `ratio` is None where the reference is not installed."""
    for engine, value in seconds.items():
        yield {
            "case": case,
            "engine": engine,
            "sentences_per_second": round(batch / value, 2),
            "ratio": round(seconds[reference] / value, 3) if reference in seconds else None,
        }


def main():
    """Runs all cases and prints a table or JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["tiny", "small", "recurrent"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--beams", nargs="+", type=int, default=[1, 5])
    parser.add_argument("--steps", nargs="+", type=int, default=[15, 40])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--growth", action="store_true", help="cost of longer sentences")
    parser.add_argument("--json", action="store_true", help="JSON lines")
    options = parser.parse_args()
    machine.report(options.json)
    for size in options.sizes:
        found = growth(size, options.repeat) if options.growth else compare(size, options)
        for row in found:
            print(json.dumps(row) if options.json else line(row), flush=True)


def line(row):
    """A row for a person."""
    if "ratio" in row:
        last = "" if row["ratio"] is None else f"{row['ratio']:6.2f}x"
    else:
        last = f"{row['milliseconds_per_step']:8.2f} ms a step"
    speed = f"{row['sentences_per_second']:10.1f} sentences/s"
    return f"{row['case']:24} {row['engine']:26} {speed} {last}"


if __name__ == "__main__":
    main()

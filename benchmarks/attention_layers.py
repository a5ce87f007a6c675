"""Our attention against its peers: ratios of time and of peak memory.

    python benchmarks/attention_layers.py [--json] [--cases blocked window ...] [--repeat 9]

All in one process on TensorFlow's CPU backend, float32, taking turns; a ratio above 1 means that we
are faster, or smaller. Unless the case says otherwise: one batch of 8 heads of 64 features, against
`keras.ops.dot_product_attention`.

Ours run under XLA, as `compile(jit_compile=True)` runs a model, and `compile()` where there is a
GPU. `keras` is the peer in graph mode, `keras-jit` the same peer under XLA, `ours-graph` ours in
graph mode, which is what `compile()` takes where there is none. `torch` is
`scaled_dot_product_attention`, where Torch is installed. Cases that end in `scaling` have one
number: the time at the second length over that at the first, which is half as long.

Memory is the peak of the resident memory during one call beyond what was there before, counted in a
process of its own.
"""

import argparse
import json
import sys
from functools import partial
from itertools import chain

import keras
import machine
import memory
import numpy as np
import tensorflow as tf
import turns
from keras import ops

from keras_attention import layers
from keras_attention import ops as attention_ops
from keras_attention.ops.masks import Masks

HEADS, DIM, WINDOW = 8, 64, 128
SCALE = DIM**-0.5


def random(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype("float32"))


def heads(length):
    """Query, key and value, `(1, heads, length, dim)`."""
    return [random(1, HEADS, length, DIM, seed=seed) for seed in range(3)]


def forward(function):
    return lambda *inputs: function(*inputs)


def forward_backward(function):
    """A function that returns the gradients of the sum of squares with respect to its inputs."""

    def run(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = ops.sum(ops.square(function(*inputs)))
        return tape.gradient(loss, inputs)

    return run


def compiled(function, inputs, jit):
    """A call without arguments; it ends when the result is there."""
    program = tf.function(function, jit_compile=jit, autograph=False)
    return lambda: [x.numpy() for x in tf.nest.flatten(program(*inputs))]


def keras_attention_op(query, key, value, causal=False):
    """Keras' own operation on our layout."""
    swapped = [ops.swapaxes(x, 1, 2) for x in (query, key, value)]
    found = ops.dot_product_attention(*swapped, is_causal=causal, flash_attention=False)
    return ops.swapaxes(found, 1, 2)


def blocked(*qkv, causal=False):
    return attention_ops.blocked_attention(*qkv, causal=causal, scale=SCALE)[0]


def window(*qkv):
    return attention_ops.window_attention(*qkv, window=WINDOW, scale=SCALE)


def linear(query, key, value):
    return attention_ops.linear_attention(ops.elu(query) + 1, ops.elu(key) + 1, value)


def against_keras(ours, theirs, inputs, way):
    """Ours, and the peer both ways."""
    return {
        "ours": compiled(way(ours), inputs, True),
        "keras": compiled(way(theirs), inputs, False),
        "keras-jit": compiled(way(theirs), inputs, True),
        "ours-graph": compiled(way(ours), inputs, False),
    }


def attention_case(ours, length, way, causal=False):
    def theirs(*qkv):
        return keras_attention_op(*qkv, causal=causal)

    return lambda: against_keras(ours, theirs, heads(length), way)


def additive_case(batch, length, units):
    """Bahdanau scores against `keras.layers.AdditiveAttention`, both without projections."""

    def make():
        theirs = keras.layers.AdditiveAttention()
        query, value = random(batch, length, units), random(batch, length, units, seed=1)
        theirs.build([query.shape, value.shape])
        scale = tf.constant(theirs.scale.numpy())

        def ours(query, value):
            scores = attention_ops.additive_scores(query, value, scale)
            return attention_ops.weighted_sum(attention_ops.softmax(scores), value)

        def keras_layer(query, value):
            return theirs([query, value])

        return against_keras(ours, keras_layer, [query, value], forward_backward)

    return make


def multi_head_case(length):
    """The whole layer, as a user calls it, against Keras' layer."""

    def make():
        ours = layers.MultiHeadAttention(HEADS, DIM)
        theirs = keras.layers.MultiHeadAttention(HEADS, DIM, flash_attention=False)
        x = random(1, length, HEADS * DIM)
        ours.build(x.shape, x.shape)
        theirs.build(x.shape, x.shape)
        return against_keras(lambda x: ours(x, x), lambda x: theirs(x, x), [x], forward_backward)

    return make


def torch_case(length):
    def make():
        import torch

        torch.set_num_threads(2)
        theirs = [torch.from_numpy(x.numpy()) for x in heads(length)]

        def attend():
            with torch.inference_mode():
                torch.nn.functional.scaled_dot_product_attention(*theirs)

        return {"ours": compiled(blocked, heads(length), True), "torch": attend}

    return make


def causal_blocked(*qkv):
    return blocked(*qkv, causal=True)


def causal_window(*qkv):
    return attention_ops.window_attention(
        *qkv, window=WINDOW, masks=Masks(causal=True), scale=SCALE
    )


CASES = {
    "blocked/2048/forward": attention_case(blocked, 2048, forward),
    "blocked/2048/forward-backward": attention_case(blocked, 2048, forward_backward),
    "blocked/4096/forward": attention_case(blocked, 4096, forward),
    "causal/2048/forward": attention_case(causal_blocked, 2048, forward, causal=True),
    "causal/2048/forward-backward": attention_case(
        causal_blocked, 2048, forward_backward, causal=True
    ),
    "window/2048/forward": attention_case(window, 2048, forward),
    "window/4096/forward": attention_case(window, 4096, forward),
    "multi-head/2048/forward-backward": multi_head_case(2048),
    "additive/256/forward-backward": additive_case(8, 256, 128),
    "additive/15/forward-backward": additive_case(64, 15, 256),
    "torch-sdpa/2048/forward": torch_case(2048),
}
SCALING = {
    "window/4096/scaling": (window, 2048, 4096),
    "window-causal/4096/scaling": (causal_window, 2048, 4096),
    "linear/8192/scaling": (linear, 4096, 8192),
}


def warmed_up(case):
    """The calls of one case, each of which was made once; none where a peer is not installed."""
    try:
        runs = CASES[case]()
    except ModuleNotFoundError as error:
        print(f"{case}: left out, {error.name} is not installed", file=sys.stderr)
        return {}
    for run in runs.values():
        run()
    return runs


def resident_peaks(case):
    """Bytes of each call of one case."""
    return {name: memory.resident_peak(run) for name, run in warmed_up(case).items()}


def compare(case, peaks, repeat):
    """Rows of one case, one for each peer."""
    runs = warmed_up(case)
    seconds = turns.take_turns({name: turns.timed(run) for name, run in runs.items()}, repeat)
    for peer in list(runs)[1:]:
        counted = None not in peaks.values()
        yield {
            "case": case,
            "peer": peer,
            "time_ratio": round(seconds[peer] / seconds["ours"], 2),
            "memory_ratio": round(peaks[peer] / max(1, peaks["ours"]), 1) if counted else None,
            "ours_ms": round(seconds["ours"] * 1e3, 1),
            "peer_ms": round(seconds[peer] * 1e3, 1),
            "ours_mib": round(peaks["ours"] / 2**20, 1) if counted else None,
            "peer_mib": round(peaks[peer] / 2**20, 1) if counted else None,
        }


def scaling(case, repeat):
    """The one row of a case that compares two lengths."""
    function, short, long = SCALING[case]
    runs = {length: compiled(function, heads(length), True) for length in (short, long)}
    for run in runs.values():
        run()
    seconds = turns.take_turns({name: turns.timed(run) for name, run in runs.items()}, repeat)
    yield {
        "case": case,
        "peer": f"itself at {short}",
        "time_ratio": round(seconds[long] / seconds[short], 2),
        "memory_ratio": None,
    }


def line(row):
    """A row for a person."""
    text = f"{row['case']:34} {row['peer']:16} {row['time_ratio']:6.2f}x time"
    if row["memory_ratio"] is None:
        return text
    return (
        f"{text} {row['memory_ratio']:7.1f}x memory   "
        f"{row['ours_ms']:8.1f} / {row['peer_ms']:8.1f} ms   "
        f"{row['ours_mib']:7.1f} / {row['peer_mib']:7.1f} MiB"
    )


def main():
    """Runs the chosen cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--cases", nargs="+", default=[""], help="beginnings of case names")
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--peaks", action="store_true", help="memory only, as JSON")
    options = parser.parse_args()
    cases, lengths = (
        [case for case in known if case.startswith(tuple(options.cases))]
        for known in (CASES, SCALING)
    )
    if options.peaks:
        print(json.dumps({case: resident_peaks(case) for case in cases}))
        return
    machine.report(options.json)
    peaks = memory.peaks_apart("--cases", *options.cases)
    rows = [partial(compare, case, peaks[case], options.repeat) for case in cases]
    rows += [partial(scaling, case, options.repeat) for case in lengths]
    for row in chain.from_iterable(make() for make in rows):
        print(json.dumps(row) if options.json else line(row), flush=True)


if __name__ == "__main__":
    main()

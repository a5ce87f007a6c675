"""Time and memory of each pattern against length, as one picture and one table.

    python benchmarks/attention_scaling.py [--longest 16384] [--seconds 16]
    KERAS_BACKEND=jax python benchmarks/attention_scaling.py      (or torch; also on a GPU)

One batch of 8 heads of 64 features in float32, forward, compiled as Keras compiles a model on the
backend at hand (XLA on TensorFlow and JAX, eager on Torch). A series ends where one call would take
longer than `--seconds`. The picture goes to `docs/pictures/attention_scaling.png`.

Memory is what one call needs beyond what was there before it: on a CPU under Linux the peak of the
resident memory, counted in a process of its own; on JAX what the compiler reserves; on a
GPU with Torch what its allocator counts. Elsewhere it is left out.
"""

import argparse
import json
from pathlib import Path

import keras
import matplotlib
import memory
import numpy as np
import turns
from keras import ops

from keras_attention import layers
from keras_attention import ops as attention_ops
from keras_attention.ops.masks import Masks

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HEADS, DIM = 8, 64
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "attention_scaling.png"
CAUSAL = Masks(causal=True)


def whole(query, key, value):
    """The whole matrix of scores, as Keras' own operation computes it."""
    swapped = (ops.swapaxes(x, 1, 2) for x in (query, key, value))
    return ops.dot_product_attention(*swapped, flash_attention=False)


def root(length):
    """A power of two near the square root of the length."""
    return 2 ** round(np.log2(length) / 2)


PATTERNS = {
    "keras.ops.dot_product_attention": whole,
    "exact, in blocks of queries": lambda *qkv: attention_ops.blocked_attention(
        *qkv, scale=DIM**-0.5
    )[0],
    "exact and causal, in blocks": lambda *qkv: attention_ops.blocked_attention(
        *qkv, scale=DIM**-0.5, causal=True
    )[0],
    "strided, causal": lambda *qkv: attention_ops.strided_attention(
        *qkv, stride=root(qkv[0].shape[2]), masks=CAUSAL, scale=DIM**-0.5
    ),
    "fixed, causal": lambda *qkv: attention_ops.fixed_attention(
        *qkv, block_length=root(qkv[0].shape[2]), masks=CAUSAL, scale=DIM**-0.5
    ),
    "block sparse (64: 3 near, 1 global, 2 random)": (
        lambda *qkv: attention_ops.block_sparse_attention(
            *qkv,
            block_length=64,
            window_blocks=3,
            global_blocks=1,
            random_blocks=2,
            scale=DIM**-0.5,
        )
    ),
    "sliding window of 128": lambda *qkv: attention_ops.window_attention(
        *qkv, window=128, scale=DIM**-0.5
    ),
    "sliding window of 128, causal": lambda *qkv: attention_ops.window_attention(
        *qkv, window=128, masks=CAUSAL, scale=DIM**-0.5
    ),
    "linear": lambda query, key, value: attention_ops.linear_attention(
        ops.elu(query) + 1.0, ops.elu(key) + 1.0, value
    ),
    "linear, causal": lambda query, key, value: attention_ops.linear_attention(
        ops.elu(query) + 1.0, ops.elu(key) + 1.0, value, causal=True
    ),
}

# Patterns with weights of their own: layers without their projections.
LAYERS = {
    "adaptive span of 128, causal": lambda length: layers.AdaptiveSpanAttention(
        HEADS, DIM, max_span=128, initial_span=1.0
    ),
    "Linformer (256 keys)": lambda length: layers.LinformerAttention(
        HEADS, DIM, max_length=length, projected_length=256
    ),
    "memory-compressed (every third key)": lambda length: layers.MemoryCompressedAttention(
        HEADS, DIM
    ),
    "Performer (256 features)": lambda length: layers.PerformerAttention(HEADS, DIM),
}


def heads_of(name, length):
    """What a layer does with the heads, as a function of query, key and value."""
    layer, shape = LAYERS[name](length), (1, length, HEADS * DIM)
    layer.build(shape, shape)

    def attend_in_pattern(*qkv):
        weigh, bias = layer.weigh, layer.position.bias
        return layer.pattern.attend(*qkv, CAUSAL, DIM**-0.5, weigh=weigh, bias=bias)[0]

    def attend(*qkv):
        positions = ops.arange(length, dtype="int32")
        return layer.attend_heads(*qkv, Masks(), None, False, False, positions)[0]

    return attend_in_pattern if hasattr(layer, "pattern") else attend


def compiled(function, inputs):
    """A call without arguments that runs the function to its end, and its bytes or None."""
    backend = keras.backend.backend()
    tensors = [ops.convert_to_tensor(x) for x in inputs]
    if backend == "jax":
        import jax

        program = jax.jit(function).lower(*tensors).compile()
        reserved = program.memory_analysis().temp_size_in_bytes
        return lambda: jax.block_until_ready(program(*tensors)), reserved
    if backend == "tensorflow":
        import tensorflow as tf

        program = tf.function(function, jit_compile=True, autograph=False)
        return lambda: program(*tensors).numpy(), None
    import torch

    def run():
        with torch.inference_mode():
            result = function(*tensors)
        if result.is_cuda:
            torch.cuda.synchronize()

    return run, None


def peak_bytes(run):
    """What one call needs beyond what was there before, or None where nobody counts."""
    if keras.backend.backend() == "torch":
        import torch

        if torch.cuda.is_available():
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            run()
            return torch.cuda.max_memory_allocated() - before
    return memory.resident_peak(run)


def make(name, length):
    """A call of one pattern at one length, made once already, and its bytes or None."""
    generator = np.random.default_rng(0)
    shape = (1, HEADS, length, DIM)
    inputs = [generator.normal(size=shape).astype("float32") for _ in range(3)]
    function = PATTERNS.get(name) or heads_of(name, length)
    run, reserved = compiled(function, inputs)
    run()
    return run, reserved


def peak(name, length):
    """Bytes of one call, or None where nobody counts."""
    run, reserved = make(name, length)
    return peak_bytes(run) if reserved is None else reserved


def all_seconds(lengths, limit, repeat):
    """`{pattern: {length: seconds}}`."""
    series = {}
    for name in [*PATTERNS, *LAYERS]:
        series[name] = {}
        for length in lengths:
            run, _ = make(name, length)
            seconds = turns.take_turns({name: turns.timed(run)}, repeat)[name]
            series[name][length] = seconds
            print(f"{name:48} {length:6} {seconds * 1e3:9.1f} ms", flush=True)
            if seconds * 4 > limit and length * 2 <= lengths[-1]:
                print(f"{name:48} ends: the next would take longer than {limit} s", flush=True)
                break
    return series


def with_memory(series):
    """`{pattern: {length: (seconds, bytes)}}`."""
    asked = {name: list(points) for name, points in series.items()}
    peaks = memory.peaks_apart(json.dumps(asked))
    return {
        name: dict(zip(points, zip(points.values(), peaks[name], strict=True), strict=True))
        for name, points in series.items()
    }


def draw(series):
    """Both diagrams side by side, both axes logarithmic."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 6), constrained_layout=True)
    for number, (name, points) in enumerate(series.items()):
        style = {"marker": "os^vD*xP+<>hdp"[number], "markersize": 5, "label": name}
        if number >= 10:  # the colours begin anew
            style["linestyle"] = "--"
        left.plot(list(points), [seconds * 1e3 for seconds, _ in points.values()], **style)
        counted = {length: memory for length, (_, memory) in points.items() if memory}
        right.plot(list(counted), [memory / 2**20 for memory in counted.values()], **style)
    for axis, title in ((left, "milliseconds"), (right, "MiB beyond the inputs, at the peak")):
        axis.set(xscale="log", yscale="log", xlabel="length", title=title)
        axis.set_xticks(LENGTHS, [str(length) for length in LENGTHS], rotation=45)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})
    print(PICTURE)


def table(series):
    """The series as Markdown: milliseconds / MiB."""
    lines = ["| | " + " | ".join(map(str, LENGTHS)) + " |", "|---" * (len(LENGTHS) + 1) + "|"]
    for name, points in series.items():
        cells = []
        for length in LENGTHS:
            seconds, memory = points.get(length, (None, None))
            shown = "" if seconds is None else f"{seconds * 1e3:.1f}"
            cells.append(shown + ("" if memory is None else f" / {memory / 2**20:.1f}"))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


LENGTHS = [256, 512, 1024, 2048, 4096, 8192, 16384]


def main():
    """Measures, draws and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--longest", type=int, default=LENGTHS[-1])
    parser.add_argument("--seconds", type=float, default=16.0, help="longest call")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--peaks", type=json.loads, help="memory only, of {pattern: lengths}")
    options = parser.parse_args()
    if options.peaks:
        asked = options.peaks.items()
        print(json.dumps({name: [peak(name, n) for n in lengths] for name, lengths in asked}))
        return
    lengths = [length for length in LENGTHS if length <= options.longest]
    series = with_memory(all_seconds(lengths, options.seconds, options.repeat))
    print()
    print(table(series))
    draw(series)


if __name__ == "__main__":
    main()

"""Time and memory of each pattern against length, as one picture and one table.

    python benchmarks/attention_scaling.py [--longest 16384] [--seconds 16]
    KERAS_BACKEND=jax python benchmarks/attention_scaling.py --dtype bfloat16      (or torch)

One batch of 8 heads of 64 features, forward, compiled as Keras compiles a model on the backend at
hand (XLA on TensorFlow and JAX, eager on Torch). A series ends where one call would take longer
than `--seconds`. The picture goes to `--picture`, in float32 on a CPU by default to
`docs/pictures/attention_scaling.png`.

The peer is `keras.ops.dot_product_attention`: with the whole matrix of scores, on JAX with a GPU
and half precision also by cuDNN's kernel, and on Torch by SDPA alone.

Memory is what one call needs beyond what was there before it: on a CPU under Linux the peak of the
resident memory, counted in a process of its own; on JAX what the compiler reserves; on a
GPU with Torch what its allocator counts. Elsewhere it is left out.
"""

import argparse
import json
from pathlib import Path

import keras
import machine
import matplotlib
import memory
import numpy as np
import turns
from keras import ops

from keras_attention import layers
from keras_attention import ops as attention_ops
from keras_attention.ops.accelerator import on_accelerator
from keras_attention.ops.masks import Masks

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HEADS, DIM = 8, 64
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "attention_scaling.png"
CAUSAL = Masks(causal=True)


def attend_like_keras(query, key, value, kernel=False):
    """Keras' own operation, by way of the whole matrix of scores or by a kernel."""
    swapped = (ops.swapaxes(x, 1, 2) for x in (query, key, value))
    return ops.dot_product_attention(*swapped, flash_attention=kernel)


def peers(dtype):
    """Keras' operation in the ways that there are."""
    name = "keras.ops.dot_product_attention"
    if keras.backend.backend() == "torch":  # never the whole matrix there
        return {f"{name}, SDPA": attend_like_keras}
    found = {name: attend_like_keras}
    if keras.backend.backend() == "jax" and on_accelerator() and dtype != "float32":
        found[f"{name}, cuDNN"] = lambda *qkv: attend_like_keras(*qkv, kernel=True)
    return found


def root(length):
    """A power of two near the square root of the length."""
    return 2 ** round(np.log2(length) / 2)


PATTERNS = {
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

# Layers without their projections: patterns with weights of their own, and the choice of a way.
LAYERS = {
    "exact, as `MultiHeadAttention` chooses": lambda length: layers.MultiHeadAttention(HEADS, DIM),
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
    if not on_accelerator():
        return memory.resident_peak(run)
    if keras.backend.backend() != "torch":
        return None
    import torch

    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run()
    return torch.cuda.max_memory_allocated() - before


def make(name, length, dtype):
    """A call of one pattern at one length, made once already, and its bytes or None."""
    generator = np.random.default_rng(0)
    shape = (1, HEADS, length, DIM)
    inputs = [ops.cast(generator.normal(size=shape), dtype) for _ in range(3)]
    function = {**peers(dtype), **PATTERNS}.get(name) or heads_of(name, length)
    run, reserved = compiled(function, inputs)
    run()
    return run, reserved


def peak(name, length, dtype):
    """Bytes of one call, or None where nobody counts."""
    run, reserved = make(name, length, dtype)
    return peak_bytes(run) if reserved is None else reserved


def all_seconds(lengths, limit, repeat, dtype):
    """`{pattern: {length: (seconds, bytes)}}`, the bytes None where they are counted apart."""
    series = {}
    rest = 0.0 if on_accelerator() else turns.REST
    for name in [*peers(dtype), *PATTERNS, *LAYERS]:
        series[name] = {}
        for length in lengths:
            run, reserved = make(name, length, dtype)
            seconds = turns.take_turns({name: turns.timed(run)}, repeat, rest)[name]
            if reserved is None and on_accelerator():
                reserved = peak_bytes(run)
            series[name][length] = seconds, reserved
            print(f"{name:48} {length:6} {seconds * 1e3:9.2f} ms", flush=True)
            if seconds * 4 > limit and length * 2 <= lengths[-1]:
                print(f"{name:48} ends: the next would take longer than {limit} s", flush=True)
                break
    return series


def with_memory(series, dtype):
    """The same, with the bytes that are still missing."""
    counted = [reserved for points in series.values() for _, reserved in points.values()]
    if on_accelerator() or None not in counted:
        return series
    asked = {name: list(points) for name, points in series.items()}
    peaks = memory.peaks_apart(json.dumps(asked), "--dtype", dtype)
    return {
        name: {
            length: (points[length][0], peak)
            for length, peak in zip(points, peaks[name], strict=True)
        }
        for name, points in series.items()
    }


def draw(series, path):
    """Both diagrams side by side, both axes logarithmic."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 6), constrained_layout=True)
    for number, (name, points) in enumerate(series.items()):
        style = {"marker": "os^vD*xP+<>hdp1234"[number], "markersize": 5, "label": name}
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
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    print(path)


def table(series):
    """The series as Markdown: milliseconds / MiB."""
    lines = ["| | " + " | ".join(map(str, LENGTHS)) + " |", "|---" * (len(LENGTHS) + 1) + "|"]
    for name, points in series.items():
        cells = []
        for length in LENGTHS:
            seconds, memory = points.get(length, (None, None))
            shown = "" if seconds is None else f"{seconds * 1e3:.{2 if on_accelerator() else 1}f}"
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
    parser.add_argument("--dtype", default="float32", choices=["float32", "float16", "bfloat16"])
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--peaks", type=json.loads, help="memory only, of {pattern: lengths}")
    options = parser.parse_args()
    if options.dtype != "float32":
        keras.config.set_dtype_policy(f"mixed_{options.dtype}")
    if options.peaks:
        asked = options.peaks.items()
        dtype = options.dtype
        print(json.dumps({name: [peak(name, n, dtype) for n in ns] for name, ns in asked}))
        return
    machine.report(as_json=False)
    lengths = [length for length in LENGTHS if length <= options.longest]
    series = all_seconds(lengths, options.seconds, options.repeat, options.dtype)
    series = with_memory(series, options.dtype)
    print()
    print(table(series))
    if options.dtype == "float32" and not on_accelerator():
        options.picture = options.picture or PICTURE
    if options.picture:
        draw(series, options.picture)


if __name__ == "__main__":
    main()

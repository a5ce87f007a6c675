"""One training step, ours against its peers: ratios of time, of first steps and of peak memory.

    python benchmarks/training_step.py [--json] [--families transformer recurrent loss] [--repeat 5]

The same model in each engine: `transformer` is `tiny` (4 + 4 blocks, width 128, 4 heads,
feed-forward 256, dropout 0.1, tied target embedding), `recurrent` a bidirectional LSTM of 2 x 128
under an LSTM of 256 that attends in parallel, `loss` the target embedding alone, read and projected
back, under either loss. Vocabulary 8,000, 128 pairs of 15 tokens, Adam, float32, on the CPU with
TensorFlow (Torch for its own two).

All run in one process and take turns, `--steps` steps a turn, as `fit` runs them. A ratio above 1
means that we are faster, or smaller. `first` is the first step: tracing and compiling. The share of
the peak is the floating point operations of the step's matrix products over its time, beside what
NumPy reaches in the same run on a product of 2,048 x 2,048 matrices.
"""

import argparse
import json
import sys
import time
from functools import partial

import machine
import memory
import numpy as np
import turns

VOCABULARY, BATCH, LENGTH = 8_000, 128, 15
OURS = "ours"


def engines(family):
    """Functions that make the engines of a family, by name."""
    import training_engines as made

    return {
        "transformer": {
            OURS: made.our_transformer,
            "keras": made.keras_transformer,
            "keras-jit": lambda sizes: made.keras_transformer(sizes, jit_compile=True),
            "keras-hub": made.keras_hub_transformer,
            "torch": made.torch_transformer,
            "marian": made.marian,
        },
        "recurrent": {OURS: made.our_recurrent, "keras": made.keras_recurrent},
        "loss": {OURS: made.our_loss, "keras": made.keras_loss},
    }[family]


def peak_gflops():
    """Floating point operations per second of NumPy's matrix product, in units of 1e9."""
    matrix = np.random.default_rng(0).normal(size=(2048, 2048)).astype("float32")
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        matrix @ matrix
        seconds.append(time.perf_counter() - begin)
    return 2 * 2048**3 / min(seconds) / 1e9


def transformer_gflop(layers=4, width=128, inner=256):
    """Operations of the matrix products of one step, backward pass included, in units of 1e9."""
    feed_forward = 2 * width * inner
    weights = layers * (12 * width**2 + 2 * feed_forward) + VOCABULARY * width
    attention = 3 * layers * 2 * LENGTH * width  # scores and sums, for each query
    return 3 * 2 * BATCH * LENGTH * (weights + attention) / 1e9


def first_steps(makers):
    """The engines that can be made here, and the seconds of each one's first step."""
    sizes = {"vocabulary": VOCABULARY, "batch": BATCH, "length": LENGTH}
    made, seconds = {}, {}
    for name, make in makers.items():
        try:
            made[name] = make(sizes)
        except ModuleNotFoundError as error:
            print(f"{name}: left out, {error.name} is not installed", file=sys.stderr)
            continue
        begin = time.perf_counter()
        loss = made[name](1)
        seconds[name] = time.perf_counter() - begin
        if not np.isfinite(loss):
            raise SystemExit(f"{name} does not train: its loss is {loss}")
    return made, seconds


def resident_peaks(family):
    """Bytes of one step of each engine, by its name."""
    made, _ = first_steps(engines(family))
    return {name: memory.resident_peak(partial(run, 1)) for name, run in made.items()}


def measure(family, peaks, options):
    """One row for each engine."""
    made, first = first_steps(engines(family))
    runs = {name: turns.timed(partial(run, options.steps)) for name, run in made.items()}
    turn = turns.take_turns(runs, options.repeat)
    seconds = {name: value / options.steps for name, value in turn.items()}
    peak = peak_gflops()
    for name in made:
        row = {
            "case": f"{family}/{BATCH}x{LENGTH}",
            "engine": name,
            "time_ratio": round(seconds[name] / seconds[OURS], 2),
            "first_ratio": round(first[name] / first[OURS], 2),
            "memory_ratio": round(peaks[name] / max(1, peaks[OURS]), 2) if peaks[name] else None,
            "milliseconds": round(seconds[name] * 1e3, 1),
            "first_seconds": round(first[name], 2),
            "mebibytes": round(peaks[name] / 2**20, 1) if peaks[name] is not None else None,
        }
        if family == "transformer":
            row["share_of_peak"] = round(transformer_gflop() / seconds[name] / peak, 2)
        yield row


def main():
    """Measures and prints a table or JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="+", default=["transformer", "recurrent", "loss"])
    parser.add_argument("--repeat", type=int, default=5, help="turns")
    parser.add_argument("--steps", type=int, default=3, help="steps a turn")
    parser.add_argument("--json", action="store_true", help="JSON lines")
    parser.add_argument("--peaks", action="store_true", help="memory only, as JSON")
    options = parser.parse_args()
    if options.peaks:
        print(json.dumps({family: resident_peaks(family) for family in options.families}))
        return
    machine.report(options.json)
    peaks = memory.peaks_apart("--families", *options.families)
    for family in options.families:
        for row in measure(family, peaks[family], options):
            print(json.dumps(row) if options.json else line(row), flush=True)


def line(row):
    """A row for a person."""
    share = f"{row['share_of_peak']:6.0%} of the peak" if "share_of_peak" in row else ""
    memory_ratio = "?" if row["memory_ratio"] is None else f"{row['memory_ratio']:.2f}x"
    return (
        f"{row['case']:20} {row['engine']:10} {row['time_ratio']:6.2f}x time"
        f" {row['first_ratio']:6.2f}x first step {memory_ratio:>7} memory"
        f" {row['milliseconds']:8.1f} ms {row['first_seconds']:7.2f} s first"
        f" {row['mebibytes'] or 0:7.1f} MiB {share}"
    )


if __name__ == "__main__":
    main()

"""Draws the pictures of `docs/attention.md`: `python docs/pictures.py`.

Every picture is a mask or the weights of a layer as it computes them.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops

from keras_attention import layers
from keras_attention.ops import causal_mask

LENGTH = 32
FOLDER = Path(__file__).parent / "pictures"


def weights_of(layer, causal=False):
    """The first head's weights of a layer whose inputs are the same vector at every position."""
    x = np.ones((1, LENGTH, 16), "float32")
    _, weights = layer(x, x, use_causal_mask=causal, return_attention_scores=True)
    weights = ops.convert_to_numpy(weights)
    return weights[0, 0] if weights.ndim == 4 else weights[0]


def pictures():
    """Title and matrix of each picture."""
    keras.utils.set_random_seed(20170612)  # the same weights, and so the same picture, each time
    diagonal = layers.LocalAttention(layers.DotProductAttention(), window=6)
    predicted = layers.PredictiveLocalAttention(layers.DotProductAttention(), window=6, units=8)
    alibi = layers.MultiHeadAttention(2, 8, position=layers.ALiBiPosition())
    span = layers.AdaptiveSpanAttention(2, 8, max_span=24, ramp=8)
    sparse = {"block_length": 4, "window_blocks": 3, "global_blocks": 1, "random_blocks": 1}
    return {
        "causal": ops.convert_to_numpy(causal_mask(LENGTH, LENGTH))[0],
        "sliding window": weights_of(layers.SlidingWindowAttention(2, 8, window=8)) > 0,
        "sliding window, causal": weights_of(
            layers.SlidingWindowAttention(2, 8, window=16), causal=True
        )
        > 0,
        "sliding window, global tokens": weights_of(
            layers.SlidingWindowAttention(2, 8, window=8, global_tokens=2)
        )
        > 0,
        "strided, causal": weights_of(layers.StridedAttention(2, 8, stride=6), causal=True) > 0,
        "fixed, causal": weights_of(
            layers.FixedAttention(2, 8, block_length=6, summary_length=1), causal=True
        )
        > 0,
        "block sparse": weights_of(layers.BlockSparseAttention(2, 8, **sparse)) > 0,
        "local, monotonic (local-m)": weights_of(diagonal),
        "local, predictive (local-p)": weights_of(predicted),
        "ALiBi, causal": weights_of(alibi, causal=True),
        "adaptive span, causal": weights_of(span, causal=True),
        "memory-compressed, causal": weights_of(
            layers.MemoryCompressedAttention(2, 8, stride=4), causal=True
        ),
    }


def draw():
    """Writes `pictures/patterns.png`."""
    figure, axes = plt.subplots(3, 4, figsize=(9, 7), constrained_layout=True)
    for axis, (title, matrix) in zip(axes.flat, pictures().items(), strict=True):
        matrix = matrix.astype("float32")
        matrix = matrix / np.maximum(
            matrix.max(axis=1, keepdims=True), 1e-9
        )  # the same darkness in every row
        axis.imshow(matrix, cmap="Blues", vmin=0, interpolation="nearest", aspect="auto")
        axis.set_title(title, fontsize=10)
        axis.set_xticks([])
        axis.set_yticks([])
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(FOLDER / "patterns.png", dpi=110, metadata={"Software": None})
    print(FOLDER / "patterns.png")


if __name__ == "__main__":
    draw()

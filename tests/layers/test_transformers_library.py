"""Positions against those of Hugging Face's models, where `transformers` is installed.

The independent references in NumPy, from the papers and the authors' code, are in
`test_positions.py` and `tests/ops/test_position_algebra.py`, and always run.
"""

import keras
import numpy as np
import pytest

from keras_attention.layers import LinearScaling, YaRNScaling
from keras_attention.ops import alibi_slopes, relative_buckets

torch = pytest.importorskip("torch", reason="transformers computes with torch")
transformers = pytest.importorskip(
    "transformers", reason='not installed: pip install "keras-attention[reference]"'
)

BASE, DIM, LENGTH = 10000.0, 128, 4096


def frequencies(kind, **parameters):
    """What Llama with this scaling turns its pairs by, and what it multiplies them with."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = transformers.LlamaConfig(
        hidden_size=DIM,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=LENGTH,
        rope_parameters={"rope_type": kind, "rope_theta": BASE, **parameters},
    )
    inverse, factor = ROPE_INIT_FUNCTIONS[kind](config, torch.device("cpu"))
    return inverse.numpy(), factor


@pytest.mark.parametrize("factor", [2.0, 4.0, 16.0])
def test_yarn(factor):
    theirs, magnitude = frequencies("yarn", factor=factor, original_max_position_embeddings=LENGTH)
    ours = YaRNScaling(factor, original_length=LENGTH)
    np.testing.assert_allclose(ours.frequencies(DIM, BASE), theirs, rtol=1e-5)
    np.testing.assert_allclose(ours.magnitude, magnitude, rtol=1e-6)


def test_linear_scaling():
    theirs, _ = frequencies("linear", factor=4.0)
    np.testing.assert_allclose(LinearScaling(4.0).frequencies(DIM, BASE), theirs, rtol=1e-5)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_t5_buckets(bidirectional):
    from transformers.models.t5.modeling_t5 import T5Attention

    distances = np.arange(-300, 301)
    theirs = T5Attention._relative_position_bucket(
        torch.tensor(distances), bidirectional, num_buckets=32, max_distance=128
    )
    ours = relative_buckets(keras.ops.convert_to_tensor(distances, "int32"), 32, 128, bidirectional)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(ours), theirs.numpy())


@pytest.mark.parametrize("heads", [1, 8, 12])
def test_alibi_slopes(heads):
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    theirs = build_alibi_tensor(torch.ones((1, 2)), heads, torch.float32)  # slope * position
    np.testing.assert_allclose(alibi_slopes(heads), theirs[:, 0, 1].numpy(), rtol=1e-6)

"""Attention by a kernel of the backend: the same numbers, and where it is asked for."""

import keras
import numpy as np
import pytest
from blocked_reference import BATCH, DIM, HEADS, KEY, QUERY, SHAPE, arrays, random_mask, reference
from layer_checks import assert_close, gradients

from keras_attention import layers
from keras_attention.ops import Masks, accelerator, blocked, fused, row_blocks
from keras_attention.ops.fused import can_fuse, fused_attention

JAX = keras.backend.backend() == "jax"


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("with_attention_mask", [False, True])
@pytest.mark.parametrize("with_key_mask", [False, True])
def test_all_masks_together(with_key_mask, with_attention_mask, causal):
    query, key, value, _ = arrays()
    value = value[..., :DIM]
    masks = {
        "key_mask": random_mask((BATCH, KEY)) if with_key_mask else None,
        "attention_mask": random_mask(SHAPE) if with_attention_mask else None,
        "causal": causal,
    }
    expected, _ = reference(query, key, value, scale=0.3, **masks)
    given = Masks(key=masks["key_mask"], attention=masks["attention_mask"], causal=causal)
    assert_close(fused_attention(query, key, value, given, scale=0.3), expected)


def test_queries_that_attend_to_nothing():
    query, key, value, _ = arrays()
    nothing = Masks(key=np.array([[True] * KEY, [False] * KEY]))
    found = fused_attention(query, key, value[..., :DIM], nothing)
    assert_close(found[1], np.zeros((HEADS, QUERY, DIM)), atol=0)
    assert np.abs(keras.ops.convert_to_numpy(found[0])).min() > 0


def test_queries_that_do_not_stand_at_the_beginning():
    query, key, value, _ = arrays()
    value = value[..., :DIM]
    stand = np.arange(QUERY, dtype="int32") - 5
    expected, _ = reference(
        query, key, value, attention_mask=stand[:, None] >= np.arange(KEY), scale=DIM**-0.5
    )
    masks = Masks(causal=True, query_positions=stand)
    assert_close(fused_attention(query, key, value, masks), expected)


@pytest.mark.parametrize("options", [{}, {"use_causal_mask": True}, {"value_mask": True}])
def test_a_long_layer_in_half_precision(options):
    """Whatever way the machine at hand takes: a kernel on a GPU, blocks elsewhere."""
    layer = layers.MultiHeadAttention(2, 16, dtype="mixed_bfloat16")
    x = np.random.default_rng(61).normal(size=(2, 514, 32)).astype("float32")
    given = dict(options)
    if "value_mask" in given:
        given["value_mask"] = np.arange(514) < np.array([[514], [7]])
        given["query_mask"] = given["value_mask"]

    def loss(x, **kwargs):
        found = layer(x, x, **given, **kwargs)
        return keras.ops.sum(keras.ops.sin(found[0] if kwargs else found))

    whole = layer(x, x, return_attention_scores=True, **given)[0]
    slope = gradients(lambda x: loss(x, return_attention_scores=True), x)
    assert_close(layer(x, x, **given), whole, atol=2e-2)
    assert_close(gradients(loss, x), slope, atol=3e-2)


def long(dtype, length=512, dim=64):
    return [keras.ops.zeros((1, 2, length, dim), dtype) for _ in range(3)]


@pytest.mark.skipif(not JAX, reason="the kernel of cuDNN is called by JAX alone")
def test_cudnn_takes_half_precision_of_fitting_sizes(monkeypatch):
    monkeypatch.setattr(fused, "on_accelerator", lambda: False)
    assert not can_fuse(*long("bfloat16"))
    monkeypatch.setattr(fused, "on_accelerator", lambda: True)
    assert can_fuse(*long("bfloat16"))
    assert can_fuse(*long("float16"))
    assert not can_fuse(*long("float32"))
    assert not can_fuse(*long("bfloat16", length=254))
    assert not can_fuse(*long("bfloat16", dim=63))
    assert not can_fuse(*long("bfloat16", dim=136))
    assert can_fuse(*long("bfloat16", length=513), Masks(causal=True))
    masks = Masks(key=np.ones((1, 513), bool))
    assert not can_fuse(*long("bfloat16", length=513), masks)
    assert can_fuse(*long("bfloat16", length=514), masks)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow has no kernel")
def test_tensorflow_has_no_kernel(monkeypatch):
    monkeypatch.setattr(fused, "on_accelerator", lambda: True)
    assert not can_fuse(*long("bfloat16"))


def test_an_accelerator_takes_larger_blocks_of_longer_inputs(monkeypatch):
    sizes = {}
    for there in (False, True):
        monkeypatch.setattr(blocked, "on_accelerator", lambda there=there: there)
        monkeypatch.setattr(accelerator, "on_accelerator", lambda there=there: there)
        assert blocked.worth_blocking((1, 2, 2048, 64), (1, 2, 2048, 64))
        assert blocked.worth_blocking((1, 2, 512, 64), (1, 2, 512, 64)) != there
        (block,) = row_blocks.cut_rows(1, 4096, 4096)
        sizes[there] = block.rows
    assert sizes == {False: 256, True: 4096}

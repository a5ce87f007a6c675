"""Attention by a kernel of the backend: the same numbers, and where it is asked for."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from blocked_reference import BATCH, DIM, HEADS, KEY, QUERY, SHAPE, arrays, random_mask, reference
from layer_checks import assert_close, gradients, to_numpy

from keras_attention import layers
from keras_attention.ops import Masks, accelerator
from keras_attention.ops.dense import blocked, fused, row_blocks
from keras_attention.ops.dense.fused import can_fuse, fused_attention

JAX, TENSORFLOW = (keras.backend.backend() == name for name in ("jax", "tensorflow"))
REALLY_ON_ACCELERATOR = accelerator.on_accelerator  # what `conftest.py` replaces


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


@pytest.mark.default_cases(1)
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
    # As far apart as bfloat16 has numbers beside the largest.
    assert_close(layer(x, x, **given), whole, atol=2**-7 * np.abs(to_numpy(whole)).max())
    assert_close(gradients(loss, x), slope, atol=2**-7 * np.abs(slope).max())


def long(dtype, length=512, dim=64, value_dim=None):
    heads = [keras.ops.zeros((1, 2, length, dim), dtype) for _ in range(2)]
    return *heads, keras.ops.zeros((1, 2, length, value_dim or dim), dtype)


OTHER = {"bfloat16": "float16", "float16": "bfloat16", "float32": "bfloat16"}


@pytest.fixture
def kernel(monkeypatch):
    """A GPU with cuDNN on JAX; Torch has a kernel everywhere."""
    monkeypatch.setattr(accelerator, "has_cudnn_attention", lambda: True)


@pytest.mark.skipif(TENSORFLOW, reason="TensorFlow has no kernel")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_what_kernels_take(dtype, kernel):
    if JAX and dtype == "float32":
        assert not can_fuse(*long(dtype))
        return
    assert can_fuse(*long(dtype))
    assert can_fuse(*long(dtype, length=513), Masks(causal=True))
    assert not can_fuse(*long(dtype, length=256))
    assert not can_fuse(*long(dtype, dim=63))
    assert not can_fuse(*long(dtype, dim=136))
    assert not can_fuse(*long(dtype, value_dim=32))
    query, key, value = long(dtype)
    assert not can_fuse(query, key, keras.ops.cast(value, OTHER[dtype]))


@pytest.mark.skipif(TENSORFLOW, reason="TensorFlow has no kernel")
def test_which_masks_kernels_take(kernel, monkeypatch):
    masks = Masks(key=np.ones((1, 512), bool))
    assert can_fuse(*long("bfloat16"), masks)
    assert not can_fuse(*long("float16"), masks)  # the number that is added would not rule it out
    odd = Masks(key=np.ones((1, 513), bool))
    assert can_fuse(*long("bfloat16", length=513), odd) == (not JAX)  # cuDNN has no gradient
    stand = Masks(causal=True, query_positions=np.arange(512))
    assert not can_fuse(*long("float16"), stand)
    assert can_fuse(*long("float16"), Masks(query_positions=np.arange(512)))
    pair = [keras.ops.repeat(x, 2, axis=0) for x in long("bfloat16")]
    heads = Masks(attention=np.ones((1, 2, 512, 512), bool))
    monkeypatch.setattr(fused, "MOST_MASKED", 512 * 512)
    assert can_fuse(*long("bfloat16"), masks)
    assert not can_fuse(*pair, masks)
    assert not can_fuse(*long("bfloat16"), heads)
    assert can_fuse(*pair)


@pytest.mark.skipif(TENSORFLOW, reason="TensorFlow has no kernel")
def test_keras_can_rule_kernels_out(kernel):
    assert can_fuse(*long("bfloat16"))
    before = keras.config.is_flash_attention_enabled()
    keras.config.disable_flash_attention()
    try:
        assert not can_fuse(*long("bfloat16"))
    finally:
        if before is not False:
            keras.config.enable_flash_attention()


@pytest.mark.skipif(not TENSORFLOW, reason="the other backends have a kernel")
def test_tensorflow_has_no_kernel(kernel):
    assert not can_fuse(*long("bfloat16"))


@pytest.mark.skipif(not JAX, reason="the devices of JAX")
@pytest.mark.parametrize(
    "platform, capability, has_kernel",
    [
        ("cpu", None, False),
        ("tpu", None, False),
        ("gpu", "7.5", False),
        ("gpu", "8.0", True),
        ("gpu", "10.3", True),
        ("gpu", "gfx942", False),
    ],
)
def test_devices_with_a_kernel(platform, capability, has_kernel, monkeypatch):
    device = SimpleNamespace(platform=platform, compute_capability=capability)
    monkeypatch.setattr(accelerator, "jax_device", lambda: device)
    assert accelerator.has_cudnn_attention() == has_kernel
    assert REALLY_ON_ACCELERATOR() == (platform != "cpu")


@pytest.mark.skipif(not JAX, reason="the devices of JAX")
def test_the_device_that_keras_was_told(monkeypatch):
    import jax

    first = jax.devices()[0]
    assert accelerator.jax_device() == first
    with keras.device("cpu:0"):
        monkeypatch.setattr(jax, "devices", None)
        assert accelerator.jax_device().platform == "cpu"


@pytest.mark.skipif(not TENSORFLOW, reason="the devices of TensorFlow")
@pytest.mark.parametrize("name", ["CPU:0", "GPU:0", "TPU:0"])
def test_the_devices_of_tensorflow(name, monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: [name])
    assert REALLY_ON_ACCELERATOR() == (name != "CPU:0")


def test_an_accelerator_takes_larger_blocks_of_longer_inputs(monkeypatch):
    sizes = {}
    for there in (False, True):
        monkeypatch.setattr(accelerator, "on_accelerator", lambda there=there: there)
        assert blocked.worth_blocking((1, 2, 2048, 64), (1, 2, 2048, 64))
        assert blocked.worth_blocking((1, 2, 512, 64), (1, 2, 512, 64)) != there
        (block,) = row_blocks.cut_rows(1, 4096, 4096)
        sizes[there] = block.rows
    assert sizes == {False: 256, True: 4096}

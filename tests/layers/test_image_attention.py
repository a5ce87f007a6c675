"""Attention over feature maps against the papers, in NumPy, position by position."""

import keras
import numpy as np
import pytest
from layer_checks import assert_close, to_numpy

from keras_attention.layers.vision.channel_attention import ChannelAttention
from keras_attention.layers.vision.convolutional_block_attention import ConvolutionalBlockAttention
from keras_attention.layers.vision.spatial_attention import SpatialAttention
from keras_attention.layers.vision.squeeze_excite import SqueezeExcite

BATCH, HEIGHT, WIDTH, CHANNELS = 2, 5, 11, 7
LAYERS = (SqueezeExcite, ChannelAttention, SpatialAttention, ConvolutionalBlockAttention)


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


def randomized(layer, shape=(BATCH, HEIGHT, WIDTH, CHANNELS), seed=263):
    """The layer with random weights, biases too."""
    layer.build(shape)
    for number, weight in enumerate(layer.weights):
        weight.assign(random(*weight.shape, seed=seed + number))
    return layer


def images():
    return random(BATCH, HEIGHT, WIDTH, CHANNELS, seed=269)


def image_mask():
    """Some positions here and there, and none at all in the last image."""
    mask = np.random.default_rng(271).random((BATCH, HEIGHT, WIDTH)) < 0.6
    mask[-1] = False
    return mask


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def named(layer):
    """The layer's weights by name in float64, biases that it does not have as zero."""
    weights = {weight.name: to_numpy(weight).astype("float64") for weight in layer.weights}
    return {"squeeze_bias": 0.0, "excite_bias": 0.0, "bias": 0.0, **weights}


def perceptron(layer, z):
    weights = named(layer)
    hidden = np.maximum(weights["squeeze_kernel"].T @ z + weights["squeeze_bias"], 0)
    return weights["excite_kernel"].T @ hidden + weights["excite_bias"]


def channel_gates(layer, image, mask):
    """Hu et al., equations 2 and 3, and Woo et al., equation 2, for one image."""
    if not mask.any():
        return np.zeros(image.shape[-1])
    real = [image[place] for place in np.ndindex(*mask.shape) if mask[place]]
    scores = perceptron(layer, sum(real) / len(real))
    if isinstance(layer, ChannelAttention):
        scores = scores + perceptron(layer, np.max(real, axis=0))
    return sigmoid(scores)


def position_gates(layer, image, mask):
    """Woo et al., equation 3, for one image: the window slides over a map with zeros around."""
    weights = named(layer)
    sizes, kernel = weights["kernel"].shape[:-2], weights["kernel"]
    gates = np.zeros(mask.shape)
    for place in np.ndindex(*mask.shape):
        score = float(np.squeeze(weights["bias"]))
        for offset in np.ndindex(*sizes):
            there = tuple(
                p + o - (s - 1) // 2 for p, o, s in zip(place, offset, sizes, strict=True)
            )
            inside = all(0 <= t < size for t, size in zip(there, mask.shape, strict=True))
            if inside and mask[there]:
                described = np.array([image[there].mean(), image[there].max()])
                score += kernel[offset][:, 0] @ described
        gates[place] = sigmoid(score) if mask[place] else 0.0
    return gates


def reference(layer, image, mask):
    """Output and gates of one image, whose channels are last."""
    if isinstance(layer, SqueezeExcite):
        gates = channel_gates(layer, image, mask)
        return np.where(mask[..., None], image * gates, 0.0), gates
    if isinstance(layer, SpatialAttention):
        gates = position_gates(layer, image, mask)
        return image * gates[..., None], gates
    gated, first = reference(layer.channel_attention, image, mask)
    gated, second = reference(layer.spatial_attention, gated, mask)
    return gated, first, second


def check_against_reference(layer, inputs, mask):
    found = to_numpy(layer(inputs, mask=mask, return_attention_scores=True))
    for row in range(len(inputs)):
        assert_close([output[row] for output in found], reference(layer, inputs[row], mask[row]))


def make(kind, **options):
    if issubclass(kind, SqueezeExcite | ConvolutionalBlockAttention):
        options = {"ratio": 2, **options}
    return kind(**options)


@pytest.mark.parametrize("use_bias", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_images(kind, use_bias):
    layer = randomized(make(kind, use_bias=use_bias))
    everything = np.ones((BATCH, HEIGHT, WIDTH), bool)
    check_against_reference(layer, images(), everything)
    check_against_reference(layer, images(), image_mask())
    assert_close(layer(images()), layer(images(), mask=everything))


@pytest.mark.parametrize("kind", LAYERS)
def test_channels_first_is_the_same_transposed(kind):
    last = randomized(make(kind, data_format="channels_last"))
    first = make(kind, data_format="channels_first")
    transposed = np.moveaxis(images(), -1, 1)
    first.build(transposed.shape)
    first.set_weights(last.get_weights())
    for mask in (None, image_mask()):
        expected, *gates = last(images(), mask=mask, return_attention_scores=True)
        found = first(transposed, mask=mask, return_attention_scores=True)
        assert_close(found, [np.moveaxis(to_numpy(expected), -1, 1), *gates])


@pytest.mark.parametrize("positions", [(13,), (3, 5, 2)], ids=["sequence", "volume"])
@pytest.mark.parametrize("kind", LAYERS)
def test_sequences_and_volumes(kind, positions):
    inputs = random(BATCH, *positions, CHANNELS, seed=277)
    layer = randomized(make(kind), inputs.shape)
    mask = np.random.default_rng(281).random((BATCH, *positions)) < 0.6
    check_against_reference(layer, inputs, mask)


@pytest.mark.parametrize("kernel_size", [(3, 7), 2])
def test_windows_that_are_no_odd_square(kernel_size):
    layer = randomized(SpatialAttention(kernel_size))
    check_against_reference(layer, images(), image_mask())


@pytest.mark.parametrize("kind", LAYERS)
def test_the_data_format_is_that_of_keras_configuration(kind):
    assert kind().data_format == "channels_last"
    keras.config.set_image_data_format("channels_first")
    try:
        assert kind().data_format == "channels_first"
    finally:
        keras.config.set_image_data_format("channels_last")


def test_the_hidden_layer_has_at_least_one_unit():
    layer = SqueezeExcite(ratio=16)
    layer.build((None, None, None, CHANNELS))
    assert layer.squeeze_kernel.shape == (CHANNELS, 1)


def test_the_mean_of_many_large_values_stays_finite_in_half_precision():
    bright = np.full((1, 31, 37, CHANNELS), 6e4, "float16")
    scores = SqueezeExcite(ratio=2, dtype="mixed_float16")
    scores.build(bright.shape)
    assert np.isfinite(to_numpy(scores.score(bright))).all()


@pytest.mark.parametrize("kind", LAYERS)
def test_unknown_data_format(kind):
    with pytest.raises(ValueError, match=r"one of \('channels_last'.* data_format='channels'"):
        kind(data_format="channels")


@pytest.mark.parametrize("kind", LAYERS)
def test_masks_of_another_rank(kind):
    with pytest.raises(
        ValueError, match=r"Expected `mask` of shape .*Received: mask.shape=\(2, 5\)"
    ):
        kind()(np.ones((2, 5, 11, 7)), mask=np.ones((2, 5), bool))


@pytest.mark.parametrize("kind", [SqueezeExcite, ChannelAttention, ConvolutionalBlockAttention])
def test_ratio_and_channels(kind):
    with pytest.raises(ValueError, match="at least one. Received: ratio=0"):
        kind(ratio=0)
    with pytest.raises(ValueError, match=r"known. Received: input_shape=\(None, 5, 11, None\)"):
        kind().build((None, 5, 11, None))


@pytest.mark.parametrize("kind", [SpatialAttention, ConvolutionalBlockAttention])
def test_kernel_sizes(kind):
    with pytest.raises(ValueError, match=r"positive. Received: kernel_size=\(3, 0\)"):
        kind(kernel_size=(3, 0))
    with pytest.raises(ValueError, match=r"Received: kernel_size=\(3, 5, 7\), input_shape=\(2, 5,"):
        kind(kernel_size=(3, 5, 7))(np.ones((2, 5, 11, 7)))

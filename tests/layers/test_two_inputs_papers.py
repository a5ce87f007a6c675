"""The layers with two inputs against their papers' equations, in NumPy, position by position."""

import keras
import numpy as np
import pytest
from layer_checks import assert_close, to_numpy

from keras_attention.layers import MultiHeadAttention
from keras_attention.layers.fusion.co_attention import CoAttention
from keras_attention.layers.fusion.cross_modal_attention import CrossModalAttention
from keras_attention.layers.fusion.gated_fusion import GatedFusion

BATCH, FIRST, SECOND, FIRST_DIM, SECOND_DIM, UNITS = 2, 3, 5, 7, 11, 13
MASKS = [(), ("first_mask",), ("second_mask",), ("first_mask", "second_mask")]
each_mask = pytest.mark.parametrize("names", MASKS, ids="+".join)


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def inputs(first=FIRST, second=SECOND):
    return random(BATCH, first, FIRST_DIM, seed=73), random(BATCH, second, SECOND_DIM, seed=79)


def built(layer, arrays):
    """The layer with random weights, biases too."""
    layer.build(*(array.shape for array in arrays))
    for number, weight in enumerate(layer.weights):
        weight.assign(0.3 * random(*weight.shape, seed=83 + number))
    return layer


def named(names, first=FIRST, second=SECOND):
    """The named masks, and both masks, all True where not named."""
    masks = {
        "first_mask": np.arange(first) < np.array([[first - 1], [first]]),
        "second_mask": np.arange(second) < np.array([[second], [1]]),
    }
    both = [mask if name in names else np.ones_like(mask) for name, mask in masks.items()]
    return {name: masks[name] for name in names}, both


def weight(layer, name):
    return to_numpy(getattr(layer, name)).astype("float64")


def softmax_over(scores, real):
    exponentials = np.where(real, np.exp(scores), 0.0)
    return exponentials / exponentials.sum()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Co-attention


@each_mask
def test_parallel_co_attention(names):
    """Lu et al., 2016, equations 3 to 5, with the columns of the paper."""
    arrays = inputs()
    layer = built(CoAttention(UNITS), arrays)
    masks, real = named(names)
    outputs = layer(*arrays, **masks, return_attention_scores=True)

    w_b = weight(layer, "affinity_kernel")
    w_q, w_v = weight(layer, "first_kernel").T, weight(layer, "second_kernel").T
    w_hq, w_hv = weight(layer, "first_v")[:, 0], weight(layer, "second_v")[:, 0]
    for row in range(BATCH):
        q, v = (array[row].astype("float64").T for array in arrays)  # (dim, T), (dim, N)
        pairs = [(t, n) for t in range(FIRST) for n in range(SECOND)]
        pairs = [(t, n) for t, n in pairs if real[0][row, t] and real[1][row, n]]
        h_v, h_q = w_v @ v, w_q @ q  # (units, N), (units, T)
        for t, n in pairs:
            affinity = np.tanh(q[:, t] @ w_b @ v[:, n])
            h_v[:, n] += affinity * (w_q @ q[:, t])
            h_q[:, t] += affinity * (w_v @ v[:, n])
        a_q = softmax_over(w_hq @ np.tanh(h_q), real[0][row])
        a_v = softmax_over(w_hv @ np.tanh(h_v), real[1][row])
        expected = q @ a_q, v @ a_v, a_q, a_v
        assert_close([output[row] for output in outputs], expected)


def test_affinities_start_small_enough_for_long_inputs():
    arrays = random(3, 31, 128, seed=89), random(3, 196, 64, seed=97)
    layer = CoAttention(64)
    layer.build(*(array.shape for array in arrays))
    affinities = to_numpy(layer.affinities(*arrays))
    assert affinities.shape == (3, 31, 196)
    assert 0.05 < affinities.std() < 0.15


def test_co_attention_by_another_normalizer():
    _, _, *weights = CoAttention(UNITS, normalizer="hardmax")(
        *inputs(), return_attention_scores=True
    )
    for found in to_numpy(weights):
        assert set(np.unique(found)) == {0.0, 1.0}


def test_dropout_of_co_attention_is_repeatable_and_in_training_only():
    arrays = inputs(first=61, second=67)

    def weights(seed, **options):
        keras.utils.set_random_seed(101)  # the same weights of the layer
        layer = CoAttention(UNITS, dropout=0.5, seed=seed)
        return to_numpy(layer(*arrays, return_attention_scores=True, **options)[2:])

    kept, dropped = weights(31), weights(31, training=True)
    for one, other, again in zip(kept, dropped, weights(31, training=True), strict=True):
        assert (one > 0).all()
        np.testing.assert_array_equal(other, again)
        assert (other == 0).any()
        assert_close(other[other > 0], 2 * one[other > 0])
    first, second = weights(37, training=True)
    assert (first != dropped[0]).any() and (second != dropped[1]).any()


# Cross-modal attention


def heads(x, layer, name, head_dim, head):
    columns = slice(head * head_dim, (head + 1) * head_dim)
    kernel, bias = weight(layer, f"{name}_kernel"), weight(layer, f"{name}_bias")
    return x @ kernel[:, columns] + bias[columns]


def attend_one_way(layer, query, memory, query_real, memory_real):
    """Softmax of scaled dot products, head by head and position by position."""
    found, weights = [], []
    for head in range(layer.num_heads):
        q = heads(query, layer, "query", layer.key_dim, head)
        k = heads(memory, layer, "key", layer.key_dim, head)
        v = heads(memory, layer, "value", layer.value_dim, head)
        of_head = np.zeros((len(q), len(k)))
        for i in np.flatnonzero(query_real):
            scores = np.array([q[i] @ key for key in k]) / np.sqrt(layer.key_dim)
            of_head[i] = softmax_over(scores, memory_real)
        weights.append(of_head)
        found.append(of_head @ v)
    output = np.concatenate(found, axis=-1) @ weight(layer, "output_kernel")
    output = output + weight(layer, "output_bias")
    return np.where(query_real[:, None], output, 0.0), np.stack(weights)


@each_mask
def test_cross_modal_attention(names):
    arrays = inputs()
    layer = built(CrossModalAttention(2, 17, value_dim=19), arrays)
    masks, real = named(names)
    outputs = layer(*arrays, **masks, return_attention_scores=True)
    for row in range(BATCH):
        first, second = (array[row].astype("float64") for array in arrays)
        of_first = attend_one_way(layer.first_attention, first, second, real[0][row], real[1][row])
        of_second = attend_one_way(
            layer.second_attention, second, first, real[1][row], real[0][row]
        )
        expected = of_first[0], of_second[0], of_first[1], of_second[1]
        assert_close([output[row] for output in outputs], expected)


def test_a_missing_counterpart_gives_nothing():
    arrays = inputs()
    layer = built(CrossModalAttention(2, 17), arrays)
    second_mask = np.array([[True] * SECOND, [False] * SECOND])
    for output in layer(*arrays, second_mask=second_mask, return_attention_scores=True):
        assert (to_numpy(output)[1] == 0).all()
        assert (to_numpy(output)[0] != 0).any()


def test_cross_modal_attention_is_two_attentions_with_weights_of_their_own():
    arrays = inputs()
    layer = CrossModalAttention(2, 17)
    outputs = layer(*arrays)
    assert len(layer.weights) == 16
    for found, inner, (query, value) in (
        (outputs[0], layer.first_attention, arrays),
        (outputs[1], layer.second_attention, arrays[::-1]),
    ):
        alone = MultiHeadAttention(2, 17)
        alone.build(query.shape, value.shape)
        alone.set_weights(inner.get_weights())
        assert_close(found, alone(query, value))


def test_the_two_directions_drop_different_places():
    """Equal inputs and equal weights: only the dropout can tell the directions apart."""
    x = random(2, 31, FIRST_DIM, seed=73)
    layer = CrossModalAttention(2, 17, dropout=0.5, seed=31)
    layer.build(x.shape, x.shape)
    layer.second_attention.set_weights(layer.first_attention.get_weights())
    assert_close(*layer(x, x))
    one, other = to_numpy(layer(x, x, return_attention_scores=True, training=True)[2:])
    assert ((one == 0) != (other == 0)).any()


# Gated fusion


@each_mask
def test_gated_multimodal_unit(names):
    """Arevalo et al., 2017, equations 1 to 4."""
    arrays = inputs(first=5)
    layer = built(GatedFusion(UNITS), arrays)
    masks, real = named(names, first=5)
    output, gate = to_numpy(layer(*arrays, **masks, return_attention_scores=True))
    w_v, w_t = weight(layer, "first_kernel").T, weight(layer, "second_kernel").T
    w_z = weight(layer, "gate_kernel").T
    for row, i in np.ndindex(BATCH, 5):
        x_v, x_t = (array[row, i].astype("float64") for array in arrays)
        h_v, h_t = np.tanh(w_v @ x_v), np.tanh(w_t @ x_t)
        there = real[0][row, i], real[1][row, i]
        if all(there):
            z = sigmoid(w_z @ np.concatenate([x_v, x_t]))
            assert_close(gate[row, i], z)
            assert_close(output[row, i], z * h_v + (1 - z) * h_t)
        else:  # the one that is there, or nothing
            assert_close(output[row, i], h_v if there[0] else h_t if there[1] else 0 * h_v)


@pytest.mark.parametrize("axes", [(), (3,), (3, 5)], ids=str)
def test_fusion_of_any_axes(axes):
    first, second = random(2, *axes, FIRST_DIM, seed=73), random(2, *axes, SECOND_DIM, seed=79)
    layer = built(GatedFusion(UNITS), (first, second))
    flat = [x.reshape(-1, x.shape[-1]) for x in (first, second)]
    expected = to_numpy(layer(*flat)).reshape(2, *axes, UNITS)
    assert_close(layer(first, second), expected)
    mask = np.random.default_rng(103).random((2, *axes)) < 0.5
    masked = to_numpy(layer(first, second, first_mask=mask, second_mask=mask))
    assert_close(masked, np.where(mask[..., None], expected, 0.0))


def test_a_missing_input_that_is_no_number_is_not_read():
    arrays = inputs(first=5)
    layer = built(GatedFusion(UNITS), arrays)
    masks, real = named(("first_mask", "second_mask"), first=5)
    expected = layer(*arrays, **masks)
    broken = [np.where(there[..., None], x, np.nan) for x, there in zip(arrays, real, strict=True)]
    assert_close(layer(*broken, **masks), expected)


@pytest.mark.parametrize(
    ("first", "second"), [((2, 3, 7), (2, 5, 11)), ((2, 7), (2, 5, 11)), ((2, 3, 7), (3, 3, 11))]
)
@pytest.mark.parametrize("symbolic", [False, True])
def test_fusion_needs_the_same_positions(first, second, symbolic):
    make = keras.KerasTensor if symbolic else np.ones
    message = rf"same axes .* Received: first.shape=\({first[0]}, .*second.shape=\({second[0]}, "
    with pytest.raises(ValueError, match=message):
        GatedFusion(UNITS)(make(first), make(second))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CoAttention(0), "`units` to be positive. Received: units=0"),
        (lambda: CoAttention(7, dropout=1.0), "0 <= dropout < 1. Received: dropout=1.0"),
        (lambda: CoAttention(7, normalizer="softmin"), "Received: normalizer='softmin'"),
        (lambda: CrossModalAttention(0, 7), "`num_heads` to be positive. Received: num_heads=0"),
        (lambda: CrossModalAttention(2, 7, dropout=-0.1), "dropout < 1. Received: dropout=-0.1"),
        (lambda: GatedFusion(0), "`units` to be positive. Received: units=0"),
    ],
)
def test_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()

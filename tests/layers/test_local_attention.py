"""Luong's local-m and local-p against the paper's equations, in NumPy, in loops."""

import keras
import numpy as np
import pytest
from cases_choices import general
from choices_reference import (
    MASK_SETS,
    QUERY_DIM,
    arrays,
    built,
    general_score,
    random,
    softmax_row,
    some_masks,
)
from keras import ops
from layer_checks import BATCH, KEY, QUERY, VALUE_DIM, assert_close, gradients, to_numpy

from keras_attention import layers
from keras_attention.layers.alignment.choice_attention import ChoiceAttention
from keras_attention.layers.alignment.local_attention import LocalAttention
from keras_attention.layers.alignment.predictive_local_attention import PredictiveLocalAttention
from keras_attention.ops import Masks

# Local-m


@pytest.mark.parametrize("names", MASK_SETS, ids="+".join)
def test_local_m(names):
    inputs, window = arrays(query=7), 1
    layer = built(LocalAttention(general(), window), inputs)
    masks, dense = some_masks(names, query=7)
    context, weights = layer(*inputs, **masks, return_attention_scores=True)

    query, value, key = (array.astype("float64") for array in inputs)
    pair_score, expected = general_score(layer), np.zeros(dense.shape)
    for batch, t in np.ndindex(BATCH, 7):
        scores = [pair_score(query[batch, t], key[batch, s]) for s in range(KEY)]
        allowed = [dense[batch, t, s] and t - window <= s <= t + window for s in range(KEY)]
        if any(allowed):
            expected[batch, t] = softmax_row(scores, allowed)
    assert_close(weights, expected)
    assert_close(context, np.einsum("bqk,bkd->bqd", expected, value))


def test_a_window_that_misses_the_source_gives_nothing():
    inputs = arrays(query=11)
    layer = LocalAttention(general(), window=2)
    context, weights = layer(*inputs, return_attention_scores=True)
    # The last query that still sees the last of five positions is the one at 6.
    assert_close(ops.sum(weights, axis=-1), np.tile(np.arange(11) < 7, (BATCH, 1)).astype("float"))
    assert (to_numpy(context)[:, 7:] == 0).all()
    assert (to_numpy(weights)[:, 6, :4] == 0).all()
    assert_close(weights[:, 6, 4], np.ones(BATCH))


def test_a_window_of_zero_copies_position_by_position():
    query, value, key = arrays(query=KEY)
    assert_close(LocalAttention(general(), window=0)(query, value, key), value)


def test_a_window_as_long_as_the_source_is_global_attention():
    inputs = arrays()
    local, whole = LocalAttention(general(), window=KEY), ChoiceAttention(general())
    for layer in (local, whole):
        layer.build(*(array.shape for array in inputs))
    whole.set_weights(local.get_weights())
    assert_close(local(*inputs), whole(*inputs))


def test_what_lies_outside_the_window_has_no_gradient():
    inputs = arrays(query=1)
    layer = LocalAttention(general(), window=1)
    layer.build(*(array.shape for array in inputs))
    direction = random(BATCH, 1, VALUE_DIM, seed=127)
    for result in gradients(lambda *x: ops.sum(ops.multiply(layer(*x), direction)), *inputs)[1:]:
        assert (result[:, 2:] == 0).all()
        assert (result[:, :2] != 0).all()


def test_rows_may_stand_at_different_positions():
    inputs = arrays()
    layer = built(LocalAttention(general(), window=1), inputs)
    context, weights = layer(*inputs, return_attention_scores=True)
    query, value, key = (ops.convert_to_tensor(array) for array in inputs)
    memory = layer.project_memory(value, key)
    state = {"position": ops.convert_to_tensor([2, 1], dtype="int32")}
    one_each = ops.stack([query[0, 2:3], query[1, 1:2]])
    stepped, stepped_weights, state = layer.step(one_each, memory, Masks(), state)
    for row, position in enumerate([2, 1]):
        assert_close(stepped[row, 0], context[row, position])
        assert_close(stepped_weights[row, 0], weights[row, position])
    assert to_numpy(state["position"]).tolist() == [3, 2]
    assert keras.backend.standardize_dtype(layer.start(memory)["position"].dtype) == "int32"


def test_local_windows_must_be_numbers_of_positions():
    with pytest.raises(ValueError, match="not to be negative. Received: window=-1"):
        LocalAttention(general(), -1)


# Local-p


def predicted_weights(layer, inputs, masks, dense):
    """Equations 9 and 10, one source position after the other."""
    query, _, key = (array.astype("float64") for array in inputs)
    w_p = to_numpy(layer.position_kernel).T.astype("float64")
    v_p = to_numpy(layer.position_v)[:, 0].astype("float64")
    pair_score, expected = general_score(layer), np.zeros(dense.shape)
    real = masks.get("value_mask", np.ones((BATCH, key.shape[1]), bool))
    for batch, t in np.ndindex(*dense.shape[:2]):
        places = {j: place for place, j in enumerate(np.flatnonzero(real[batch]))}
        h_t, source_length = query[batch, t], len(places)
        p_t = source_length / (1 + np.exp(-v_p @ np.tanh(w_p @ h_t)))
        near = {j for j, s in places.items() if p_t - layer.window <= s <= p_t + layer.window}
        allowed = [j in near and dense[batch, t, j] for j in range(key.shape[1])]
        if any(allowed):
            scores = [pair_score(h_t, key[batch, j]) for j in range(key.shape[1])]
            align = softmax_row(scores, allowed)
            sigma = layer.window / 2
            for j, s in places.items():
                bell = np.exp(-((s - p_t) ** 2) / (2 * sigma**2))
                expected[batch, t, j] = align[j] * bell
    return expected


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("names", MASK_SETS, ids="+".join)
@pytest.mark.parametrize("window", [1, 3])
def test_local_p(window, names):
    inputs = arrays(query=7)
    layer = built(PredictiveLocalAttention(general(), window, units=19), inputs)
    masks, dense = some_masks(names, query=7)
    context, weights = layer(*inputs, **masks, return_attention_scores=True)
    expected = predicted_weights(layer, inputs, masks, dense)
    assert_close(weights, expected)
    assert_close(context, np.einsum("bqk,bkd->bqd", expected, inputs[1]))
    assert (expected.sum(axis=-1) < 1).all()


def test_fully_masked_rows_of_local_p():
    query, value, key = arrays()
    layer = PredictiveLocalAttention(general(), window=2)
    mask = np.array([[True] * KEY, [False] * KEY])
    masked = layer(query, value, key, value_mask=mask, return_attention_scores=True)
    alone = layer(query[:1], value[:1], key[:1], return_attention_scores=True)
    for output, unmasked in zip(masked, alone, strict=True):
        assert (to_numpy(output)[1] == 0).all()
        assert_close(output[:1], unmasked)
    query_mask = np.array([[True, False, True], [False, False, True]])
    context = to_numpy(layer(query, value, key, query_mask=query_mask))
    assert (context[~query_mask] == 0).all()
    assert_close(context[query_mask], to_numpy(layer(query, value, key))[query_mask])


def test_predictions_count_real_positions_wherever_the_padding_is():
    query, value, key = arrays()
    layer = built(PredictiveLocalAttention(general(), window=2), (query, value, key))
    expected = layer(query, value, key)
    for where in ([0, 1, 2, 3, 4], [3, 4, 5, 6, 7], [0, 2, 3, 5, 7]):
        padded = [np.full((BATCH, 8, array.shape[-1]), 59.0, "float32") for array in (value, key)]
        for new, old in zip(padded, (value, key), strict=True):
            new[:, where] = old
        mask = np.zeros((BATCH, 8), bool)
        mask[:, where] = True
        assert_close(layer(query, *padded, value_mask=mask), expected)


def test_predictions_start_around_the_middle():
    layer = PredictiveLocalAttention(general(), window=2)
    query = random(3, 31, 128, seed=137)
    layer.build(query.shape, (3, 37, 128))
    positions = to_numpy(layer.predict_positions(query, ops.full((1, 1), 37.0))) / 37
    assert positions.shape == (3, 31)
    assert 0.4 < positions.mean() < 0.6
    assert 0.02 < positions.std() < 0.2  # neither all alike nor at the ends
    assert layer.position_kernel.shape == (128, 128)  # as many units as the query is wide


def test_predictions_learn():
    """The gradient of the weights `W_p` and `v_p` against finite differences."""
    inputs = arrays()
    layer = built(PredictiveLocalAttention(general(), window=3, units=19), inputs)
    # Away from the window's ends, where the weights jump.
    layer.position_v.assign(0.1 * layer.position_v)
    direction = random(BATCH, QUERY, VALUE_DIM, seed=127)

    def loss(kernel, v):
        def predict(query, lengths):
            hidden = ops.matmul(ops.tanh(ops.matmul(query, kernel)), v)
            return lengths * ops.sigmoid(hidden)[..., 0]

        layer.predict_positions = predict
        context = layer(*inputs)
        return ops.sum(ops.multiply(context, direction))

    kernel, v = to_numpy(layer.position_kernel), to_numpy(layer.position_v)
    of_kernel, of_v = gradients(loss, kernel, v)
    assert (of_kernel != 0).all() and (of_v != 0).all()
    along = random(*v.shape, seed=163)
    step = 1e-2
    slope = (
        to_numpy(loss(kernel, v + step * along)) - to_numpy(loss(kernel, v - step * along))
    ) / (2 * step)
    np.testing.assert_allclose((of_v * along).sum(), slope, rtol=1e-2)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_predicts_the_same_positions_in_a_long_source(dtype):
    memory = random(1, 997, QUERY_DIM, seed=139)
    query = to_numpy(ops.cast(ops.cast(random(1, 61, QUERY_DIM, seed=149), "bfloat16"), "float32"))
    expected_layer = PredictiveLocalAttention(layers.DotProductAttention(), window=2)
    _, expected = expected_layer(query, memory, 0 * memory, return_attention_scores=True)
    layer = PredictiveLocalAttention(layers.DotProductAttention(), window=2, dtype=dtype)
    layer.build(query.shape, memory.shape)
    layer.set_weights(expected_layer.get_weights())
    _, weights = layer(query, memory, 0 * memory, return_attention_scores=True)
    assert_close(ops.cast(weights, "float32"), expected, atol=2e-3)


@pytest.mark.parametrize(
    ("arguments", "received"), [({"window": 0}, "window=0"), ({"window": 2, "units": 0}, "units=0")]
)
def test_local_p_needs_positive_sizes(arguments, received):
    with pytest.raises(ValueError, match=f"to be positive. Received: {received}"):
        PredictiveLocalAttention(general(), **arguments)


def test_the_normaliser_works_inside_the_window():
    inputs = arrays()
    for kind in (LocalAttention, PredictiveLocalAttention):
        layer = built(kind(general(), 2, normalizer="sparsemax"), inputs)
        _, weights = layer(*inputs, return_attention_scores=True)
        inside = to_numpy(weights) > 0
        assert inside.any(axis=-1).all()
        assert inside.sum() < BATCH * QUERY * 4  # softmax leaves none of 3, 4 and 5 positions out

"""Location-sensitive attention against the paper's equations, in NumPy, position by position."""

import numpy as np
import pytest
from keras import ops
from layer_checks import BATCH, KEY, VALUE_DIM, assert_close, key_mask, to_numpy

from keras_attention.layers.alignment.location_sensitive_attention import LocationSensitiveAttention

QUERY, QUERY_DIM, KEY_DIM, UNITS, FILTERS = 7, 11, 17, 19, 23


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


ARRAYS = (
    random(BATCH, QUERY, QUERY_DIM, seed=103),
    random(BATCH, KEY, VALUE_DIM, seed=107),
    random(BATCH, KEY, KEY_DIM, seed=109),
)


def built(**options):
    """The layer with random weights, the bias too, and the weights by name, in float64."""
    layer = LocationSensitiveAttention(UNITS, FILTERS, **options)
    layer.build(*(array.shape for array in ARRAYS))
    for number, weight in enumerate(layer.weights):
        weight.assign(0.5 * random(*weight.shape, seed=113 + number))
    names = (weight.name for weight in layer.weights)
    arrays = (array.astype("float64") for array in layer.get_weights())
    return layer, dict(zip(names, arrays, strict=True))


def reference(weights, kernel_size, cumulative, mask):
    """Equations 8 and 9 of Chorowski et al., 2015, and the softmax of equation 5."""
    query, value, key = (array.astype("float64") for array in ARRAYS)
    left = (kernel_size - 1) // 2  # keys that a filter sees before its own place
    alignments = np.zeros((BATCH, QUERY, KEY))
    for batch in range(BATCH):
        seen = np.zeros(KEY)
        for i in range(QUERY):
            if not mask[batch, i].any():
                continue  # passed over
            scores = np.full(KEY, -np.inf)
            for j in np.flatnonzero(mask[batch, i]):
                features = np.zeros(FILTERS)
                for tap in range(kernel_size):
                    place = j + tap - left
                    if 0 <= place < KEY:
                        features += weights["filter_kernel"][tap, 0] * seen[place]
                hidden = (
                    query[batch, i] @ weights["query_kernel"]
                    + key[batch, j] @ weights["key_kernel"]
                    + features @ weights["location_kernel"]
                    + weights["bias"]
                )
                scores[j] = weights["v"] @ np.tanh(hidden)
            exponentials = np.exp(scores - scores.max())
            alignments[batch, i] = exponentials / exponentials.sum()
            seen = alignments[batch, i] + (seen if cumulative else 0.0)
    return np.einsum("bqk,bkd->bqd", alignments, value), alignments


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 31])
@pytest.mark.parametrize("cumulative", [False, True])
def test_the_equations(cumulative, kernel_size):
    layer, weights = built(kernel_size=kernel_size, cumulative=cumulative)
    masks = {
        "query_mask": np.arange(QUERY) != np.array([[2], [4]]),
        "value_mask": key_mask(),
        "attention_mask": np.random.default_rng(127).random((BATCH, QUERY, KEY)) < 0.7,
    }
    every = masks["query_mask"][..., None] & masks["value_mask"][:, None] & masks["attention_mask"]
    outputs = layer(*ARRAYS, **masks, return_attention_scores=True)
    assert_close(outputs, reference(weights, kernel_size, cumulative, every))
    outputs = layer(*ARRAYS, return_attention_scores=True)
    assert_close(outputs, reference(weights, kernel_size, cumulative, np.ones_like(every)))


def test_the_first_position_sees_no_location():
    """Before it, all weights are zero: the filters do not matter."""
    layer, _ = built()
    first = layer(*ARRAYS)[:, 0]
    layer.filter_kernel.assign(7.0 * layer.filter_kernel)
    changed = to_numpy(layer(*ARRAYS))
    assert_close(changed[:, 0], first)
    assert np.abs(changed[:, 1:] - to_numpy(layer(ARRAYS[0][:, 1:], *ARRAYS[1:]))).max() > 1e-3


def test_the_filters_see_what_dropout_took():
    layer, _ = built(dropout=0.5, seed=37)
    memory = layer.project_memory(*map(ops.convert_to_tensor, ARRAYS[1:]))
    here = ops.convert_to_tensor(ARRAYS[0][:, :1])
    _, weights, state = layer.step(here, memory)
    _, dropped, after = layer.step(here, memory, training=True)
    assert (to_numpy(dropped) != to_numpy(weights)).any()
    assert_close(after, state)


def test_smoothing_is_a_normalizer():
    """Section 2.3 of the paper: sigmoids, divided by their sum."""

    def smooth(scores, mask=None):
        gates = ops.sigmoid(scores)
        gates = gates if mask is None else ops.where(mask, gates, 0.0)
        return gates / (ops.sum(gates, axis=-1, keepdims=True) + 1e-9)

    _, weights = built(normalizer=smooth)[0](*ARRAYS, return_attention_scores=True)
    assert_close(ops.sum(weights, axis=-1), np.ones((BATCH, QUERY)))
    _, sharp = built()[0](*ARRAYS, return_attention_scores=True)
    assert (to_numpy(weights).max(axis=-1) < to_numpy(sharp).max(axis=-1)).all()


def test_scores_start_neither_flat_nor_saturated():
    """Inputs of unit variance spread the scores; where the attention was counts for less."""
    query, memory = random(3, 2, 128, seed=137), random(3, 37, 128, seed=139)
    layer = LocationSensitiveAttention(256)
    layer.build(query.shape, memory.shape)
    _, weights = layer(query, memory, return_attention_scores=True)
    spread = np.log(to_numpy(weights)[:, 0]).std(axis=-1)
    assert (spread > 0.2).all()
    assert (spread < 1.2).all()
    alone = layer(query[:, 1:], memory, return_attention_scores=True)[1]
    shift = np.log(to_numpy(weights)[:, 1]) - np.log(to_numpy(alone)[:, 0])
    assert shift.std() < spread.mean()


@pytest.mark.parametrize("name", ["units", "filters", "kernel_size"])
def test_sizes_must_be_positive(name):
    sizes = {"units": 2, "filters": 3, "kernel_size": 5, name: 0}
    with pytest.raises(ValueError, match=f"`{name}` to be positive. Received: {name}=0"):
        LocationSensitiveAttention(**sizes)

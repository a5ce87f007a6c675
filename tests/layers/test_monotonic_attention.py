"""Monotonic attention and MoChA against the papers' algorithms, in NumPy, walk by walk."""

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import BATCH, VALUE_DIM, assert_close, gradients, to_numpy

from keras_attention import layers
from keras_attention.layers.alignment.location_sensitive_attention import LocationSensitiveAttention
from keras_attention.layers.alignment.monotonic_attention import MonotonicAttention
from keras_attention.layers.alignment.monotonic_chunkwise_attention import (
    MonotonicChunkwiseAttention,
)

QUERY, KEY, QUERY_DIM, KEY_DIM, UNITS = 7, 19, 11, 17, 23


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


ARRAYS = (
    random(BATCH, QUERY, QUERY_DIM, seed=103),
    random(BATCH, KEY, VALUE_DIM, seed=107),
    random(BATCH, KEY, KEY_DIM, seed=109),
)
MASKS = {
    "query_mask": np.arange(QUERY) != np.array([[2], [4]]),
    "value_mask": np.arange(KEY) < np.array([[KEY], [KEY - 3]]),
    "attention_mask": np.random.default_rng(127).random((BATCH, QUERY, KEY)) < 0.8,
}
NO_MASK = np.ones((BATCH, QUERY, KEY), bool)
EVERY_MASK = MASKS["query_mask"][..., None] & MASKS["value_mask"][:, None] & MASKS["attention_mask"]


def bahdanau(**options):
    return layers.BahdanauAttention(UNITS, normalize=True, **options)


def built(layer):
    """The layer with random weights that let the walk go a good part of the way."""
    layer.build(*(array.shape for array in ARRAYS))
    for number, weight in enumerate(layer.trainable_weights):
        weight.assign(0.4 * random(*weight.shape, seed=200 + number))
    layer.attention.g.assign(8.0)
    layer.offset.assign(-2.0)
    return layer


def monotonic(**options):
    return built(MonotonicAttention(bahdanau(dtype=options.get("dtype")), **options))


def chunkwise(chunk_size=3, **options):
    inner = bahdanau(dtype=options.get("dtype"))
    return built(MonotonicChunkwiseAttention(inner, chunk_size, **options))


every_layer = pytest.mark.parametrize("make", [monotonic, chunkwise])


def energies_of(attention):
    """Equation 16 of Raffel et al., 2017, without `r`, pair by pair."""
    query, _, key = (array.astype("float64") for array in ARRAYS)
    w, u, v, g, b = (
        to_numpy(getattr(attention, name)).astype("float64")
        for name in ("query_kernel", "key_kernel", "v", "g", "bias")
    )
    energies = np.zeros((BATCH, QUERY, KEY))
    for batch, i, j in np.ndindex(*energies.shape):
        hidden = np.tanh(query[batch, i] @ w + key[batch, j] @ u + b)
        energies[batch, i, j] = g * (v / np.sqrt(v @ v)) @ hidden
    return energies


def probabilities_of(layer):
    return 1.0 / (1.0 + np.exp(-energies_of(layer.attention) - float(layer.offset)))


def soft_walk(probability, mask):
    """Equations 13 and 14: `q_ij = (1 - p_{i,j-1}) q_{i,j-1} + alpha_{i-1,j}`."""
    alignments = np.zeros(mask.shape)
    for batch in range(BATCH):
        previous = np.eye(KEY)[0]
        for i in range(QUERY):
            if not mask[batch, i].any():
                continue  # passed over
            q = passed = 0.0
            for j in range(KEY):
                p = probability[batch, i, j] if mask[batch, i, j] else 0.0
                q = passed * q + previous[j]
                alignments[batch, i, j] = p * q
                passed = 1.0 - p
            previous = alignments[batch, i]
    return alignments


def hard_walk(probability, mask):
    """Section 2.2, with the likelier choice for the random one: the key of each query, or None."""
    stops = np.full((BATCH, QUERY), None)
    for batch in range(BATCH):
        place = 0
        for i in range(QUERY):
            if not mask[batch, i].any() or place is None:
                continue
            places = range(place, KEY)
            found = [j for j in places if mask[batch, i, j] and probability[batch, i, j] >= 0.5]
            stops[batch, i] = place = found[0] if found else None
    return stops


def one_hot(stops):
    alignments = np.zeros((*stops.shape, KEY))
    for batch, i in np.ndindex(*stops.shape):
        if stops[batch, i] is not None:
            alignments[batch, i, stops[batch, i]] = 1.0
    return alignments


def softmax_of_chunk(energies, end, chunk_size, mask):
    """The weights of the chunk that ends at `end`."""
    weights = np.zeros(KEY)
    chunk = [j for j in range(max(0, end - chunk_size + 1), end + 1) if mask[j]]
    exponentials = np.exp(energies[chunk] - energies[chunk].max())
    weights[chunk] = exponentials / exponentials.sum()
    return weights


def chunks_of(alignments, energies, chunk_size, mask):
    """Section 2.3 of Chiu and Raffel, 2018: each alignment times the softmax of its chunk."""
    weights = np.zeros(alignments.shape)
    for batch, i, end in np.ndindex(*alignments.shape):
        if alignments[batch, i, end] > 0:
            weights[batch, i] += alignments[batch, i, end] * softmax_of_chunk(
                energies[batch, i], end, chunk_size, mask[batch, i]
            )
    return weights


def assert_weights(outputs, expected):
    value = ARRAYS[1].astype("float64")
    assert_close(outputs, (np.einsum("bqk,bkd->bqd", expected, value), expected))


@pytest.mark.parametrize(("masks", "mask"), [({}, NO_MASK), (MASKS, EVERY_MASK)])
def test_the_soft_walk(masks, mask):
    layer = monotonic()
    expected = soft_walk(probabilities_of(layer), mask)
    outputs = layer(*ARRAYS, **masks, return_attention_scores=True, training=True)
    assert_weights(outputs, expected)


@pytest.mark.parametrize(("masks", "mask"), [({}, NO_MASK), (MASKS, EVERY_MASK)])
@pytest.mark.parametrize("training", [None, False])
def test_the_hard_walk(masks, mask, training):
    layer = monotonic()
    stops = hard_walk(probabilities_of(layer), mask)
    reached = [stop for stop in stops.ravel() if stop is not None]
    assert len(set(reached)) > 3  # the walk goes somewhere
    outputs = layer(*ARRAYS, **masks, return_attention_scores=True, training=training)
    assert_weights(outputs, one_hot(stops))


@pytest.mark.default_cases(1)
@pytest.mark.parametrize(("masks", "mask"), [({}, NO_MASK), (MASKS, EVERY_MASK)])
@pytest.mark.parametrize("chunk_size", [1, 2, 5, KEY + 4])
def test_soft_chunks(masks, mask, chunk_size):
    layer = chunkwise(chunk_size)
    alignments = soft_walk(probabilities_of(layer), mask)
    expected = chunks_of(alignments, energies_of(layer.chunk_attention), chunk_size, mask)
    outputs = layer(*ARRAYS, **masks, return_attention_scores=True, training=True)
    assert_weights(outputs, expected)


@pytest.mark.parametrize(("masks", "mask"), [({}, NO_MASK), (MASKS, EVERY_MASK)])
@pytest.mark.parametrize("chunk_size", [1, 2, 5, KEY + 4])
def test_hard_chunks(masks, mask, chunk_size):
    """Algorithm 1 of Chiu and Raffel, 2018."""
    layer = chunkwise(chunk_size)
    energies = energies_of(layer.chunk_attention)
    expected = np.zeros((BATCH, QUERY, KEY))
    for (batch, i), stop in np.ndenumerate(hard_walk(probabilities_of(layer), mask)):
        if stop is not None:
            chunk = softmax_of_chunk(energies[batch, i], stop, chunk_size, mask[batch, i])
            expected[batch, i] = chunk
    outputs = layer(*ARRAYS, **masks, return_attention_scores=True)
    assert_weights(outputs, expected)


def test_a_walk_that_finds_no_key_is_over():
    layer = monotonic()
    layer.offset.assign(-50.0)
    context, weights = layer(*ARRAYS, return_attention_scores=True)
    assert_close((context, weights), (np.zeros(context.shape), np.zeros(weights.shape)), 0.0)
    memory = layer.project_memory(*map(ops.convert_to_tensor, ARRAYS[1:]))
    _, _, state = layer.step(ARRAYS[0][:, :1], memory)
    layer.offset.assign(50.0)
    _, weights, _ = layer.step(ARRAYS[0][:, 1:2], memory, state=state)
    assert_close(weights, np.zeros((BATCH, 1, KEY)), 0.0)


@every_layer
def test_soft_and_hard_agree_where_all_is_decided(make):
    layer = make()
    layer.attention.g.assign(1e5)
    hard = layer(*ARRAYS, return_attention_scores=True)
    assert_close(layer(*ARRAYS, return_attention_scores=True, training=True), hard)


@every_layer
@pytest.mark.parametrize("training", [False, True])
def test_scores_beyond_half_precision(make, training):
    """The energies overflow in float16, the probabilities are 0 and 1, and nothing is lost."""
    inner = layers.LuongAttention("general")
    chunk = (3,) if make is chunkwise else ()
    layer = (MonotonicChunkwiseAttention if chunk else MonotonicAttention)(
        inner, *chunk, initial_offset=0.0, dtype="mixed_float16"
    )
    query, value, key = (60 * array for array in ARRAYS)
    context, weights = layer(query, value, key, return_attention_scores=True, training=training)
    assert np.isfinite(to_numpy(context)).all()
    sums = to_numpy(ops.sum(ops.cast(weights, "float32"), axis=-1))
    assert (np.minimum(np.abs(sums), np.abs(sums - 1.0)) < 2e-3).all()
    assert (sums > 0.5).any()


@every_layer
def test_the_soft_walk_has_a_gradient_and_the_hard_one_has_none(make):
    layer = make()
    direction = random(BATCH, QUERY, VALUE_DIM, seed=131)

    def loss(training):
        return lambda *arrays: ops.sum(ops.multiply(layer(*arrays, training=training), direction))

    soft_query, soft_value, soft_key = gradients(loss(True), *ARRAYS)
    for soft in (soft_query, soft_value, soft_key):
        assert np.isfinite(soft).all()
        assert (soft != 0).any(axis=-1).all()
    _, hard_value, _ = gradients(loss(False), *ARRAYS)
    weights = to_numpy(layer(*ARRAYS, return_attention_scores=True)[1])
    assert_close(hard_value, np.einsum("bqk,bqd->bkd", weights, direction))
    if make is monotonic:  # energies within a chunk have one
        hard_query, _, hard_key = gradients(loss(False), *ARRAYS)
        assert (hard_query == 0).all()
        assert (hard_key == 0).all()


@every_layer
def test_the_slope_of_the_soft_walk(make):
    """Finite differences in float64, every mask in place."""
    if keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless the whole process asks for it")
    layer = make(dtype="float64")
    arrays = [array.astype("float64") for array in ARRAYS]
    direction = random(BATCH, QUERY, VALUE_DIM, seed=131).astype("float64")

    def loss(*inputs):
        return ops.sum(ops.multiply(layer(*inputs, **MASKS, training=True), direction))

    step, generator = 1e-6, np.random.default_rng(137)
    for index, result in enumerate(gradients(loss, *arrays)):
        along = generator.normal(size=result.shape)
        ahead, behind = list(arrays), list(arrays)
        ahead[index], behind[index] = arrays[index] + step * along, arrays[index] - step * along
        slope = (to_numpy(loss(*ahead)) - to_numpy(loss(*behind))) / (2 * step)
        np.testing.assert_allclose((result * along).sum(), slope, rtol=1e-5, atol=1e-7)


@every_layer
def test_noise_only_in_training_and_repeatable(make):
    calm = make()
    layer = make(noise=1.0, seed=31)
    assert_close(layer(*ARRAYS), calm(*ARRAYS), 0.0)
    first, second = (to_numpy(layer(*ARRAYS, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    assert_close(make(noise=1.0, seed=31)(*ARRAYS, training=True), first)


def test_the_noise_is_of_the_given_size():
    """The energies of flat scores, read off the probabilities, are the noise and `r`."""
    layer = MonotonicAttention(layers.DotProductAttention(), noise=3.0, initial_offset=2.0, seed=37)
    query, memory = np.zeros((2, 59, 3), "float32"), np.zeros((2, 61, 3), "float32")
    layer.build(query.shape, memory.shape)
    mask = ops.ones((2, 59, 61), "bool")
    p = to_numpy(layer.prepare(query, {"key": memory}, mask, training=True)).astype("float64")
    energies = np.log(p / (1.0 - p))
    np.testing.assert_allclose(energies.mean(), 2.0, atol=0.15)
    np.testing.assert_allclose(energies.std(), 3.0, atol=0.15)


def test_evaluation_is_hard_and_fit_is_soft():
    """The loss of `evaluate`, and so the validation loss of `fit`, is that of the hard walk."""
    layer = monotonic()
    inputs = [keras.Input(array.shape[1:]) for array in ARRAYS]
    model = keras.Model(inputs, layer(*inputs))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    target = random(BATCH, QUERY, VALUE_DIM, seed=139)
    for training, loss in (
        (True, model.fit(list(ARRAYS), target, verbose=0).history["loss"][0]),
        (False, model.evaluate(list(ARRAYS), target, verbose=0)),
    ):
        context = to_numpy(layer(*ARRAYS, training=training))
        np.testing.assert_allclose(loss, np.mean((context - target) ** 2), rtol=1e-5)


def test_the_offset_starts_where_it_is_told_and_is_learned():
    layer = MonotonicAttention(bahdanau(), initial_offset=-3.0)
    layer.build(*(array.shape for array in ARRAYS))
    assert float(layer.offset) == -3.0
    assert any(weight is layer.offset for weight in layer.trainable_weights)
    assert float(MonotonicAttention(bahdanau()).initial_offset) == -4.0


def test_chunks_of_one_key_are_the_monotonic_attention():
    one, other = chunkwise(1), monotonic()
    for training in (False, True):
        expected = other(*ARRAYS, return_attention_scores=True, training=training)
        assert_close(one(*ARRAYS, return_attention_scores=True, training=training), expected)


def test_chunk_energies_have_weights_of_their_own():
    inner = bahdanau(name="inner")
    layer = MonotonicChunkwiseAttention(inner, 3)
    layer(*ARRAYS)
    assert layer.chunk_attention.get_config() == {**inner.get_config(), "name": "inner_chunk"}
    assert len(layer.trainable_weights) == 2 * 5 + 1
    assert (to_numpy(inner.key_kernel) != to_numpy(layer.chunk_attention.key_kernel)).any()
    assert len({weight.path for weight in layer.weights}) == len(layer.weights)


@pytest.mark.parametrize("inner", ["dot", "general", "concat"])
def test_any_score_gives_the_energies(inner):
    query = random(BATCH, QUERY, KEY_DIM, seed=149)
    layer = MonotonicAttention(layers.LuongAttention(inner), initial_offset=0.0)
    context, weights = layer(query, *ARRAYS[1:], return_attention_scores=True)
    assert_close(context, np.einsum("bqk,bkd->bqd", to_numpy(weights), ARRAYS[1]))
    assert (to_numpy(weights) == 1).any()


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (lambda: "bahdanau", "an attention layer. Received: attention='bahdanau'"),
        (lambda: LocationSensitiveAttention(3), "by its score alone.* its own attend, start, step"),
        (lambda: MonotonicAttention(bahdanau()), "by its score alone.* its own attend"),
        (lambda: bahdanau(dropout=0.5), "to the outer layer. Received: .*attention.dropout=0.5"),
    ],
)
@pytest.mark.parametrize(
    "make", [MonotonicAttention, lambda inner: MonotonicChunkwiseAttention(inner, 2)]
)
def test_the_inner_attention_is_a_score_alone(make, inner, message):
    with pytest.raises(ValueError, match=f"Expected `attention` to .*{message}"):
        make(inner())


def test_noise_must_not_be_negative():
    with pytest.raises(ValueError, match="not to be negative. Received: noise=-1.0"):
        MonotonicAttention(bahdanau(), noise=-1.0)


def test_the_chunk_size_must_be_positive():
    with pytest.raises(ValueError, match="to be positive. Received: chunk_size=0"):
        MonotonicChunkwiseAttention(bahdanau(), 0)

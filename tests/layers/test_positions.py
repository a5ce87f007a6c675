"""Each kind of position against its paper's formula, in NumPy, pair by pair."""

import keras
import numpy as np
import pytest
from cases_positions import DISTANCE, KINDS, VALUE_DIM, built, random, sinusoid
from keras import ops
from layer_checks import assert_close, to_numpy

from keras_attention.layers import AdaptiveSpanPosition, positions
from keras_attention.layers.multi_head.multi_head_attention import MultiHeadAttention
from keras_attention.layers.multi_head.segment_memory import SegmentMemory
from keras_attention.ops.positions import count_from

BATCH, QUERY, KEY, DIM, HEADS, KEY_DIM = 2, 5, 7, 11, 3, 10


def projections(layer, query, memory):
    """Queries without their bias, that bias, keys and values, in NumPy, with the heads second."""

    def heads(x, name):
        x = x.astype("float64") @ to_numpy(getattr(layer, f"{name}_kernel"))
        return x.reshape(*x.shape[:2], HEADS, -1).swapaxes(1, 2)

    def bias(name):
        return to_numpy(getattr(layer, f"{name}_bias")).reshape(HEADS, 1, -1)

    key, value = heads(memory, "key") + bias("key"), heads(memory, "value") + bias("value")
    return heads(query, "query"), bias("query"), key, value


def check_against(layer, pair_score, first_query=0, pair_value=None):
    """Weights are the softmax of `pair_score(head, q, k, i, j) / sqrt(key_dim)`.

    Queries stand at `first_query` and later, keys at 0 and later; `pair_value` is what is added to
    the value of a pair.
    """
    x, memory = random(BATCH, QUERY, DIM, seed=3), random(BATCH, KEY, DIM, seed=5)
    query, query_bias, key, value = projections(layer, x, memory)
    query = query + query_bias
    scores = np.zeros((BATCH, HEADS, QUERY, KEY))
    for batch, head, i, j in np.ndindex(*scores.shape):
        pair = query[batch, head, i], key[batch, head, j], first_query + i, j
        scores[batch, head, i, j] = pair_score(head, *pair) / np.sqrt(KEY_DIM)
    weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    context = np.zeros((BATCH, HEADS, QUERY, VALUE_DIM))
    for batch, head, i, j in np.ndindex(*scores.shape):
        added = 0.0 if pair_value is None else pair_value(first_query + i, j)
        context[batch, head, i] += weights[batch, head, i, j] * (value[batch, head, j] + added)
    joined = context.swapaxes(1, 2).reshape(BATCH, QUERY, -1)
    expected = joined @ to_numpy(layer.output_kernel) + to_numpy(layer.output_bias)
    found = layer.attend(
        ops.convert_to_tensor(x),
        layer.project_memory(ops.convert_to_tensor(memory)),
        query_positions=count_from(first_query, QUERY),
    )
    assert_close(found, (expected, weights), atol=2e-5)


def rotation(position, frequencies):
    """Su et al., 2021, equation 15, with the columns in our order: halves instead of neighbours."""
    half = len(frequencies)
    matrix = np.zeros((2 * half, 2 * half))
    for i, frequency in enumerate(frequencies):
        cosine, sine = np.cos(position * frequency), np.sin(position * frequency)
        matrix[i, i] = matrix[half + i, half + i] = cosine
        matrix[i, half + i], matrix[half + i, i] = -sine, sine
    return matrix


def rotary_frequencies(base, dim=KEY_DIM):
    return np.array([base ** (-2 * i / dim) for i in range(dim // 2)])


def check_rotary(position, frequencies, temperature=1.0, first_query=0):
    def score(head, q, k, i, j):
        return (rotation(i, frequencies) @ q) @ (rotation(j, frequencies) @ k) / temperature

    check_against(built(position), score, first_query)


@pytest.mark.parametrize("first_query", [0, 19])
def test_rotary(first_query):
    frequencies = rotary_frequencies(1000.0)
    check_rotary(positions.RotaryPosition(base=1000.0), frequencies, first_query=first_query)


def test_rotary_depends_on_the_distance_alone():
    position = positions.RotaryPosition()
    query, key = random(1, 1, 1, KEY_DIM, seed=7), random(1, 1, 1, KEY_DIM, seed=9)
    products = []
    for start in (0, 3, 101):
        at = np.array([start], "int32")
        q, k = position.rotate(query, at + 5), position.rotate(key, at)
        products.append(to_numpy(q)[0, 0, 0] @ to_numpy(k)[0, 0, 0])
    np.testing.assert_allclose(products, products[0], atol=1e-4)


def test_linear_scaling():
    """Chen et al., 2023, equation 4: the positions are divided."""
    scaling = positions.LinearScaling(4.0)
    check_rotary(positions.RotaryPosition(scaling=scaling), rotary_frequencies(10000.0) / 4.0)


def test_ntk_scaling():
    """Peng et al., 2023, definition 1: the base grows."""
    base = 10000.0 * 4.0 ** (KEY_DIM / (KEY_DIM - 2))
    frequencies = rotary_frequencies(base)
    scaling = positions.NTKScaling(4.0)
    check_rotary(positions.RotaryPosition(scaling=scaling), frequencies)
    plain = rotary_frequencies(10000.0)
    np.testing.assert_allclose(frequencies[0], plain[0])
    np.testing.assert_allclose(frequencies[-1], plain[-1] / 4.0)


def test_yarn_scaling_of_the_paper():
    """Peng et al., 2023, definition 2, and the temperature of section 3.4."""
    factor, length, alpha, beta = 4.0, 67, 2.0, 5.0
    frequencies, ramps = [], []
    for frequency in rotary_frequencies(100.0):
        turns = length / (2 * np.pi / frequency)  # the length over the wave length
        if turns < alpha:
            ramp = 0.0
        elif turns > beta:
            ramp = 1.0
        else:
            ramp = (turns - alpha) / (beta - alpha)
        frequencies.append((1 - ramp) * frequency / factor + ramp * frequency)
        ramps.append(ramp)
    assert {0.0, 1.0} < set(ramps)  # slow, fast and in between
    root = 0.1 * np.log(factor) + 1.0
    limits = {"original_length": length, "slow": alpha, "fast": beta}
    scaling = positions.YaRNScaling(factor, ramp="turns", **limits)
    position = positions.RotaryPosition(base=100.0, scaling=scaling)
    check_rotary(position, frequencies, temperature=root**-2)


@pytest.mark.parametrize(
    ("dim", "base", "length", "slow", "fast", "ends"),
    [
        (128, 1e4, 4096, 1, 32, (20, 46)),  # the limits of Llama 2 with YaRN
        (12, 100.0, 67, 2, 5, None),
        (8, 1e4, 3, 1, 32, None),  # no pair turns around as often as that
        (6, 1e4, 10**9, 1, 32, None),  # every pair does
    ],
)
def test_yarn_scaling_of_released_models(dim, base, length, slow, fast, ends):
    """The ramp of the authors' code: linear in the pair's number between floor and ceiling."""
    factor = 4.0

    def pair_that_turns(times):
        # Pair i turns length * base ** (-2 i / dim) / (2 pi) times: solved for i.
        return dim / 2 * np.log(length / (2 * np.pi * times)) / np.log(base)

    low = max(int(np.floor(pair_that_turns(fast))), 0)
    high = min(int(np.ceil(pair_that_turns(slow))), dim - 1)
    assert ends in (None, (low, high))
    expected = []
    for pair in range(dim // 2):
        frequency = base ** (-2 * pair / dim)
        if high == low:
            interpolated = float(pair > low)
        else:
            interpolated = min(max((pair - low) / (high - low), 0.0), 1.0)
        expected.append(frequency * (interpolated / factor + 1 - interpolated))
    limits = {"original_length": length, "slow": slow, "fast": fast}
    scaling = positions.YaRNScaling(factor, **limits)
    np.testing.assert_allclose(scaling.frequencies(dim, base), expected, rtol=1e-12)


def test_yarn_scaling_of_an_old_configuration():
    scaling = positions.YaRNScaling(4.0, original_length=512)
    assert scaling.ramp == "pairs" and scaling.get_config()["ramp"] == "pairs"
    config = scaling.get_config()
    del config["ramp"]  # a model that was saved before there was a choice keeps its outputs
    old = positions.YaRNScaling.from_config(config)
    assert old == positions.YaRNScaling(4.0, original_length=512, ramp="turns")
    assert (old.frequencies(8, 1e4) != scaling.frequencies(8, 1e4)).any()


@pytest.mark.parametrize(
    "scaling",
    [
        positions.LinearScaling(1.0),
        positions.NTKScaling(1.0),
        positions.YaRNScaling(1.0, original_length=67),
    ],
    ids=lambda scaling: type(scaling).__name__,
)
def test_a_factor_of_one_scales_nothing(scaling):
    plain = positions.RotaryScaling()
    np.testing.assert_allclose(scaling.frequencies(12, 100.0), plain.frequencies(12, 100.0))
    assert scaling.magnitude == plain.magnitude == 1.0


@pytest.mark.parametrize(
    "scaling",
    [
        None,
        positions.LinearScaling(2.0),
        positions.NTKScaling(3.0),
        positions.YaRNScaling(5.0, original_length=67, slow=2.0, fast=29.0),
    ],
    ids=lambda scaling: type(scaling).__name__,
)
def test_rotary_config(scaling):
    position = positions.RotaryPosition(base=23.0, scaling=scaling)
    config = keras.saving.serialize_keras_object(position)
    again = keras.saving.deserialize_keras_object(config)
    assert again.scaling == scaling
    assert again.base == 23.0
    assert keras.saving.serialize_keras_object(position) == config


@pytest.mark.parametrize("first_query", [0, 3, 19])
def test_alibi(first_query):
    """Three heads: the slopes of two, and the first of four."""
    slopes = [2**-4, 2**-8, 2**-2]

    def score(head, q, k, i, j):
        return q @ k - np.sqrt(KEY_DIM) * slopes[head] * abs(i - j)

    check_against(built(positions.ALiBiPosition()), score, first_query)


def bucket(relative, num_buckets, max_distance, bidirectional):
    """Raffel et al., 2020, section 2.1, as its code defines it."""
    first = 0
    if bidirectional:
        num_buckets //= 2
        first = num_buckets if relative > 0 else 0
        distance = abs(relative)
    else:
        distance = max(-relative, 0)
    exact = num_buckets // 2
    if distance < exact:
        return first + distance
    share = np.log(distance / exact) / np.log(max_distance / exact)
    return first + min(exact + int(share * (num_buckets - exact)), num_buckets - 1)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("first_query", [0, 3, 19])
def test_t5(first_query, bidirectional):
    layer = built(positions.T5Position(8, 5, bidirectional))
    table = to_numpy(layer.position.table)
    assert table.shape == (8, HEADS)

    def score(head, q, k, i, j):
        return q @ k + np.sqrt(KEY_DIM) * table[bucket(j - i, 8, 5, bidirectional), head]

    check_against(layer, score, first_query)


@pytest.mark.parametrize("relative_values", [True, False])
@pytest.mark.parametrize("first_query", [0, 3, 19])
def test_shaw(first_query, relative_values):
    position = positions.ShawPosition(DISTANCE, relative_values)
    layer = built(position)
    assert position.needs_weights == relative_values
    keys = to_numpy(position.key_vectors)
    assert keys.shape == (2 * DISTANCE + 1, KEY_DIM)

    def clipped(i, j):
        return max(-DISTANCE, min(DISTANCE, j - i)) + DISTANCE

    def score(head, q, k, i, j):
        return q @ (k + keys[clipped(i, j)])

    def value(i, j):
        return to_numpy(position.value_vectors)[clipped(i, j)]

    check_against(layer, score, first_query, value if relative_values else None)


def test_shaw_has_vectors_of_the_size_of_the_values():
    """Without being told it; beside spans too."""
    x = random(BATCH, QUERY, DIM, seed=3)
    for position in (
        positions.ShawPosition(DISTANCE),
        AdaptiveSpanPosition(3, position=positions.ShawPosition(DISTANCE)),
    ):
        layer = MultiHeadAttention(HEADS, KEY_DIM, VALUE_DIM, position=position)
        layer(x, x)
        shaw = getattr(position, "position", position)
        assert tuple(shaw.value_vectors.shape) == (2 * DISTANCE + 1, VALUE_DIM)
        assert "value_dim" not in shaw.get_config()


@pytest.mark.parametrize("size", [16, 17])
@pytest.mark.parametrize("first_query", [0, 3, 19])
def test_transformer_xl(first_query, size):
    """The four terms of Dai et al., 2019, section 3.3."""
    layer = built(positions.TransformerXLPosition(dim=size))
    u = to_numpy(layer.query_bias).reshape(HEADS, KEY_DIM)
    v = u + to_numpy(layer.position.position_bias)
    kernel = to_numpy(layer.position.kernel).reshape(size, HEADS, KEY_DIM)

    def score(head, q, k, i, j):
        q = q - u[head]  # the query's projection without its bias, as in the paper
        r = kernel[:, head].T @ sinusoid(i - j, size)
        return q @ k + q @ r + u[head] @ k + v[head] @ r

    check_against(layer, score, first_query)


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def kind(request):
    return request.param


def test_given_positions_of_transformer_xl_with_an_even_number_of_sinusoids():
    position = built(positions.TransformerXLPosition(dim=16)).position
    query = random(BATCH, HEADS, QUERY, KEY_DIM, seed=13)
    counted = count_from(4, QUERY), count_from(1, KEY)
    given = [ops.expand_dims(one, axis=0) for one in counted]
    assert_close(position.bias(query, *given), position.bias(query, *counted))


def test_given_positions_equal_counted_ones(kind):
    """Of shape `(batch, length)`, the same distances as of shape `(length,)`."""
    layer = built(kind())
    query = layer.project_query(random(BATCH, QUERY, DIM, seed=3))
    weights = random(BATCH, HEADS, QUERY, KEY, seed=11)
    counted = count_from(4, QUERY), count_from(1, KEY)
    starts = np.array([4, 9], "int32"), np.array([1, 6], "int32")
    given = count_from(starts[0], QUERY), count_from(starts[1], KEY)
    position = layer.position
    bias = position.bias(query, *counted)
    if bias is None:
        assert position.bias(query, *given) is None
    else:
        full = np.broadcast_to(to_numpy(bias), (BATCH, HEADS, QUERY, KEY))
        some = count_from(np.array([4, 4], "int32"), QUERY), count_from(np.array([1], "int32"), KEY)
        for pair in (given, (some[0], counted[1]), (counted[0], some[1])):
            found = to_numpy(position.bias(query, *pair))
            assert_close(np.broadcast_to(found, full.shape), full)
    if position.needs_weights:
        weights = ops.convert_to_tensor(weights)
        assert_close(position.values(weights, *given), position.values(weights, *counted))


@pytest.mark.parametrize("name", ["alibi", "t5", "shaw", "shaw_keys_only", "transformer_xl"])
def test_positions_with_gaps(name):
    """Any positions may be given for a row: the pairs of a longer sequence are picked out."""
    layer = built(KINDS[name]())
    position = layer.position
    query = layer.project_query(random(BATCH, QUERY, DIM, seed=3))
    chosen = np.array([[0, 2, 3, 6], [1, 2, 5, 6]], "int32")
    whole = to_numpy(position.bias(query, count_from(2, QUERY), count_from(0, KEY)))
    whole = np.broadcast_to(whole, (BATCH, HEADS, QUERY, KEY))
    found = to_numpy(position.bias(query, count_from(2, QUERY), ops.convert_to_tensor(chosen)))
    for row in range(BATCH):
        assert_close(found[row], whole[row][..., chosen[row]])


@pytest.mark.parametrize("name", ["alibi", "t5"])
def test_biases_of_distances_alone_have_no_batch(name):
    layer = built(KINDS[name]())
    query = layer.project_query(random(BATCH, QUERY, DIM, seed=3))
    bias = layer.position.bias(query, count_from(0, QUERY), count_from(0, KEY))
    assert tuple(bias.shape) == (1, HEADS, QUERY, KEY)


def test_decoding_with_rows_at_different_positions(kind):
    """Step by step from where each row stands, against the whole sequence at once."""
    layer = built(kind())
    x, memory = random(BATCH, KEY, DIM, seed=3), random(BATCH, KEY, DIM, seed=5)
    whole = layer.attend(ops.convert_to_tensor(x), layer.project_memory(memory))
    state = {"position": ops.convert_to_tensor(np.array([4, 1], "int32"))}
    stands = np.array([4, 1])
    for step in range(3):
        here = x[np.arange(BATCH), stands + step][:, None]
        *found, state = layer.step(here, layer.project_memory(memory), state=state)
        for row in range(BATCH):
            at = stands[row] + step
            context, weights = whole[0][row, at : at + 1], whole[1][row, :, at : at + 1]
            assert_close((found[0][row], found[1][row]), (context, weights))


@pytest.mark.parametrize("dtype, atol", [("float16", 2e-3), ("bfloat16", 2e-2)])
def test_half_precision_far_away(kind, dtype, atol):
    """At position 5000 neighbours still differ: only distances count, and in float32."""
    layer = built(kind())
    position = layer.position
    scale = KEY_DIM**-0.5

    def scores(start, dtype):
        query, key = (ops.cast(random(1, HEADS, n, KEY_DIM, seed=n), dtype) for n in (QUERY, KEY))
        queries, keys = count_from(start + 1, QUERY), count_from(start, KEY)
        bias = position.bias(query, queries, keys)
        query, key = position.rotate(query, queries), position.rotate(key, keys)
        assert keras.backend.standardize_dtype(query.dtype) == dtype
        query, key = (ops.cast(x, "float32") for x in (query, key))
        products = scale * ops.matmul(query, ops.swapaxes(key, -2, -1))
        return products if bias is None else products + ops.cast(bias, "float32")

    near, far = scores(0, "float32"), scores(5000, dtype)
    # The scores are of size 1; the products' own rounding is 10 ** 0.5 half-precision steps.
    assert_close(far, near, atol=4 * atol)


def test_a_causal_mask_with_distances(kind):
    layer = built(kind())
    x = random(BATCH, QUERY, DIM, seed=3)
    whole = layer(x, x, use_causal_mask=True)
    for length in range(1, QUERY + 1):
        start = x[:, :length]
        assert_close(layer(start, start, use_causal_mask=True)[:, -1], whole[:, length - 1])


def test_rotary_turns_pairs():
    with pytest.raises(ValueError, match="even `key_dim`.* Received: key_dim=7"):
        MultiHeadAttention(2, 7, position=positions.RotaryPosition()).build((2, 3, 5), (2, 3, 5))


def test_ntk_needs_two_pairs():
    with pytest.raises(ValueError, match="more than one pair.* Received: dim=2"):
        positions.NTKScaling(2.0).frequencies(2, 10000.0)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: positions.RotaryPosition(base=1), "above 1. Received: base=1"),
        (lambda: positions.SinusoidalPosition(base=0.5), "above 1. Received: base=0.5"),
        (lambda: positions.TransformerXLPosition(base=1), "above 1. Received: base=1"),
        (lambda: positions.TransformerXLPosition(dim=0), "positive. Received: dim=0"),
        (lambda: positions.LinearScaling(0.5), "at least 1. Received: factor=0.5"),
        (
            lambda: positions.YaRNScaling(2.0, original_length=7, ramp="linear"),
            "`ramp` to be one of",
        ),
        (
            lambda: positions.YaRNScaling(2.0, original_length=0),
            "Received: original_length=0, slow=1.0, fast=32.0",
        ),
        (
            lambda: positions.YaRNScaling(2.0, original_length=7, slow=32.0),
            "`slow` below `fast`. Received: original_length=7, slow=32.0, fast=32.0",
        ),
        (lambda: positions.LearnedPosition(0), "positive. Received: max_length=0"),
        (lambda: positions.ShawPosition(0), "positive. Received: max_distance=0"),
        (lambda: positions.T5Position(7), "Received: num_buckets=7, bidirectional=True"),
        (lambda: positions.T5Position(2), "at least 4.* Received: num_buckets=2"),
        (
            lambda: positions.T5Position(1, bidirectional=False),
            "at least 2.* Received: num_buckets=1",
        ),
        (lambda: positions.T5Position(32, 8), "above 8.* Received: max_distance=8"),
        (lambda: SegmentMemory(0), "positive. Received: length=0"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_rotary_equals_keras_hub():
    keras_hub = pytest.importorskip("keras_hub", reason="keras_hub, a peer, is not installed")
    x = random(BATCH, HEADS, QUERY, KEY_DIM, seed=3)
    theirs = keras_hub.layers.RotaryEmbedding(sequence_axis=2, feature_axis=3)
    for start in (0, 17):
        ours = positions.RotaryPosition().rotate(x, count_from(start, QUERY))
        assert_close(ours, theirs(x, start_index=start))

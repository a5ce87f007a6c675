"""The algebra of positions against the papers' formulas, number by number."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.ops import positions, relative_positions

BATCH, HEADS, QUERY, KEY, DIM = 2, 3, 5, 7, 11


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def to_numpy(x):
    return ops.convert_to_numpy(x)


def compiled(function):
    """The function as its own graph, lengths unknown where the backend can."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, reduce_retracing=True)


# Counting


@pytest.mark.parametrize("start", [3, np.int32(3), np.array(3, "int32")])
def test_count_from_one_start(start):
    counted = positions.count_from(start, 4)
    assert to_numpy(counted).tolist() == [3, 4, 5, 6]
    assert keras.backend.standardize_dtype(counted.dtype) == "int32"


def test_count_from_a_start_for_each_row():
    counted = positions.count_from(np.array([3, -2], "int32"), 4)
    assert to_numpy(counted).tolist() == [[3, 4, 5, 6], [-2, -1, 0, 1]]


# Sinusoids


def sinusoid(position, dim, base):
    """Vaswani et al., 2017, section 3.5."""
    vector = np.zeros(dim)
    for i in range((dim + 1) // 2):
        angle = position / base ** (2 * i / dim)
        vector[2 * i] = np.sin(angle)
        if 2 * i + 1 < dim:
            vector[2 * i + 1] = np.cos(angle)
    return vector


@pytest.mark.parametrize("base", [10000.0, 23.0])
@pytest.mark.parametrize("dim", [1, 2, 10, 11])
def test_sinusoids(dim, base):
    where = np.array([[-3, 0, 1], [2, 31, 100]], "int32")
    expected = np.array([[sinusoid(int(p), dim, base) for p in row] for row in where])
    np.testing.assert_allclose(to_numpy(positions.sinusoids(where, dim, base)), expected, atol=2e-5)


def test_sinusoids_far_away():
    expected = sinusoid(5000, DIM, 10000.0)
    # A float32 angle of 5000 is known to a few ten-thousandths.
    np.testing.assert_allclose(
        to_numpy(positions.sinusoids(np.array([5000], "int32"), DIM))[0], expected, atol=5e-4
    )


# Rotation


def rotation_matrix(position, dim, base):
    """Su et al., 2021, equation 15: neighbours turn together."""
    matrix = np.zeros((dim, dim))
    for i in range(dim // 2):
        angle = position * base ** (-2 * i / dim)
        matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [
            [np.cos(angle), -np.sin(angle)],
            [np.sin(angle), np.cos(angle)],
        ]
    return matrix


def evens_first(dim):
    """The order of features that makes neighbours of the paper partners of ours."""
    return np.concatenate([np.arange(0, dim, 2), np.arange(1, dim, 2)])


@pytest.mark.parametrize("rows", [False, True])
def test_rotate_is_the_papers_rotation_with_the_columns_reordered(rows):
    dim = 10
    where = np.array([[-3, 0, 1, 2, 31], [7, 4, 3, 100, 5]] if rows else [7, 4, 3, 31, 5], "int32")
    x = random(BATCH, HEADS, QUERY, dim, seed=1)
    frequencies = positions.sinusoid_frequencies(dim, 1000.0)
    rotated = to_numpy(positions.rotate(x[..., evens_first(dim)], where, frequencies))
    everywhere = np.broadcast_to(where, (BATCH, QUERY))
    expected = np.zeros(x.shape)
    for batch, head, i in np.ndindex(BATCH, HEADS, QUERY):
        matrix = rotation_matrix(int(everywhere[batch, i]), dim, 1000.0)
        expected[batch, head, i] = matrix @ x[batch, head, i]
    np.testing.assert_allclose(rotated, expected[..., evens_first(dim)], atol=2e-5)


def test_rotate_multiplies_by_the_magnitude():
    x = random(BATCH, HEADS, QUERY, 2, seed=2)
    where, one = np.arange(QUERY, dtype="int32"), np.ones(1)
    plain = to_numpy(positions.rotate(x, where, one))
    np.testing.assert_allclose(
        to_numpy(positions.rotate(x, where, one, 1.5)), 1.5 * plain, atol=1e-6
    )


@pytest.mark.parametrize("dtype, atol", [("float16", 4e-3), ("bfloat16", 4e-2)])
def test_angles_of_half_precision_are_not_rounded(dtype, atol):
    """Far beyond the last odd number that these types know."""
    dim, where = 6, np.array([4999, 5000, 5001], "int32")
    frequencies = positions.sinusoid_frequencies(dim)
    x = ops.cast(random(1, 1, 3, dim, seed=3), dtype)
    rotated = positions.rotate(x, where, frequencies)
    assert keras.backend.standardize_dtype(rotated.dtype) == dtype
    exact = to_numpy(ops.cast(x, "float32")).astype("float64")[0, 0]
    expected = np.zeros((3, dim))
    for i, position in enumerate(where):
        paper = np.zeros(dim)
        paper[evens_first(dim)] = exact[i]
        turned = rotation_matrix(int(position), dim, 10000.0) @ paper
        expected[i] = turned[evens_first(dim)]
    np.testing.assert_allclose(to_numpy(ops.cast(rotated, "float32"))[0, 0], expected, atol=atol)


# Distances


def test_relative_positions():
    queries, keys = np.array([3, 4], "int32"), np.array([2, 3, 5], "int32")
    expected = [[[-1, 0, 2], [-2, -1, 1]]]
    assert to_numpy(relative_positions.relative_positions(queries, keys)).tolist() == expected
    rows = np.array([[3, 4], [0, 9]], "int32")
    expected = [[[-1, 0, 2], [-2, -1, 1]], [[2, 3, 5], [-7, -6, -4]]]
    assert to_numpy(relative_positions.relative_positions(rows, keys)).tolist() == expected


def test_past_mask():
    queries, keys = np.array([1, 2], "int32"), np.array([-1, 0, 1, 2], "int32")
    mask = to_numpy(relative_positions.past_mask(queries, keys)).astype(int)
    assert mask.tolist() == [[[1, 1, 1, 0], [1, 1, 1, 1]]]
    mask = to_numpy(relative_positions.past_mask(queries, keys, reach=1)).astype(int)
    assert mask.tolist() == [[[0, 1, 1, 0], [0, 0, 1, 1]]]


SIZES = [(QUERY, KEY), (KEY, QUERY), (1, KEY), (QUERY, 1), (1, 1)]


@pytest.mark.parametrize("queries, keys", SIZES)
@pytest.mark.parametrize("first_query, first_key", [(0, 0), (13, 0), (2, 19)])
def test_what_is_shifted_stands_where_its_distance_says(queries, keys, first_query, first_key):
    query_positions = first_query + np.arange(queries, dtype="int32")
    key_positions = first_key + np.arange(keys, dtype="int32")

    def lay_out(query_positions, key_positions):
        line = relative_positions.relative_line(query_positions, key_positions)
        row = ops.reshape(line, (1, 1, 1, -1)) + ops.zeros((1, 1, queries, 1), "int32")
        return relative_positions.relative_shift(row)

    expected = np.array([[int(k) - int(q) for k in key_positions] for q in query_positions])
    for function in (lay_out, compiled(lay_out)):
        arguments = ops.convert_to_tensor(query_positions), ops.convert_to_tensor(key_positions)
        np.testing.assert_array_equal(to_numpy(function(*arguments))[0, 0], expected)


@pytest.mark.parametrize("queries, keys", SIZES)
def test_relative_shift(queries, keys):
    x = random(BATCH, HEADS, queries, queries + keys - 1, seed=5)
    expected = np.zeros((BATCH, HEADS, queries, keys))
    for i, j in np.ndindex(queries, keys):
        expected[:, :, i, j] = x[:, :, i, j - i + queries - 1]
    np.testing.assert_array_equal(to_numpy(relative_positions.relative_shift(x)), expected)


@pytest.mark.parametrize("queries, keys", SIZES)
def test_relative_unshift(queries, keys):
    x = random(BATCH, HEADS, queries, keys, seed=7)
    expected = np.zeros((BATCH, HEADS, queries, queries + keys - 1))
    for i, j in np.ndindex(queries, keys):
        expected[:, :, i, j - i + queries - 1] = x[:, :, i, j]
    line = relative_positions.relative_unshift(ops.convert_to_tensor(x))
    np.testing.assert_array_equal(to_numpy(line), expected)
    np.testing.assert_array_equal(to_numpy(relative_positions.relative_shift(line)), x)


def test_shifts_of_unknown_sizes():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces without knowing sizes")
    import tensorflow as tf

    def there_and_back(x):
        return relative_positions.relative_shift(relative_positions.relative_unshift(x))

    signature = [tf.TensorSpec((None, None, None, None))]
    function = tf.function(there_and_back, input_signature=signature)
    for shape in ((BATCH, HEADS, QUERY, KEY), (3, 1, 1, 2)):
        x = random(*shape, seed=11)
        np.testing.assert_array_equal(to_numpy(function(x)), x)


# Slopes


def test_slopes_of_the_paper():
    """Press et al., 2022, section 3: 1/2 to 1/256 for 8 heads, 2 ** -0.5 to 2 ** -8 for 16."""
    np.testing.assert_array_equal(
        relative_positions.alibi_slopes(8), [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128,
                                             1 / 256]
    )  # fmt: skip
    np.testing.assert_allclose(
        relative_positions.alibi_slopes(16), [2 ** (-n / 2) for n in range(1, 17)]
    )


@pytest.mark.parametrize("heads", range(1, 34))
def test_slopes_of_any_number_of_heads(heads):
    slopes = relative_positions.alibi_slopes(heads)
    power = max(2**n for n in range(6) if 2**n <= heads)
    assert slopes.shape == (heads,)
    assert len(set(slopes)) == heads
    for n in range(power):
        np.testing.assert_allclose(slopes[n], 2 ** (-8 * (n + 1) / power))
    for n in range(power, heads):  # the first, third, fifth ... of twice as many
        np.testing.assert_allclose(slopes[n], 2 ** (-8 * (2 * (n - power) + 1) / (2 * power)))


# Buckets


def bucket(distance_to_key, num_buckets, max_distance, bidirectional):
    """Raffel et al., 2020, section 2.1, as its code defines it, for one distance."""
    first = 0
    if bidirectional:
        num_buckets //= 2
        first = num_buckets if distance_to_key > 0 else 0
        distance = abs(distance_to_key)
    else:
        distance = max(-distance_to_key, 0)
    exact = num_buckets // 2
    if distance < exact:
        return first + distance
    share = np.log(distance / exact) / np.log(max_distance / exact)
    return first + min(exact + int(share * (num_buckets - exact)), num_buckets - 1)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(
    "buckets, max_distance", [(32, 128), (32, 127), (8, 19), (4, 3), (64, 257)]
)
def test_buckets(buckets, max_distance, bidirectional):
    distances = np.arange(-3 * max_distance, 3 * max_distance, dtype="int32").reshape(2, -1)
    found = to_numpy(
        relative_positions.relative_buckets(distances, buckets, max_distance, bidirectional)
    )
    expected = [bucket(d, buckets, max_distance, bidirectional) for d in distances.ravel().tolist()]
    assert found.shape == distances.shape
    assert found.ravel().tolist() == expected
    # Every one is used, but the upper half's first: that is the query's own distance of 0.
    unused = {buckets // 2} if bidirectional else set()
    assert set(found.ravel().tolist()) == set(range(buckets)) - unused

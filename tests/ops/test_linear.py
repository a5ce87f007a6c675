"""Linear attention in the cheap order against the weights pair by pair; random features."""

import numpy as np
import pytest
from keras import backend, ops
from layer_checks import assert_close, gradients, to_numpy

from keras_attention.ops.efficient.linear import (
    divide_rows,
    elu_features,
    linear_attention,
    linear_weights,
)
from keras_attention.ops.efficient.random_features import (
    log_random_features,
    orthogonal_gaussian,
    stable_exp,
)

BATCH, HEADS, FEATURES, VALUE_DIM = 2, 3, 11, 5


def random_inputs(query=7, key=13, features=FEATURES, dtype="float32"):
    generator = np.random.default_rng(211)
    shapes = (query, features), (key, features), (key, VALUE_DIM)
    query, key, value = (generator.normal(size=(BATCH, HEADS, *shape)) for shape in shapes)
    return [array.astype(dtype) for array in (np.exp(query), np.exp(key), value)]


def masks(key=13):
    """A sentence that begins and ends with padding, and one of padding alone."""
    mask = np.ones((BATCH, key), bool)
    mask[0, :2] = mask[0, -1] = False
    mask[1] = False
    return mask


def reference(query, key, value, mask=None, causal=False):
    """Equations 4 and 8 of Katharopoulos et al., pair by pair; weights and context."""
    query, key, value = (array.astype("float64") for array in (query, key, value))
    weights = np.zeros((BATCH, HEADS, query.shape[2], key.shape[2]))
    for batch, head, i, j in np.ndindex(*weights.shape):
        if (mask is None or mask[batch, j]) and not (causal and j > i):
            weights[batch, head, i, j] = query[batch, head, i] @ key[batch, head, j]
    sums = weights.sum(axis=-1, keepdims=True)
    weights = np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)
    return weights, np.einsum("bhqk,bhkd->bhqd", weights, value)


def causal_block(query, key):
    return np.tril(np.ones((query, key), bool))


def test_elu_features():
    x = np.array([-50.0, -30.0, -1.0, 0.0, 0.5, 3.0], "float32")
    expected = [np.exp(-40), np.exp(-30), np.exp(-1), 1.0, 1.5, 4.0]
    np.testing.assert_allclose(to_numpy(elu_features(x)), expected, rtol=1e-6)
    assert backend.standardize_dtype(elu_features(ops.cast(x, "float16")).dtype) == "float32"


def test_gradient_of_elu_features():
    x = np.array([-2.0, -0.5, 0.0, 0.5, 3.0], "float32")
    slopes = gradients(lambda x: ops.sum(elu_features(x)), x)[0]
    np.testing.assert_allclose(slopes, [np.exp(-2), np.exp(-0.5), 1.0, 1.0, 1.0], rtol=1e-6)


# 8 positions make a chunk of these sizes, and 16 chunks a group of sums: shorter than a chunk, a
# whole number of chunks, a rest, more than a group; more keys than queries, and fewer.
@pytest.mark.parametrize(
    ("query", "key"), [(1, 1), (7, 5), (16, 16), (23, 37), (37, 23), (5, 41), (149, 149)]
)
@pytest.mark.parametrize("causal", [False, True])
def test_context(query, key, causal):
    inputs = random_inputs(query, key)
    weights, context = reference(*inputs, causal=causal)
    assert_close(linear_attention(*inputs, causal=causal), context)
    mask = causal_block(query, key) if causal else None
    assert_close(linear_weights(*inputs[:2], mask), weights)


@pytest.mark.parametrize("causal", [False, True])
def test_masked_keys(causal):
    inputs = random_inputs()
    mask = masks()
    weights, context = reference(*inputs, mask, causal)
    result = to_numpy(linear_attention(*inputs, key_mask=mask, causal=causal))
    assert_close(result, context)
    assert (result[1] == 0).all()
    block = mask[:, None, None] & (causal_block(7, 13) if causal else True)
    assert_close(linear_weights(*inputs[:2], block), weights)


@pytest.mark.parametrize("causal", [False, True])
def test_gradients_are_those_of_the_weights(causal):
    inputs = random_inputs(23, 19)
    mask = masks(19)
    upstream = np.random.default_rng(223).normal(size=(BATCH, HEADS, 23, VALUE_DIM))
    upstream = upstream.astype("float32")
    block = mask[:, None, None] & (causal_block(23, 19) if causal else np.True_)

    def cheap(query, key, value):
        return ops.sum(upstream * linear_attention(query, key, value, mask, causal))

    def by_weights(query, key, value):
        return ops.sum(upstream * ops.matmul(linear_weights(query, key, block), value))

    for one, other in zip(gradients(cheap, *inputs), gradients(by_weights, *inputs), strict=True):
        assert np.isfinite(one).all()
        assert_close(one, other)


def test_what_comes_later_does_not_even_round():
    query, key, value = random_inputs(37, 37)
    before = to_numpy(linear_attention(query, key, value, causal=True))
    key[:, :, 29:] *= 1e12
    after = to_numpy(linear_attention(query, key, value, causal=True))
    np.testing.assert_array_equal(after[:, :, :29], before[:, :, :29])


def test_a_query_without_features_has_no_context():
    query, key, value = random_inputs()
    query[:, :, 3] = 0.0
    context = to_numpy(linear_attention(query, key, value))
    assert (context[:, :, 3] == 0).all()
    assert (context[:, :, 2] != 0).all()


@pytest.mark.parametrize("causal", [False, True])
def test_half_precision_sums_in_single_precision(causal):
    query, key, value = random_inputs(331, 331)
    halves = [ops.cast(array, "float16") for array in (query, 100 * key, value)]
    context = linear_attention(*halves, causal=causal)
    assert backend.standardize_dtype(context.dtype) == "float16"
    rounded = [to_numpy(array) for array in halves]
    assert_close(context, reference(*rounded, causal=causal)[1].astype("float16"), atol=2e-3)


def test_no_block_of_all_pairs(monkeypatch):
    """The largest product of a causal pass over 2,000 positions is far from 2,000 x 2,000."""
    sizes, matmul = [], ops.matmul

    def recorded(x, y):
        result = matmul(x, y)
        sizes.append(np.prod(result.shape[2:]))
        return result

    monkeypatch.setattr(ops, "matmul", recorded)
    query, key, value = random_inputs(2003, 2003)
    linear_attention(query, key, value, causal=True)
    linear_attention(query, key, value)
    assert max(sizes) < 20 * 2003


@pytest.mark.default_cases(1)
@pytest.mark.skipif(backend.backend() != "tensorflow", reason="TensorFlow only: unknown sizes")
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_sizes_known_only_in_the_run(jit_compile, causal):
    import tensorflow as tf

    shapes = FEATURES, FEATURES, VALUE_DIM
    signature = [tf.TensorSpec([None, HEADS, None, size]) for size in shapes]

    @tf.function(input_signature=signature, jit_compile=jit_compile)
    def context_and_gradients(query, key, value):
        with tf.GradientTape() as tape:
            tape.watch([query, key, value])
            context = linear_attention(query, key, value, causal=causal)
            total = tf.reduce_sum(context**2)
        return context, tape.gradient(total, [query, key, value])

    for query, key in ((1, 1), (23, 37), (149, 141)):
        inputs = random_inputs(query, key)
        context, result = context_and_gradients(*inputs)
        assert_close(context, reference(*inputs, causal=causal)[1])
        expected = gradients(lambda *x: ops.sum(linear_attention(*x, causal=causal) ** 2), *inputs)
        assert_close(list(result), list(expected), atol=1e-4)


def test_orthogonal_gaussian():
    projection = to_numpy(orthogonal_gaussian(17, 7, seed=227))
    assert projection.shape == (17, 7)
    for block in (projection[:7], projection[7:14], projection[14:]):
        products = block @ block.T
        assert_close(products - np.diag(np.diag(products)), np.zeros(products.shape))
    assert (np.abs(np.sum(projection**2, axis=-1) - 7) > 0.01).all()  # of a vector's own length
    assert_close(orthogonal_gaussian(17, 7, seed=227), projection)
    assert np.abs(to_numpy(orthogonal_gaussian(17, 7, seed=229)) - projection).max() > 0.1


def test_each_row_is_a_standard_gaussian_vector():
    """Mean, variance, and the kurtosis that directions and lengths must have together."""
    rows, dim = 40_000, 5
    projection = to_numpy(orthogonal_gaussian(rows, dim, seed=233)).astype("float64")
    # Five standard errors of the moments of `rows` independent draws, doubled for dependence.
    bound = 10 / np.sqrt(rows)
    assert (np.abs(projection.mean(axis=0)) < bound).all()
    assert (np.abs((projection**2).mean(axis=0) - 1) < bound * np.sqrt(2)).all()
    assert (np.abs((projection**4).mean(axis=0) - 3) < bound * np.sqrt(96)).all()
    covariance = projection.T @ projection / rows - np.eye(dim)
    assert (np.abs(covariance) < bound * np.sqrt(2)).all()


def test_log_random_features():
    generator = np.random.default_rng(239)
    x, projection = generator.normal(size=(2, 3, 7)), generator.normal(size=(11, 7))
    expected = np.zeros((2, 3, 11))
    for i, j, feature in np.ndindex(*expected.shape):
        exponent = np.exp(projection[feature] @ x[i, j] - np.sum(x[i, j] ** 2) / 2)
        expected[i, j, feature] = np.log(exponent / np.sqrt(11))
    logs = log_random_features(x.astype("float32"), projection.astype("float32"))
    assert_close(logs, expected)


def kernel_estimates(x, y, projection, features):
    """Estimates of `exp(x . y)`, each from another `features` rows of the projection."""
    logs = [to_numpy(log_random_features(side, projection)) for side in (x, y)]
    products = len(projection) * np.exp(logs[0] + logs[1]).astype("float64")
    return products.reshape(-1, features).mean(axis=-1)


def test_the_kernel_is_estimated_without_bias():
    """The mean over many projections is `exp(x . y)`, within five of its standard errors."""
    generator = np.random.default_rng(241)
    x, y = (generator.normal(size=4).astype("float32") * 0.3 for _ in range(2))
    estimates = kernel_estimates(x, y, to_numpy(orthogonal_gaussian(16_000, 4, seed=257)), 8)
    error = np.abs(np.mean(estimates) - np.exp(x @ y))
    assert error < 5 * np.std(estimates) / np.sqrt(len(estimates))
    assert np.std(estimates) / np.sqrt(len(estimates)) < 0.02 * np.exp(x @ y)


def test_orthogonal_features_vary_less_than_independent_ones():
    generator = np.random.default_rng(251)
    x, y = (generator.normal(size=8).astype("float32") * 0.5 for _ in range(2))
    orthogonal = to_numpy(orthogonal_gaussian(16_000, 8, seed=263))
    independent = generator.normal(size=(16_000, 8)).astype("float32")
    variances = [np.var(kernel_estimates(x, y, rows, 8)) for rows in (orthogonal, independent)]
    assert variances[0] < variances[1]


def test_stable_exp_is_never_zero_and_never_infinite():
    logs = np.array([-3e4, -100.0, -1.0, 0.0, 3e4], "float32")
    result = to_numpy(stable_exp(logs, logs.max()))
    assert np.isfinite(result).all()
    assert (result > 0).all()
    assert result[-1] == 1


def test_a_small_norm_has_a_finite_gradient():
    sums, norm = (np.full((1, 1), 1e-30, "float32") for _ in range(2))
    of_sums, of_norm = gradients(lambda *inputs: ops.sum(divide_rows(*inputs)), sums, norm)
    np.testing.assert_allclose(of_sums, 1e30, rtol=1e-5)
    np.testing.assert_allclose(of_norm, -1e30, rtol=1e-5)

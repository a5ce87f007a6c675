import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
from keras import ops
from layer_checks import assert_close, gradients, to_numpy

from keras_attention.ops import normalizers

NAMES = ["softmax", "sparsemax", "entmax15", "hardmax", "sigmoid"]
ON_THE_SIMPLEX = NAMES[:-1]


def random_scores(shape=(2, 3, 7), scale=1.0, seed=41):
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype("float32")


def weights_from_tau(scores, weights_of):
    """Bisection for the tau at which the weights of each row sum to one."""
    low = scores.max(axis=-1, keepdims=True) - 2.0
    high = scores.max(axis=-1, keepdims=True)
    for _ in range(60):
        tau = (low + high) / 2
        too_much = weights_of(scores - tau).sum(axis=-1, keepdims=True) > 1
        low, high = np.where(too_much, tau, low), np.where(too_much, high, tau)
    return weights_of(scores - low)


def reference(name, scores):
    scores = scores.astype("float64")
    if name == "softmax":
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return exponentials / exponentials.sum(axis=-1, keepdims=True)
    if name == "sparsemax":
        return weights_from_tau(scores, lambda x: np.maximum(x, 0))
    if name == "entmax15":
        return weights_from_tau(scores / 2, lambda x: np.maximum(x, 0) ** 2)
    if name == "hardmax":
        return np.eye(scores.shape[-1])[scores.argmax(axis=-1)]
    return 1 / (1 + np.exp(-scores))


def jacobian_product(name, weights, upstream):
    """The gradient from the closed forms: `diag(s) - s s^T / sum(s)`, s by the kind of weights."""
    if name == "sigmoid":
        return weights * (1 - weights) * upstream
    s = {"softmax": weights, "sparsemax": weights > 0, "entmax15": np.sqrt(weights)}[name]
    mean = (s * upstream).sum(axis=-1, keepdims=True) / s.sum(axis=-1, keepdims=True)
    return s * (upstream - mean)


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("name", NAMES)
def test_weights_against_the_definition(name, scale):
    scores = random_scores(scale=scale)
    assert_close(normalizers.get(name)(scores), reference(name, scores))


@pytest.mark.parametrize("name", NAMES)
def test_masked_positions_might_as_well_not_be_there(name):
    scores = random_scores((3, 11), seed=43)
    mask = np.arange(11) % 3 > 0
    scores[:, ~mask] += 100.0
    weights = to_numpy(normalizers.get(name)(scores, np.broadcast_to(mask, (1, 11))))
    assert (weights[:, ~mask] == 0).all()
    assert_close(weights[:, mask], reference(name, scores[:, mask]))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_may_attend_to_nothing_has_zero_weights(name, dtype):
    scores = ops.cast(random_scores(), dtype)
    mask = np.ones((2, 3, 1), bool)
    mask[1, 2] = False
    weights = normalizers.get(name)(scores, mask)
    assert keras.backend.standardize_dtype(weights.dtype) == dtype
    weights = to_numpy(ops.cast(weights, "float32"))
    assert np.isfinite(weights).all()
    assert (weights[1, 2] == 0).all()
    assert (weights[1, 1] != 0).any()


@pytest.mark.parametrize("name", ON_THE_SIMPLEX)
def test_scores_that_overflowed(name):
    scores = ops.cast(np.array([[np.inf, -np.inf, 3.0, 1.0], [2.0, 3.0, 1.0, -np.inf]]), "float16")
    weights = to_numpy(normalizers.get(name)(scores))
    np.testing.assert_array_equal(weights[0], [1.0, 0.0, 0.0, 0.0])
    assert np.isfinite(weights).all()
    assert weights[1, 3] == 0
    np.testing.assert_allclose(weights[1].sum(), 1.0, atol=2e-3)


@pytest.mark.parametrize("name", ["softmax", "sparsemax", "entmax15", "sigmoid"])
def test_gradient_against_the_closed_form(name):
    scores, upstream = random_scores(seed=47), random_scores(seed=53)
    normalizer = normalizers.get(name)
    (gradient,) = gradients(lambda x: ops.sum(ops.multiply(normalizer(x), upstream)), scores)
    assert_close(gradient, jacobian_product(name, reference(name, scores), upstream))


def test_gradient_of_hardmax_is_that_of_softmax():
    scores, upstream = random_scores(seed=47), random_scores(seed=53)
    (gradient,) = gradients(
        lambda x: ops.sum(ops.multiply(normalizers.hardmax(x), upstream)), scores
    )
    assert_close(gradient, jacobian_product("softmax", reference("softmax", scores), upstream))


@pytest.mark.parametrize("name", NAMES)
def test_no_gradient_passes_through_the_mask(name):
    scores, upstream = random_scores(seed=47), random_scores(seed=53)
    mask = np.random.default_rng(59).random(scores.shape) > 0.4
    mask[0, 1] = False
    normalizer = normalizers.get(name)
    (gradient,) = gradients(lambda x: ops.sum(ops.multiply(normalizer(x, mask), upstream)), scores)
    assert np.isfinite(gradient).all()
    assert (gradient[~mask] == 0).all()


def test_hardmax_takes_the_first_of_equals():
    weights = to_numpy(normalizers.hardmax(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], "float32")))
    np.testing.assert_array_equal(weights, [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize("name", ON_THE_SIMPLEX)
def test_one_position_has_all_weight(name, recwarn):
    assert (
        to_numpy(normalizers.get(name)(np.full((2, 3, 1), 5.0, "float32"))).tolist()
        == [[[1.0]] * 3] * 2
    )
    # Keras warns so of a softmax over one position; of itself Torch warns in other ways.
    assert not [warning for warning in recwarn.list if warning.category is UserWarning]


@pytest.mark.parametrize("name", ["sparsemax", "entmax15"])
def test_long_rows_of_mostly_masked_positions(name):
    scores, mask = random_scores((2, 1999), seed=61), np.arange(1999) < 5
    weights = to_numpy(normalizers.get(name)(scores, mask[None]))
    assert_close(weights[:, :5], reference(name, scores[:, :5]), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(
    scores=hypothesis_numpy.arrays(
        "float32",
        (2, 5),
        # A processor may flush subnormal numbers to zero.
        elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
    ),
    name=st.sampled_from(ON_THE_SIMPLEX),
)
def test_rows_are_distributions_that_keep_the_order(scores, name):
    weights = to_numpy(normalizers.get(name)(scores))
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0, atol=1e-5)
    descending = np.take_along_axis(weights, np.argsort(-scores, axis=-1, kind="stable"), axis=-1)
    assert (np.diff(descending, axis=-1) <= 1e-6).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_round_trip(name):
    assert normalizers.serialize(normalizers.get(name)) == name


def test_a_function_of_ones_own():
    @keras.saving.register_keras_serializable("tests")
    def uniform(scores, mask=None):
        return ops.ones_like(scores)

    assert normalizers.get(uniform) is uniform
    assert normalizers.get(normalizers.serialize(uniform)) is uniform


def test_a_function_that_is_not_registered_cannot_be_saved():
    with pytest.raises(ValueError, match=r"registered with .* Received: normalizer=<function"):
        normalizers.serialize(lambda scores, mask=None: scores)


@pytest.mark.parametrize("name", ["softmin", None])
def test_unknown_name(name):
    with pytest.raises(ValueError, match=f"one of .*'softmax'.* Received: normalizer={name!r}"):
        normalizers.get(name)

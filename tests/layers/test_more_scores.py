"""Cosine, location and custom scores against their formulas, in NumPy, pair by pair."""

import functools

import keras
import numpy as np
import pytest
from cases_scores import distance
from keras import ops
from layer_checks import BATCH, KEY, QUERY, VALUE_DIM, assert_close, gradients, to_numpy

from keras_attention.layers import Attention, ScaledDotProductAttention
from keras_attention.layers.scores.cosine_attention import CosineAttention
from keras_attention.layers.scores.custom_attention import CustomAttention
from keras_attention.layers.scores.luong_location_attention import LuongLocationAttention

QUERY_DIM, KEY_DIM, MAX_LENGTH = 7, 11, 17


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def arrays(key_dim=QUERY_DIM):
    query = random(BATCH, QUERY, QUERY_DIM, seed=103)
    value = random(BATCH, KEY, VALUE_DIM, seed=109)
    return query, value, random(BATCH, KEY, key_dim, seed=107)


def check_against(layer, inputs, pair_score):
    """Weights are the softmax of `pair_score(query, key, position)`, in float64."""
    query, value, key = (array.astype("float64") for array in inputs)
    context, weights = layer(*inputs, return_attention_scores=True)
    expected = np.zeros(weights.shape)
    for batch, i in np.ndindex(*query.shape[:2]):
        scores = [pair_score(query[batch, i], key[batch, j], j) for j in range(key.shape[1])]
        expected[batch, i] = np.exp(scores) / np.exp(scores).sum()
    assert_close(weights, expected)
    assert_close(context, np.einsum("bqk,bkd->bqd", expected, value))


# Cosine


def cosine(query, key):
    return query @ key / (np.sqrt(query @ query) * np.sqrt(key @ key))


@pytest.mark.parametrize("log_temperature", [-1.3, 0.0, 0.7])
def test_cosine(log_temperature):
    layer, inputs = CosineAttention(), arrays()
    layer.build(*(array.shape for array in inputs))
    layer.log_temperature.assign(log_temperature)
    check_against(layer, inputs, lambda q, k, _: cosine(q, k) / np.exp(log_temperature))


def test_cosine_starts_at_the_given_temperature():
    layer = CosineAttention(temperature=0.1)
    check_against(layer, arrays(), lambda q, k, _: cosine(q, k) / 0.1)


def test_cosine_starts_as_the_scaled_dot_product_of_vectors_of_unit_variance():
    query, value, key = arrays()
    query, key = (x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True)) for x in (query, key))
    expected = ScaledDotProductAttention()(query, value, key)
    assert_close(CosineAttention()(query, value, key), expected)


def test_the_length_of_vectors_does_not_matter_to_cosine():
    query, value, key = arrays()
    layer = CosineAttention()
    expected = layer(query, value, key)
    factors = np.geomspace(1e-12, 1e12, KEY, dtype="float32")[:, None]
    assert_close(layer(1e-15 * query, value, factors * key), expected)


def test_zero_vectors_have_a_cosine_of_zero_and_finite_gradients():
    query, value, key = arrays()
    query[0, 1], key[0, 2], key[1] = 0, 0, 0
    layer = CosineAttention()
    layer.build(query.shape, value.shape, key.shape)
    scores = to_numpy(layer.score(layer.project_query(query), layer.project_key(key)))
    assert (scores[0, 1] == 0).all()
    assert (scores[0, :, 2] == 0).all()
    assert (scores[1] == 0).all()
    assert (scores[0, 0, [0, 1, 3, 4]] != 0).all()
    direction = random(*query.shape[:2], VALUE_DIM, seed=127)
    for result in gradients(
        lambda *x: ops.sum(ops.multiply(layer(*x), direction)), query, value, key
    ):
        assert np.isfinite(result).all()
        assert np.abs(result).max() < 1e3  # as if a zero vector had length one, not 1e-12


def test_the_gradient_of_the_temperature():
    """`d score / d log_temperature = -score`."""
    query, value, key = arrays()
    layer = CosineAttention()
    layer.build(query.shape, value.shape, key.shape)
    projected = layer.project_query(query), layer.project_key(key)
    score = to_numpy(layer.score(*projected)).sum()
    step = 1e-2
    around = []
    for side in (step, -step):
        layer.log_temperature.assign(np.log(QUERY_DIM**-0.5) + side)
        around.append(to_numpy(layer.score(*projected)).astype("float64").sum())
    np.testing.assert_allclose((around[0] - around[1]) / (2 * step), -score, rtol=1e-3)


def test_the_temperature_is_not_rounded_to_half_precision():
    # In float16 this logarithm lies half-way between two numbers: the scores would be 0.2 % off.
    temperature = float(np.exp(-(4 + 102.5 / 256)))
    inputs = [array.astype("float16") for array in arrays()]

    def scores(dtype):
        layer = CosineAttention(temperature, normalizer=lambda scores, mask: scores, dtype=dtype)
        _, weights = layer(*inputs, return_attention_scores=True)
        return to_numpy(ops.cast(weights, "float32"))

    expected = scores("float32")
    np.testing.assert_allclose(scores("mixed_float16"), expected, rtol=6e-4, atol=1e-4)


@pytest.mark.parametrize("temperature", [0.0, -0.5])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match=f"positive. Received: temperature={temperature}"):
        CosineAttention(temperature)


def test_cosine_needs_equal_sizes():
    message = r"same last dimension. Received: query.shape=\(2, 3, 7\), value.shape=\(2, 5, 11\)"
    with pytest.raises(ValueError, match=message):
        CosineAttention()(ops.ones((2, 3, 7)), ops.ones((2, 5, 11)))


# Location


def test_location():
    layer, inputs = LuongLocationAttention(MAX_LENGTH), arrays(KEY_DIM)
    layer.build(*(array.shape for array in inputs))
    matrix = to_numpy(layer.kernel).T.astype("float64")  # W of W q
    assert matrix.shape == (MAX_LENGTH, QUERY_DIM)
    check_against(layer, inputs, lambda q, _, position: (matrix @ q)[position])


def test_location_of_the_longest_source():
    query, value, key = arrays(KEY_DIM)
    layer = LuongLocationAttention(KEY)
    assert tuple(layer(query, value, key).shape) == (BATCH, QUERY, VALUE_DIM)
    with pytest.raises(ValueError, match="at most max_length=5 .* Received: length=6"):
        layer(query, random(BATCH, KEY + 1, VALUE_DIM, seed=131))


def test_a_symbolic_source_that_is_too_long():
    query = keras.Input((QUERY, QUERY_DIM))
    layer = LuongLocationAttention(KEY)
    layer(query, keras.Input((KEY, VALUE_DIM)))
    with pytest.raises(ValueError, match="at most max_length=5 .* Received: length=6"):
        layer(query, keras.Input((KEY + 1, VALUE_DIM)))


def test_location_does_not_see_the_key():
    query, value, key = arrays(KEY_DIM)
    layer = LuongLocationAttention(MAX_LENGTH)
    layer.build(query.shape, value.shape, key.shape)
    mask = np.arange(KEY) < np.array([[KEY - 1], [1]])
    direction = random(BATCH, QUERY, VALUE_DIM, seed=127)

    def loss(*inputs):
        return ops.sum(ops.multiply(layer(*inputs, value_mask=mask), direction))

    of_query, of_value, of_key = gradients(loss, query, value, key)
    assert (of_key == 0).all()
    assert (of_value[~mask] == 0).all()
    assert (of_value[mask] != 0).all()
    assert (of_query[0] != 0).all()
    assert np.abs(of_query[1]).max() < 1e-6  # one source position: nothing to choose


@pytest.mark.parametrize("max_length", [1, 3])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_too_long_at_run_time_in_a_graph(max_length, jit_compile):
    tf = tensorflow()
    layer = LuongLocationAttention(max_length)
    layer.build((None, None, QUERY_DIM), (None, None, VALUE_DIM))
    specs = [tf.TensorSpec((None, None, dim)) for dim in (QUERY_DIM, VALUE_DIM)]
    specs.append(tf.TensorSpec((None, None), tf.bool))

    @tf.function(input_signature=specs, jit_compile=jit_compile)
    def run(query, value, mask):
        return layer(query, value, value_mask=mask)

    assert_close(run(*free(max_length)), layer(*free(max_length)[:2]))
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(*free(max_length + 1))


@pytest.mark.parametrize("max_length", [1, 3])
def test_too_long_at_run_time_in_exported_files(max_length, tmp_path):
    tf = tensorflow()
    onnxruntime = pytest.importorskip("onnxruntime")
    query, value = keras.Input((None, QUERY_DIM)), keras.Input((None, VALUE_DIM))
    mask = keras.Input((None,), dtype="bool")
    outputs = LuongLocationAttention(max_length)(query, value, value_mask=mask)
    model = keras.Model([query, value, mask], outputs)

    model(free(1))
    model.export(tmp_path / "saved_model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved_model")
    assert_close(loaded.serve(free(max_length)), model(free(max_length)))
    with pytest.raises(tf.errors.InvalidArgumentError):
        loaded.serve(free(max_length + 1))

    model.export(tmp_path / "model.onnx", format="onnx", verbose=False, opset_version=18)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # the failure below is meant
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", options)
    names = [node.name for node in session.get_inputs()]

    def run(length):
        return session.run(None, dict(zip(names, free(length), strict=True)))[0]

    assert_close(run(max_length), model(free(max_length)))
    with pytest.raises(Exception, match="[Rr]eshape"):
        run(max_length + 1)


def free(length):
    """Query, value and mask with as many source positions as asked for."""
    arrays = random(2, 5, QUERY_DIM, seed=149), random(2, length, VALUE_DIM, seed=151)
    return [*arrays, np.ones((2, length), bool)]


def tensorflow():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow has lengths that are not known before the run")
    return pytest.importorskip("tensorflow")


def test_max_length_must_be_positive():
    with pytest.raises(ValueError, match="positive. Received: max_length=0"):
        LuongLocationAttention(0)


# A score of one's own


@keras.saving.register_keras_serializable("tests")
class SubclassedDistance(Attention):
    def score(self, query, key):
        return distance(query, key)


def test_custom():
    check_against(CustomAttention(distance), arrays(), lambda q, k, _: -np.sum((q - k) ** 2))


def test_a_function_and_a_subclass_are_the_same():
    inputs = arrays()
    mask = np.arange(KEY) < np.array([[KEY - 1], [1]])
    options = {"value_mask": mask, "use_causal_mask": True, "return_attention_scores": True}
    subclass = SubclassedDistance(normalizer="entmax15")
    function = CustomAttention(distance, normalizer="entmax15")
    assert_close(function(*inputs, **options), subclass(*inputs, **options), atol=0)


def test_a_score_by_its_registered_name():
    layer = CustomAttention("tests>distance")
    assert layer.score_function is distance
    assert layer.get_config()["score"] == "tests>distance"


def test_a_custom_score_is_given_single_precision():
    seen = []

    def product(query, key):
        seen.extend([query.dtype, key.dtype])
        return ops.matmul(query, ops.swapaxes(key, 1, 2))

    query, value, key = arrays()
    layer = CustomAttention(product, dtype="mixed_float16")
    context = layer(60 * query, value, 60 * key)
    assert [keras.backend.standardize_dtype(dtype) for dtype in seen] == ["float32", "float32"]
    assert np.isfinite(to_numpy(context)).all()


def unregistered(query, key):
    return distance(query, key)


@pytest.mark.parametrize(
    "score", [unregistered, functools.partial(distance)], ids=["function", "partial"]
)
def test_a_score_that_is_not_registered_cannot_be_saved(score):
    layer = CustomAttention(score)
    layer(*arrays())  # and can be used
    with pytest.raises(ValueError, match="registered .* cannot be saved. Received: score=<?func"):
        layer.get_config()


@pytest.mark.parametrize("score", ["tests>nothing", 3, None, SubclassedDistance()])
def test_a_score_that_is_no_function(score):
    with pytest.raises(ValueError, match="Expected `score` to be a function .* Received: score="):
        CustomAttention(score)


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        (lambda scores: ops.swapaxes(scores, 1, 2), r"\(2, 5, 3\)"),
        (lambda scores: ops.expand_dims(scores, -1), r"\(2, 3, 5, 1\)"),
        (lambda scores: scores[0], r"\(3, 5\)"),
    ],
)
def test_scores_of_another_shape(change, shape):
    layer = CustomAttention(lambda query, key: change(distance(query, key)))
    with pytest.raises(ValueError, match=rf"= \(2, 3, 5\). Received: shape={shape}"):
        layer(*arrays())

"""Choices around the scores of another attention: the hard one, and what all have in common."""

from functools import partial

import keras
import numpy as np
import pytest
from cases_choices import bahdanau, general
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

from keras_attention import decoding, layers, models
from keras_attention.layers.alignment import hard_attention
from keras_attention.layers.alignment.choice_attention import ChoiceAttention
from keras_attention.layers.alignment.hard_attention import HardAttention
from keras_attention.layers.alignment.local_attention import LocalAttention
from keras_attention.layers.alignment.predictive_local_attention import PredictiveLocalAttention
from keras_attention.layers.scores.luong_location_attention import LuongLocationAttention
from keras_attention.ops import choices
from keras_attention.ops.normalizers import softmax

# Hard


def one_hot(scores):
    weights = np.zeros(scores.shape)
    for place in np.ndindex(*scores.shape[:-1]):
        weights[place][list(scores[place]).index(max(scores[place]))] = 1.0
    return weights


@pytest.mark.parametrize("names", MASK_SETS, ids="+".join)
def test_hard_attention_chooses_the_highest_score(names):
    inputs = arrays()
    layer = built(HardAttention(general(), temperature=0.3), inputs)
    masks, dense = some_masks(names)
    context, weights = layer(*inputs, **masks, return_attention_scores=True)
    pair_score, scores = general_score(layer), np.zeros(dense.shape)
    for batch, i, j in np.ndindex(*dense.shape):
        scores[batch, i, j] = pair_score(inputs[0][batch, i], inputs[2][batch, j])
    expected = one_hot(np.where(dense, scores, -np.inf)) * dense.any(axis=-1, keepdims=True)
    np.testing.assert_array_equal(to_numpy(weights), expected)
    assert_close(context, np.einsum("bqk,bkd->bqd", expected, inputs[1]))


def test_the_first_of_equal_scores():
    weights = HardAttention(general())._weigh(np.array([[[1.0, 3.0, 3.0, 2.0, 3.0]]], "float32"))
    assert to_numpy(weights).tolist() == [[[0, 1, 0, 0, 0]]]


def test_training_samples_from_the_softmax():
    row, draws = np.array([1.3, -0.7, 0.4, 2.0, -30.0], "float32"), 20_011
    mask = np.array([True, True, True, False, True])
    layer = HardAttention(general(), seed=31)
    scores = np.broadcast_to(row, (1, draws, 5))
    weights = to_numpy(layer._weigh(scores, mask, training=True))[0]
    assert (weights.sum(axis=-1) == 1).all()
    assert set(np.unique(weights)) == {0.0, 1.0}
    expected = softmax_row(row.astype("float64"), mask)
    deviation = np.sqrt(expected * (1 - expected) / draws)
    assert (np.abs(weights.mean(axis=0) - expected) <= 5 * deviation + 1e-9).all()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_the_straight_through_gradient(monkeypatch, temperature, training):
    """One-hot forwards; backwards the Jacobian of `softmax((score + g) / temperature)`."""
    scores, noise = random(2, 3, 5, seed=167), random(2, 3, 5, seed=173)
    monkeypatch.setattr(
        hard_attention, "gumbel_noise", lambda shape, dtype, seed: ops.convert_to_tensor(noise)
    )
    mask = np.arange(5) < np.array([[[5]], [[3]]])
    direction = random(2, 3, 5, seed=179)
    layer = HardAttention(general(), temperature=temperature)
    noisy = (scores + noise if training else scores).astype("float64")
    expected = one_hot(np.where(mask, noisy, -np.inf))
    np.testing.assert_array_equal(
        to_numpy(layer._weigh(ops.convert_to_tensor(scores), mask, training)), expected
    )

    (result,) = gradients(
        lambda s: ops.sum(ops.multiply(layer._weigh(s, mask, training), direction)), scores
    )
    for batch, i in np.ndindex(2, 3):
        soft = softmax_row(noisy[batch, i] / temperature, mask[batch, 0])
        jacobian = (np.diag(soft) - np.outer(soft, soft)) / temperature
        assert_close(result[batch, i], jacobian @ direction[batch, i])


def test_gradients_of_hard_attention_by_the_whole_layer():
    """The chosen values alone, all allowed keys, and nothing that is masked."""
    query, value, key = arrays()
    mask = np.arange(KEY) < np.array([[KEY - 1], [1]])
    query_mask = np.array([[True, True, False], [False, False, False]])
    layer = built(HardAttention(bahdanau()), (query, value, key))
    masks = {"query_mask": query_mask, "value_mask": mask}
    _, weights = layer(query, value, key, **masks, return_attention_scores=True)
    chosen = to_numpy(weights).any(axis=1)
    direction = random(BATCH, QUERY, VALUE_DIM, seed=127)

    def loss(*inputs):
        return ops.sum(ops.multiply(layer(*inputs, **masks), direction))

    of_query, of_value, of_key = gradients(loss, query, value, key)
    for result, alive in (
        (of_query, query_mask),
        (of_value, chosen),
        (of_key, mask & query_mask.any(axis=1, keepdims=True)),
    ):
        assert (result[~alive] == 0).all()
        assert (result[alive] != 0).any(axis=-1).all()


def test_hard_attention_is_repeatable_by_its_seed_and_new_at_each_call():
    scores = np.zeros((2, 61, 5), "float32")

    def draw(seed, calls=1):
        layer = HardAttention(general(), seed=seed)
        return [to_numpy(layer._weigh(scores, training=True)) for _ in range(calls)]

    first, second = draw(31, 2)
    np.testing.assert_array_equal(first, draw(31)[0])
    assert (first != second).any()
    assert (first != draw(37)[0]).any()


def test_a_model_samples_in_training_and_not_in_inference():
    inputs = arrays(query=61)
    layer = HardAttention(general(), seed=31)
    inference = to_numpy(layer(*inputs, return_attention_scores=True)[1])
    again = to_numpy(layer(*inputs, return_attention_scores=True, training=False)[1])
    np.testing.assert_array_equal(inference, again)
    training = to_numpy(layer(*inputs, return_attention_scores=True, training=True)[1])
    assert (training != inference).any()


def test_without_noise_training_takes_the_highest_score_too():
    inputs = arrays(query=61)
    layer = built(HardAttention(general(), noise=0.0), inputs)
    expected = layer(*inputs, return_attention_scores=True)
    assert_close(layer(*inputs, return_attention_scores=True, training=True), expected)
    assert not hasattr(layer, "seed_generator")


def test_a_decoder_that_steps_in_training_refuses_noise():
    """It could not draw it, and would train without."""
    with pytest.raises(ValueError, match="must have no noise.*Received: attention.noise=1.0"):
        models.InputFeedingDecoder(units=7, attention=HardAttention(bahdanau()))
    models.ParallelDecoder(units=7, attention=HardAttention(bahdanau()))


def test_the_noise_of_hard_attention_must_not_be_negative():
    with pytest.raises(ValueError, match="not to be negative. Received: noise=-1.0"):
        HardAttention(general(), noise=-1.0)


@pytest.mark.parametrize("temperature", [0, -1.0])
def test_the_temperature_of_hard_attention_must_be_positive(temperature):
    with pytest.raises(ValueError, match=f"to be positive. Received: temperature={temperature}"):
        HardAttention(general(), temperature)


def test_gumbel_noise():
    noise = to_numpy(choices.gumbel_noise((101, 997), "float32", seed=31))
    assert abs(noise.mean() - np.euler_gamma) < 0.02
    np.testing.assert_allclose(noise.var(), np.pi**2 / 6, rtol=0.02)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gumbel_noise_is_finite_at_both_ends(monkeypatch, dtype):
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless the whole process asks for it")
    highest = 1 - np.finfo(dtype).epsneg
    for end in (lambda minval: minval, lambda minval: highest):

        def uniform(shape, minval, maxval, dtype, seed, end=end):
            return ops.full(shape, end(minval), dtype=dtype)

        monkeypatch.setattr(keras.random, "uniform", uniform)
        assert np.isfinite(to_numpy(choices.gumbel_noise((2, 3), dtype, seed=31))).all()


# What all of them share

CHOICES = {
    "choice": lambda inner, **rest: ChoiceAttention(inner, **rest),
    "hard": lambda inner, **rest: HardAttention(inner, **rest),
    "local": lambda inner, **rest: LocalAttention(inner, 2, **rest),
    "predictive": lambda inner, **rest: PredictiveLocalAttention(inner, 2, **rest),
}
each_choice = pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES.keys())


@each_choice
@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (lambda: "bahdanau", "an attention layer. Received: attention='bahdanau'"),
        (keras.layers.Attention, "an attention layer. Received: attention=<Attention"),
        (lambda: layers.MultiHeadAttention(2, 3), "single-head .* its own project_memory, attend"),
        (lambda: LocalAttention(general(), 2), "Received: .* its own attend, start, step"),
        (lambda: PredictiveLocalAttention(general(), 2), "Received: .* its own attend"),
        (lambda: HardAttention(general()), "Received: .* its own weigh"),
        (lambda: general(normalizer="sparsemax"), "Received: attention.normalizer=sparsemax"),
        (lambda: general(normalizer=partial(softmax)), r"attention.normalizer=functools.partial\("),
        (lambda: general(dropout=0.5), "to the outer layer. Received: .*attention.dropout=0.5"),
    ],
)
def test_an_inner_attention_is_a_score_alone(choice, inner, message):
    with pytest.raises(ValueError, match=f"Expected `attention` to .*{message}"):
        choice(inner())


@each_choice
def test_the_weights_are_those_of_the_inner_attention(choice):
    inner = bahdanau()
    layer = choice(inner)
    layer(*arrays())
    assert {id(weight) for weight in inner.weights} <= {id(weight) for weight in layer.weights}
    assert len(inner.weights) == 3


@each_choice
def test_an_inner_attention_that_was_built_before_is_not_built_again(choice):
    inner = general()
    inner(*arrays())
    before = to_numpy(inner.key_kernel)
    choice(inner)(*arrays())
    np.testing.assert_array_equal(to_numpy(inner.key_kernel), before)
    assert len(inner.weights) == 1


@each_choice
def test_a_nested_configuration(choice):
    config = choice(bahdanau(name="inner", normalize=True), name="outer").get_config()
    again = type(choice(general())).from_config(config)
    assert (again.name, again.attention.name) == ("outer", "inner")
    assert again.attention.units == 17
    assert again.attention.normalize


@each_choice
def test_an_inner_attention_of_single_precision_in_a_layer_of_half(choice):
    inputs = arrays()
    single = choice(bahdanau())
    expected = single(*inputs)
    layer = choice(bahdanau(), dtype="mixed_bfloat16")
    layer.build(*(array.shape for array in inputs))
    layer.set_weights(single.get_weights())
    context = layer(*inputs)
    assert keras.backend.standardize_dtype(context.dtype) == "bfloat16"
    assert_close(ops.cast(context, "float32"), expected, atol=5e-2)


@each_choice
def test_a_location_score_keeps_its_check_of_lengths(choice):
    layer = choice(LuongLocationAttention(KEY))
    query = keras.Input((QUERY, QUERY_DIM))
    with pytest.raises(ValueError, match="at most max_length=5 .* Received: length=6"):
        layer(query, keras.Input((KEY + 1, VALUE_DIM)))


IN_A_DECODER = {**CHOICES, "hard": lambda inner: HardAttention(inner, noise=0.0)}


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("search", [decoding.Greedy(max_length=7), decoding.Beam(3, max_length=7)])
@pytest.mark.parametrize("choice", IN_A_DECODER.values(), ids=IN_A_DECODER.keys())
def test_every_choice_fits_a_recurrent_decoder(choice, search):
    model = models.Seq2Seq(
        models.RecurrentEncoder(units=5),
        models.InputFeedingDecoder(units=7, attention=choice(bahdanau())),
        11,
        13,
        embedding_dim=6,
    )
    source = np.array([[5, 7, 4, 9, 3], [6, 3, 0, 0, 0]], "int32")
    target = np.array([[2, 5, 8, 11], [2, 7, 9, 6]], "int32")
    logits = to_numpy(model({"source": source, "target": target}))
    state = model.start(model.encode(source))
    for position in range(4):
        step, state, alignment = model.step(target[:, position], state)
        assert_close(step, logits[:, position])
        assert (to_numpy(alignment)[1, 2:] == 0).all()
    found = model.generate(source, search)
    assert found.ids.shape[0] == 2

"""Decoders over attentions that remember where they were."""

import keras
import numpy as np
import pytest
from keras import ops
from model_checks import step_logits

from keras_attention import decoding, layers, losses, models
from keras_attention.layers.alignment.location_sensitive_attention import LocationSensitiveAttention
from keras_attention.layers.alignment.monotonic_attention import MonotonicAttention
from keras_attention.layers.alignment.monotonic_chunkwise_attention import (
    MonotonicChunkwiseAttention,
)

SOURCE_SIZE, TARGET_SIZE = 11, 13
SOURCE_LENGTH, TARGET_LENGTH = 7, 5
SEED = 13


def energies():
    return layers.BahdanauAttention(3, normalize=True)


# Without an offset, a walk that random weights decide stops at every other key.
ATTENTIONS = {
    "location": lambda: LocationSensitiveAttention(3, filters=5, kernel_size=3),
    "cumulative": lambda: LocationSensitiveAttention(3, 5, 3, cumulative=True),
    "monotonic": lambda: MonotonicAttention(energies(), initial_offset=0.0),
    "chunkwise": lambda: MonotonicChunkwiseAttention(energies(), 2, initial_offset=0.0),
}
every_attention = pytest.mark.parametrize("attention", ATTENTIONS.values(), ids=ATTENTIONS.keys())
every_pair = pytest.mark.parametrize(
    "decoder, attention",
    [
        pytest.param(decoder, ATTENTIONS[name], id=f"{decoder.__name__}-{name}")
        for decoder, names in {
            models.BahdanauDecoder: ("location", "cumulative", "monotonic", "chunkwise"),
            models.InputFeedingDecoder: ("location", "monotonic"),
            models.ParallelDecoder: ("location", "monotonic"),
        }.items()
        for name in names
    ],
)


def make_model(decoder, attention):
    model = models.Seq2Seq(
        models.RecurrentEncoder(units=5),
        decoder(units=7, attention=attention()),
        SOURCE_SIZE,
        TARGET_SIZE,
        embedding_dim=6,
    )
    rng = np.random.default_rng(SEED)
    for weight in model.trainable_weights:  # the same on every backend, and not too tame
        if weight.name != "offset":
            weight.assign(rng.normal(scale=0.7, size=weight.shape))
    return model


def make_batch(target_length=TARGET_LENGTH):
    """Ragged rows of ids, the first one the longest, the last one all padding."""
    rng = np.random.default_rng(0)
    source = rng.integers(4, SOURCE_SIZE, (3, SOURCE_LENGTH)).astype("int32")
    target = rng.integers(4, TARGET_SIZE, (3, target_length)).astype("int32")
    source[1, 4:] = 0
    source[2] = 0
    target[:, 0] = 2
    return {"source": source, "target": target}


@pytest.mark.default_cases(1)
@every_pair
def test_stepping_a_state_equals_the_one_pass(decoder, attention):
    model, batch = make_model(decoder, attention), make_batch()
    logits, alignments = step_logits(model, batch)
    np.testing.assert_allclose(logits, ops.convert_to_numpy(model(batch)), atol=1e-5)
    assert np.isfinite(logits).all()
    assert (alignments[0] > 0).any()
    assert (alignments[1, :, 4:] == 0).all()
    assert (alignments[2] == 0).all()


@pytest.mark.default_cases(1)
@every_attention
def test_a_target_longer_than_a_block_of_the_loop(attention):
    model, batch = make_model(models.ParallelDecoder, attention), make_batch(target_length=19)
    logits, _ = step_logits(model, batch)
    np.testing.assert_allclose(logits, ops.convert_to_numpy(model(batch)), atol=1e-5)


@pytest.mark.default_cases(1)
@every_pair
def test_training_reaches_the_attention(decoder, attention):
    """Every weight of the attention learns: a hard walk would give its energies no gradient."""
    model, batch = make_model(decoder, attention), make_batch()
    labels = np.concatenate([batch["target"][:, 1:], np.full((3, 1), 3)], axis=1)
    model.compile(keras.optimizers.SGD(0.1), loss=losses.SequenceCrossEntropy())
    before = model.decoder.attention.get_weights()
    history = model.fit(batch, labels, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for weight, old in zip(model.decoder.attention.weights, before, strict=True):
        new = ops.convert_to_numpy(weight)
        assert np.isfinite(new).all()
        assert (new != old).any(), weight.path


def forced_score(model, source, ids, length):
    """The log-probability of a sentence and of its end, if it has one, by the one pass."""
    target = np.concatenate([[2], ids[:length]]).astype("int32")
    logits = ops.convert_to_numpy(model({"source": source[None], "target": target[None]}))[0]
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    ended = length < len(ids)
    expected = np.concatenate([ids[:length], [3]]) if ended else ids
    return log_probs[np.arange(len(expected)), expected].sum()


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(
    "search",
    [decoding.Greedy(max_length=5), decoding.Beam(width=3, n_best=3, max_length=5)],
    ids=["greedy", "beam"],
)
@every_pair
def test_the_state_stays_with_its_hypothesis(decoder, attention, search):
    """A beam that went on from another one has that one's state: its score proves it."""
    model, batch = make_model(decoder, attention), make_batch()
    result = models.CompiledSearch(model, search).generate(batch["source"])
    for row, beam in np.ndindex(*result.scores.shape):
        ids, length = result.ids[row, beam], result.lengths[row, beam]
        expected = forced_score(model, batch["source"][row], ids, length)
        np.testing.assert_allclose(result.scores[row, beam], expected, atol=1e-4)


@pytest.mark.default_cases(1)
@every_attention
def test_a_model_with_a_state_is_saved_and_loaded(attention, tmp_path):
    model, batch = make_model(models.BahdanauDecoder, attention), make_batch()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        ops.convert_to_numpy(loaded(batch)), ops.convert_to_numpy(model(batch)), atol=1e-6
    )


@pytest.mark.default_cases(1)
@every_attention
def test_a_state_in_half_precision(attention, request):
    keras.mixed_precision.set_global_policy("mixed_float16")
    request.addfinalizer(lambda: keras.mixed_precision.set_global_policy("float32"))
    model, batch = make_model(models.BahdanauDecoder, attention), make_batch()
    logits = model(batch)
    assert keras.backend.standardize_dtype(logits.dtype) == "float16"
    stepped, _ = step_logits(model, batch)
    np.testing.assert_allclose(stepped, ops.convert_to_numpy(logits), atol=2e-2)
    assert np.isfinite(ops.convert_to_numpy(model(batch, training=True))).all()


@pytest.mark.parametrize("decoder", [models.BahdanauDecoder, models.InputFeedingDecoder])
def test_a_decoder_that_steps_in_training_takes_no_noise(decoder):
    attention = MonotonicAttention(energies(), noise=0.5)
    with pytest.raises(ValueError, match=r"no noise, .*ParallelDecoder.*attention.noise=0.5"):
        decoder(7, attention=attention)


def test_a_parallel_decoder_takes_noise():
    def attention():
        return MonotonicAttention(energies(), noise=1.0, initial_offset=0.0, seed=5)

    model, batch = make_model(models.ParallelDecoder, attention), make_batch()
    logits = [ops.convert_to_numpy(model(batch, training=True)) for _ in range(2)]
    assert (logits[0][:2] != logits[1][:2]).any()
    np.testing.assert_array_equal(logits[0][2], logits[1][2])  # nothing to attend to

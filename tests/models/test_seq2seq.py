"""The functional model: one pass, step by step, and back from disk."""

import functools
import gc
import weakref

import keras
import model_checks
import numpy as np
import pytest
from keras import ops

from keras_attention import decoding, layers, losses, metrics, models
from keras_attention.models import recurrent_encoder

DECODERS = [models.BahdanauDecoder, models.InputFeedingDecoder, models.ParallelDecoder]
SOURCE_SIZE, TARGET_SIZE = 11, 13


def make_model(decoder=models.ParallelDecoder, cell="lstm", num_layers=1, **kwargs):
    return models.Seq2Seq(
        encoder=models.RecurrentEncoder(units=5, cell=cell, num_layers=num_layers),
        decoder=decoder(units=7, cell=cell, num_layers=num_layers),
        source_vocabulary_size=SOURCE_SIZE,
        target_vocabulary_size=TARGET_SIZE,
        embedding_dim=6,
        **kwargs,
    )


make_batch = functools.partial(model_checks.make_batch, SOURCE_SIZE, TARGET_SIZE)


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_stepping_equals_the_parallel_pass(decoder, cell, num_layers):
    model_checks.check_steps(make_model(decoder, cell, num_layers), make_batch())


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(
    "attention",
    [
        lambda: layers.DotProductAttention(),
        lambda: layers.ScaledDotProductAttention(),
        lambda: layers.LuongAttention("general"),
        lambda: layers.LuongAttention("concat", units=3),
        lambda: layers.BahdanauAttention(3),
    ],
)
@pytest.mark.parametrize("decoder", DECODERS)
def test_any_attention_fits_any_decoder(decoder, attention):
    # Dot products need annotations as wide as the decoder's state.
    model = models.Seq2Seq(
        models.RecurrentEncoder(units=7, bidirectional=False),
        decoder(units=7, attention=attention()),
        SOURCE_SIZE,
        TARGET_SIZE,
        embedding_dim=6,
    )
    model_checks.check_steps(model, make_batch())


@pytest.mark.parametrize("decoder", DECODERS)
def test_padding_changes_nothing(decoder):
    model_checks.check_padding(make_model(decoder), make_batch())


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_row_does_not_depend_on_its_neighbours(decoder):
    model_checks.check_neighbours(make_model(decoder), make_batch())


@pytest.mark.parametrize("decoder", DECODERS)
def test_later_target_tokens_change_no_earlier_logits(decoder):
    model_checks.check_later_tokens(make_model(decoder), make_batch())


@pytest.mark.parametrize("decoder", DECODERS)
def test_saved_and_loaded(decoder, tmp_path):
    model_checks.check_saving(make_model(decoder, num_layers=2), make_batch(), tmp_path)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("decoder", DECODERS)
def test_a_tiny_model_learns_one_batch_by_heart(decoder):
    model = models.Seq2Seq(
        models.RecurrentEncoder(units=16),
        decoder(units=32),
        SOURCE_SIZE,
        TARGET_SIZE,
        embedding_dim=16,
    )
    batch = make_batch(batch=5, source_length=7, target_length=6)
    labels = np.concatenate([batch["target"][:, 1:], np.full((5, 1), 3)], axis=1)
    model.compile(
        keras.optimizers.Adam(1e-2),
        loss=losses.SequenceCrossEntropy(),
        metrics=[metrics.TokenAccuracy()],
    )
    many = {name: np.tile(ids, (80, 1)) for name, ids in batch.items()}  # 80 steps of one batch
    model.fit(many, np.tile(labels, (80, 1)), batch_size=5, shuffle=False, verbose=0)
    assert model.evaluate(batch, labels, verbose=0, return_dict=True)["token_accuracy"] == 1.0
    # What it learnt by teacher forcing it also says by itself.
    result = model.generate(batch["source"], decoding.Greedy(max_length=6))
    np.testing.assert_array_equal(ops.convert_to_numpy(result.ids)[:, 0, :5], labels[:, :5])
    np.testing.assert_array_equal(ops.convert_to_numpy(result.lengths)[:, 0], 5)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow has ragged tensors"
)
def test_ragged_ids_are_refused_and_leave_the_model_usable():
    import tensorflow as tf

    model = make_model()
    model.compile("adam", losses.SequenceCrossEntropy())
    ragged, ids = tf.ragged.constant([[4, 5, 3], [6, 3]]), np.array([[4, 5, 3], [6, 3, 0]], "int32")
    for inputs in ({"source": ragged, "target": ids}, {"source": ids, "target": ragged}):
        (name,) = (name for name, value in inputs.items() if value is ragged)
        with pytest.raises(ValueError, match=f"Expected `{name}` to be a dense tensor"):
            model.fit(inputs, ids, verbose=0)
    with pytest.raises(ValueError, match="Expected `source` to be a dense tensor"):
        model.generate(ragged, decoding.Greedy(max_length=3))
    with pytest.raises(ValueError, match=r"Expected `source` of shape \(batch, source\)"):
        model.encode(ids[0])
    history = model.fit({"source": ids, "target": ids}, ids, verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow's steps make variables"
)
def test_the_training_step_is_traced_once():
    traces = []

    def loss(y_true, y_pred):
        traces.append(1)  # Python runs it while a step is traced, and never again
        return losses.SequenceCrossEntropy()(y_true, y_pred)

    model, batch = make_model(), make_batch()
    model.compile("adam", loss=loss)
    for _ in range(2):
        model.train_on_batch(batch, batch["target"])
    assert len(traces) == 1


def test_the_optimizer_is_saved_and_loaded(tmp_path):
    model, batch = make_model(), make_batch()
    model.compile("adam", loss=losses.SequenceCrossEntropy())
    model.train_on_batch(batch, batch["target"])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    found, expected = loaded.optimizer.variables, model.optimizer.variables
    assert len(found) == len(expected) > len(model.trainable_variables)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))
    assert loaded.train_on_batch(batch, batch["target"]) == pytest.approx(
        model.train_on_batch(batch, batch["target"]), rel=1e-5
    )


def test_layers_that_keras_copies_live_as_long_as_the_copies(tmp_path, monkeypatch):
    """Or loading fails now and then: Keras takes a layer for one whose place in memory it got."""
    make_layer, made = recurrent_encoder.make_recurrent_layer, []

    def make_and_watch(*arguments, **options):
        layer = make_layer(*arguments, **options)
        made.append(weakref.ref(layer))
        return layer

    make_model(num_layers=2).save(tmp_path / "model.keras")
    monkeypatch.setattr(recurrent_encoder, "make_recurrent_layer", make_and_watch)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    gc.collect()
    assert len(made) == 2 and all(layer() is not None for layer in made)
    del loaded
    for _ in range(2):  # first the copies, then what only they kept
        gc.collect()
    assert all(layer() is None for layer in made)


def test_an_optimizer_that_is_compiled_again_has_no_more_variables():
    model, batch = make_model(dtype="mixed_float16"), make_batch()
    model.compile("adam", loss=losses.SequenceCrossEntropy())
    model.train_on_batch(batch, batch["target"])
    count = len(model.optimizer.variables)
    model.compile(model.optimizer, loss=losses.SequenceCrossEntropy())
    model.train_on_batch(batch, batch["target"])
    assert len(model.optimizer.variables) == count


def test_compiled_search_equals_the_eager_one():
    model, batch = make_model(), make_batch()
    search = decoding.Beam(width=3, n_best=2, max_length=6)
    eager = model.generate(batch["source"], search)
    compiled = models.CompiledSearch(model, search).generate(batch["source"])
    np.testing.assert_array_equal(compiled.ids, ops.convert_to_numpy(eager.ids))
    np.testing.assert_allclose(compiled.scores, ops.convert_to_numpy(eager.scores), atol=1e-5)
    assert compiled.alignments.shape == (3, 2, 6, 5)
    lean = models.CompiledSearch(model, search, return_alignments=False).generate(batch["source"])
    assert lean.alignments is None
    np.testing.assert_array_equal(lean.ids, compiled.ids)


def test_greedy_follows_the_highest_logit():
    model, batch = make_model(), make_batch()
    result = model.generate(batch["source"], decoding.Greedy(max_length=4))
    ids = ops.convert_to_numpy(result.ids)[:, 0]
    forced = np.concatenate([np.full((3, 1), 2), ids[:, :-1]], axis=1).astype("int32")
    logits = ops.convert_to_numpy(model({"source": batch["source"], "target": forced}))
    for row, length in enumerate(ops.convert_to_numpy(result.lengths)[:, 0]):
        np.testing.assert_array_equal(logits[row, :length].argmax(-1), ids[row, :length])


def test_frames_of_features_are_a_source_too():
    model = models.Seq2Seq(
        models.RecurrentEncoder(units=5),
        models.BahdanauDecoder(units=7),
        source_vocabulary_size=None,
        target_vocabulary_size=TARGET_SIZE,
        source_features=3,
        embedding_dim=6,
    )
    frames = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("float32")
    frames[1, 4:] = 0
    assert model.generate(frames, decoding.Greedy(max_length=4)).ids.shape == (2, 1, 4)
    short = model.generate(frames[1:, :4], decoding.Greedy(max_length=4))
    both = model.generate(frames, decoding.Greedy(max_length=4))
    np.testing.assert_allclose(
        ops.convert_to_numpy(short.scores)[0], ops.convert_to_numpy(both.scores)[1], atol=1e-5
    )


def test_shared_and_tied_embeddings_save_weights():
    sizes = {"source_vocabulary_size": 11, "target_vocabulary_size": 11, "embedding_dim": 6}

    def count(**kwargs):
        return models.Seq2Seq(
            models.RecurrentEncoder(units=5), models.ParallelDecoder(units=7), **sizes, **kwargs
        ).count_params()

    separate = count(tie_embeddings=False)
    assert count(tie_embeddings=True) == separate - 11 * 6
    assert count(tie_embeddings=True, share_embeddings=True) == separate - 2 * 11 * 6


def test_mixed_precision_gives_float16_close_to_float32(request):
    keras.mixed_precision.set_global_policy("mixed_float16")
    request.addfinalizer(lambda: keras.mixed_precision.set_global_policy("float32"))
    half, batch = make_model(), make_batch()
    keras.mixed_precision.set_global_policy("float32")
    single = make_model()
    single.set_weights(half.get_weights())
    logits = half(batch)
    assert keras.backend.standardize_dtype(logits.dtype) == "float16"
    stepped, _ = model_checks.step_logits(half, batch)
    np.testing.assert_allclose(stepped, ops.convert_to_numpy(logits), atol=2e-2)
    assert half.generate(batch["source"], decoding.Beam(width=2, max_length=4)).ids.shape[1] == 1
    np.testing.assert_allclose(
        ops.convert_to_numpy(logits), ops.convert_to_numpy(single(batch)), atol=2e-2
    )


def test_half_precision_by_argument_scales_the_loss():
    model = make_model(dtype="mixed_float16")
    assert model.target_embedding.compute_dtype == "float16"
    model.compile("adam", loss=losses.SequenceCrossEntropy())
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert models.Seq2Seq.from_config(model.get_config()).dtype_policy.name == "mixed_float16"


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: models.RecurrentEncoder(3, cell="rnn"), r"`cell` to be one of .*cell='rnn'"),
        (lambda: models.RecurrentEncoder(3, num_layers=0), r"`num_layers` .*num_layers=0"),
        (lambda: models.BahdanauDecoder(3, num_layers=0), r"`num_layers` .*num_layers=0"),
        (
            lambda: models.BahdanauDecoder(3, attention=layers.BahdanauAttention(3, dropout=0.1)),
            r"no dropout.*attention.dropout=0.1",
        ),
        (lambda: make_model(share_embeddings=True), r"`share_embeddings` needs one joint voc"),
        (lambda: make_model(source_features=4), r"Exactly one of .*source_features=4"),
    ],
)
def test_bad_arguments_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()

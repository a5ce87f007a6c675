"""The Transformer: its formulas in NumPy, the laws of every model, and the paper's sizes."""

import functools
import math
from pathlib import Path

import keras
import model_checks
import numpy as np
import pytest
import transformer_reference
from keras import ops
from model_checks import logits_of, step_logits

from keras_attention import decoding, layers, losses, metrics, models

OLD_MODEL = Path(__file__).parent / "old_models/transformer_0_1.keras"
SOURCE_SIZE, TARGET_SIZE, WIDTH, HEADS, UNITS = 11, 13, 24, 4, 17
POSITIONS = {
    "sinusoidal": lambda: None,
    "learned": lambda: layers.LearnedPosition(19),
    "rotary": layers.RotaryPosition,
    "alibi": layers.ALiBiPosition,
    "shaw": lambda: layers.ShawPosition(2),
    "t5": lambda: layers.T5Position(num_buckets=8, max_distance=7),
    "transformer_xl": layers.TransformerXLPosition,
}
VARIANTS = {
    "post": {"norm": "post"},
    "gelu": {"activation": "gelu"},
    "swiglu_grouped": {"activation": "swiglu", "num_key_value_heads": 2},
    "multi_query_one_head_alignment": {"num_key_value_heads": 1, "alignment_head": 3},
    **{name: {"position": position} for name, position in POSITIONS.items()},
    "linear": {"attention": "linear"},
    "window": {"attention": lambda: layers.SlidingWindowAttention(HEADS, 5, window=(2, 1))},
}


def make_model(variant="sinusoidal", num_layers=2, dtype=None, **kwargs):
    settings = dict(VARIANTS[variant])
    position = settings.pop("position", lambda: None)
    if callable(settings.get("attention")):
        settings["attention"] = settings["attention"]()
    alignment = {name: settings.pop(name) for name in list(settings) if "alignment" in name}
    stack = {
        "num_layers": num_layers,
        "num_heads": HEADS,
        "feed_forward_units": UNITS,
        "dtype": dtype,
        **settings,
    }
    return models.Seq2Seq(
        models.TransformerEncoder(**stack, position=position()),
        models.TransformerDecoder(**stack, position=position(), **alignment),
        SOURCE_SIZE,
        TARGET_SIZE,
        embedding_dim=WIDTH,
        dtype=dtype,
        **kwargs,
    )


make_batch = functools.partial(model_checks.make_batch, SOURCE_SIZE, TARGET_SIZE)


@functools.cache
def shared_model(variant):
    """A model that no test changes."""
    return make_model(variant)


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("variant", VARIANTS)
def test_stepping_equals_the_parallel_pass(variant):
    model_checks.check_steps(shared_model(variant), make_batch())


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_and_neighbours_change_nothing(variant):
    model_checks.check_padding(shared_model(variant), make_batch())
    model_checks.check_neighbours(shared_model(variant), make_batch())


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("variant", VARIANTS)
def test_later_target_tokens_change_no_earlier_logits(variant):
    model_checks.check_later_tokens(shared_model(variant), make_batch(), atol=1e-6)


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("variant", VARIANTS)
def test_saved_and_loaded(variant, tmp_path):
    model_checks.check_saving(shared_model(variant), make_batch(), tmp_path)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_tiny_model_learns_one_batch_by_heart(norm):
    model = make_model("post" if norm == "post" else "sinusoidal")
    batch = make_batch(batch=5, source_length=7, target_length=6)
    labels = np.concatenate([batch["target"][:, 1:], np.full((5, 1), 3)], axis=1)
    model.compile(
        keras.optimizers.Adam(1e-2 if norm == "pre" else 3e-3),
        loss=losses.SequenceCrossEntropy(),
        metrics=[metrics.TokenAccuracy()],
    )
    many = {name: np.tile(ids, (80, 1)) for name, ids in batch.items()}  # 80 steps of one batch
    model.fit(many, np.tile(labels, (80, 1)), batch_size=5, shuffle=False, verbose=0)
    assert model.evaluate(batch, labels, verbose=0, return_dict=True)["token_accuracy"] == 1.0
    # What it learnt by teacher forcing it also says by itself, greedily and with beams.
    for search in (decoding.Greedy(max_length=6), decoding.Beam(width=3, max_length=6)):
        result = model.generate(batch["source"], search)
        np.testing.assert_array_equal(ops.convert_to_numpy(result.ids)[:, 0, :5], labels[:, :5])


def test_beams_share_the_memory_of_their_sentence(monkeypatch):
    model, batch = make_model(), make_batch()
    step, seen = model.step, []

    def counting_step(token_ids, state):
        keys = [memory["key"] for memory in state["shared"]["memory"]]
        seen.append((token_ids.shape[0], {key.shape[0] for key in keys}))
        return step(token_ids, state)

    monkeypatch.setattr(model, "step", counting_step)
    model.generate(batch["source"], decoding.Beam(width=4, max_length=5))
    assert set(map(str, seen)) == {str((12, {3}))}


@pytest.mark.default_cases(1)
@pytest.mark.parametrize(
    "variant", ["swiglu_grouped", "multi_query_one_head_alignment", "transformer_xl"]
)
def test_batches_of_other_sizes_are_the_same_program(variant):
    """From the second size on TensorFlow traces a batch of a size that is not known."""
    model, batch = make_model(variant), make_batch()
    search = decoding.Beam(width=2, max_length=4)
    compiled = models.CompiledSearch(model, search)
    for rows in (3, 2):
        source = batch["source"][:rows]
        found, expected = compiled.generate(source), model.generate(source, search)
        np.testing.assert_array_equal(found.ids, ops.convert_to_numpy(expected.ids))
        alignments = ops.convert_to_numpy(expected.alignments)
        np.testing.assert_allclose(found.alignments, alignments, atol=1e-5)


def test_a_step_at_a_place_that_is_taken_writes_over_it():
    model, batch = make_model(), make_batch()
    state = model.start(model.encode(batch["source"]), 3)
    _, once, _ = model.step(batch["target"][:, 0], state)
    expected, _, _ = model.step(batch["target"][:, 1], once)
    _, other, _ = model.step(batch["target"][:, 2], once)
    found, _, _ = model.step(batch["target"][:, 1], {**other, "position": once["position"]})
    np.testing.assert_array_equal(ops.convert_to_numpy(found), ops.convert_to_numpy(expected))


def test_a_mask_of_another_length_is_refused():
    decoder = models.TransformerDecoder(1, 2, 8)
    values = np.ones((2, 5, 4), "float32")
    decoder(np.ones((2, 3, 4), "float32"), values)
    with pytest.raises(ValueError, match="values_mask"):
        decoder.start(values, np.ones((2, 4), "bool"), max_length=3)


@pytest.mark.parametrize("variant", ["rotary", "linear"])
def test_the_beam_moves_the_caches(variant):
    """Each hypothesis' score is what the parallel pass gives to that sentence."""
    model, batch = make_model(variant), make_batch()
    result = model.generate(batch["source"], decoding.Beam(width=4, n_best=4, max_length=5))
    ids, scores, lengths = (ops.convert_to_numpy(part) for part in result[:3])
    for beam in range(4):
        target = np.concatenate([np.full((3, 1), 2), ids[:, beam]], axis=1).astype("int32")
        logits = logits_of(model, {"source": batch["source"], "target": target})
        log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        for row in range(3):
            length = lengths[row, beam]
            said = [*ids[row, beam, :length], *([3] if length < 5 else [])]
            expected = sum(log_probs[row, i, token] for i, token in enumerate(said))
            np.testing.assert_allclose(scores[row, beam], expected, atol=1e-4)


def test_alignments_of_all_blocks_and_heads():
    model, batch = make_model(num_layers=3), make_batch()
    found = ops.convert_to_numpy(model.alignments(batch))
    assert found.shape == (3, 3, HEADS, 4, 5)
    _, stepped = step_logits(model, batch)
    np.testing.assert_allclose(found[:, -1].mean(axis=1), stepped, atol=1e-5)
    model.decoder.alignment_layer, model.decoder.alignment_head = 1, 2
    _, stepped = step_logits(model, batch)
    np.testing.assert_allclose(found[:, 1, 2], stepped, atol=1e-5)


def test_the_alignment_of_a_named_size():
    model = models.transformer(
        "tiny", SOURCE_SIZE, TARGET_SIZE, alignment_layer=1, alignment_head=2
    )
    batch = make_batch()
    _, stepped = step_logits(model, batch)
    found = ops.convert_to_numpy(model.alignments(batch))
    np.testing.assert_allclose(found[:, 1, 2], stepped, atol=1e-5)
    recurrent = models.Seq2Seq(models.RecurrentEncoder(5), models.ParallelDecoder(7), 11, 13)
    with pytest.raises(ValueError, match="Received: decoder=ParallelDecoder"):
        recurrent.alignments(batch)


def test_a_model_of_version_0_1():
    """Its weights were random numbers of seeds 0, 1, ..., in the order of `model.weights`."""
    model = keras.saving.load_model(OLD_MODEL)
    attention = [f"{kind}_{part}" for kind in ("query", "key", "value", "output") for part in "kb"]
    assert [weight.path.split("/")[-1] for weight in model.decoder.blocks[0].weights][-8:] == [
        name.replace("_k", "_kernel").replace("_b", "_bias") for name in attention
    ]
    for seed, weight in enumerate(model.weights):
        expected = np.random.default_rng(seed).normal(size=weight.shape).round(2)
        np.testing.assert_allclose(ops.convert_to_numpy(weight), expected, atol=1e-6)
    assert model.encoder.attention is None and model.decoder.cross
    source, target = (np.array([[4, 1, 3]]), np.array([[2, 5, 6]]))
    model_checks.check_steps(
        model, {"source": np.pad(source, ((0, 0), (0, 1))), "target": target}, atol=1e-4
    )


def test_arguments_are_attributes():
    position = layers.LearnedPosition(19)
    stack = {
        "num_layers": 2,
        "num_heads": 4,
        "feed_forward_units": 17,
        "norm": "post",
        "activation": "gelu",
        "dropout": 0.1,
        "attention_dropout": 0.2,
        "num_key_value_heads": 2,
        "position": position,
    }
    for layer in (models.TransformerEncoder(**stack), models.TransformerDecoder(**stack)):
        for name, value in stack.items():
            assert getattr(layer, name) == value
    inside = models.TransformerEncoder(1, 2, 3, position=layers.ShawPosition(5))
    assert inside.position.get_config()["max_distance"] == 5


@pytest.mark.parametrize("recurrent", [models.BahdanauDecoder, models.ParallelDecoder])
def test_a_recurrent_decoder_reads_a_transformer_encoder(recurrent):
    model = models.Seq2Seq(
        models.TransformerEncoder(2, HEADS, UNITS),
        recurrent(units=7),
        SOURCE_SIZE,
        TARGET_SIZE,
        embedding_dim=WIDTH,
    )
    batch = make_batch()
    logits, _ = step_logits(model, batch)
    np.testing.assert_allclose(logits, logits_of(model, batch), atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    single, batch = make_model(), make_batch()
    mixed = make_model(dtype=policy)
    mixed.set_weights(single.get_weights())
    atol = 1e-2 if policy == "mixed_float16" else 8e-2
    np.testing.assert_allclose(
        logits_of(mixed, batch).astype("float32"), logits_of(single, batch), atol=atol
    )
    stepped, _ = step_logits(mixed, batch)
    np.testing.assert_allclose(
        stepped.astype("float32"), logits_of(mixed, batch).astype("float32"), atol=atol
    )


def test_feed_forward():
    x = np.random.default_rng(1).normal(size=(2, 3, 5)).astype("float32")
    for activation, inner in (
        ("relu", lambda h: np.maximum(h, 0)),
        ("gelu", lambda h: h * np.vectorize(normal_distribution)(h)),
        ("swiglu", lambda h: h[..., :7] / (1 + np.exp(-h[..., :7])) * h[..., 7:]),
    ):
        layer = models.FeedForward(7, activation)
        found = ops.convert_to_numpy(layer(x))
        arrays = [ops.convert_to_numpy(weight) for weight in layer.weights]
        if activation == "swiglu":
            expected = inner(x @ arrays[0]) @ arrays[1]
        else:
            expected = inner(x @ arrays[0] + arrays[1]) @ arrays[2] + arrays[3]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def normal_distribution(x):
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_an_encoder_in_numpy(norm):
    encoder = models.TransformerEncoder(2, 2, 7, norm=norm)
    x = np.random.default_rng(2).normal(size=(2, 3, 6)).astype("float32")
    mask = np.array([[True, True, True], [True, True, False]])
    encoder.build(x.shape)
    spread(encoder)
    found = ops.convert_to_numpy(encoder(x, mask=mask))
    expected = transformer_reference.stack(encoder, x, mask[:, None])
    np.testing.assert_allclose(found[mask], expected[mask], atol=1e-4)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_decoder_in_numpy(norm):
    decoder = models.TransformerDecoder(2, 2, 7, norm=norm)
    rng = np.random.default_rng(4)
    x, values = (rng.normal(size=(2, n, 6)).astype("float32") for n in (4, 3))
    mask = np.array([[True, True, True], [True, True, False]])
    decoder.build(x.shape, values.shape)
    spread(decoder)
    found = ops.convert_to_numpy(decoder(x, values, mask))
    causal = np.tri(4, dtype=bool)[None]
    expected = transformer_reference.stack(decoder, x, causal, values, mask[:, None])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def spread(layer):
    rng = np.random.default_rng(3)
    for weight in layer.weights:
        if weight.dtype == "float32":
            weight.assign(rng.normal(size=weight.shape) / 2)


def test_attention_dropout_acts_in_training_only():
    x = np.random.default_rng(5).normal(size=(2, 9, 6)).astype("float32")
    keeping, dropping = (models.TransformerEncoder(1, 2, 7, attention_dropout=p) for p in (0, 0.5))
    for encoder in (keeping, dropping):
        encoder.build(x.shape)
    pairs = zip(dropping.trainable_weights, keeping.trainable_weights, strict=True)
    for weight, same in pairs:
        weight.assign(same)
    expected = ops.convert_to_numpy(keeping(x, training=True))
    np.testing.assert_array_equal(ops.convert_to_numpy(dropping(x, training=False)), expected)
    assert np.abs(ops.convert_to_numpy(dropping(x, training=True)) - expected).max() > 1e-3


def test_embeddings_and_sublayers_drop_in_training_only():
    x = np.random.default_rng(6).normal(size=(2, 40, 6)).astype("float32")
    decoder = models.TransformerDecoder(1, 2, 7, norm="pre", dropout=0.25)
    decoder.build(x.shape, x.shape)
    block, nothing = decoder.blocks[0], np.zeros_like(x)
    parts = {
        "embedding": lambda training: decoder.embedded(x, training=training),
        "self": lambda training: block.around_self.after(nothing, x, training),
        "cross": lambda training: block.around_cross.after(nothing, x, training),
        "feed-forward": lambda training: block.around_feed_forward.after(nothing, x, training),
    }
    for name, part in parts.items():
        kept, dropped = (ops.convert_to_numpy(part(training)) for training in (False, True))
        share = (dropped == 0).mean()
        assert 0.15 < share < 0.35, name
        np.testing.assert_allclose(dropped, np.where(dropped == 0, 0, kept / 0.75), rtol=1e-5)


@pytest.mark.parametrize(("size", "millions"), [("base", 65), ("big", 213)])
def test_as_many_parameters_as_the_paper_says(size, millions):
    """Table 3 of Vaswani et al., 2017, with its 37,000 shared sub-words."""
    shape = models.TRANSFORMER_SIZES[size]
    width, inner, blocks = shape["width"], shape["feed_forward_units"], shape["num_layers"]
    attention = 4 * width * width + 4 * width
    feed_forward = 2 * width * inner + inner + width
    norm = 2 * width
    encoder = blocks * (attention + feed_forward + 2 * norm)
    decoder = blocks * (2 * attention + feed_forward + 3 * norm)
    expected = 37_000 * width + encoder + decoder
    small = models.transformer(size, 101, 101, share_embeddings=True, norm="post")
    assert small.count_params() + (37_000 - 101) * width == expected
    assert abs(expected / 1e6 - millions) < 0.03 * millions


def test_three_ways_to_tie():
    def parameters(**options):
        return models.transformer("tiny", 11, 11, **options).count_params()

    three_way = parameters(share_embeddings=True)
    assert parameters() == three_way + 11 * 128
    assert parameters(tie_embeddings=False) == three_way + 2 * 11 * 128


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.transformer("huge", 5, 5), "`size` must be one of"),
        (lambda: models.TransformerEncoder(0, 2, 3), "Received: num_layers=0"),
        (lambda: models.TransformerEncoder(1, 0, 3), "Received: num_heads=0"),
        (lambda: models.TransformerEncoder(1, 2, 0), "Received: feed_forward_units=0"),
        (lambda: models.TransformerEncoder(1, 2, 3, dropout=1.0), "Received: dropout=1.0"),
        (
            lambda: models.TransformerDecoder(1, 2, 3, attention_dropout=-0.5),
            "Received: attention_dropout=-0.5",
        ),
        (
            lambda: models.TransformerDecoder(1, 4, 3, num_key_value_heads=3),
            "Received: num_key_value_heads=3, num_heads=4",
        ),
        (
            lambda: models.TransformerDecoder(1, 4, 3, num_key_value_heads=0),
            "Received: num_key_value_heads=0",
        ),
        (lambda: models.FeedForward(0), "Received: units=0"),
        (lambda: models.FeedForward(3, dropout="x"), "Received: dropout='x'"),
        (
            lambda: step_logits(make_model(), make_batch(target_length=4), max_length=3),
            r"as many steps as `start` was told, 3\. Received: position=\[3, 3, 3\]",
        ),
        (lambda: models.TransformerEncoder(1, 2, 3, norm="mid"), "Received: norm='mid'"),
        (lambda: models.FeedForward(3, "tanh"), "Received: activation='tanh'"),
        (lambda: models.TransformerEncoder(1, 2, 3)(np.ones((1, 2, 5))), "num_heads=2"),
        (lambda: models.TransformerDecoder(1, 2, 3, alignment_layer=1), "alignment_layer=1"),
        (lambda: models.TransformerDecoder(1, 2, 3, alignment_head=2), "alignment_head=2"),
        (lambda: make_model().decoder.start(np.ones((1, 2, WIDTH))), "Received: max_length=None"),
        (
            lambda: make_model("learned").generate(np.array([[4, 3]]), decoding.Greedy(20)),
            "at most that of the position, 19. Received: max_length=20",
        ),
    ],
)
def test_arguments_that_do_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's graphs")
def test_a_graph_refuses_to_write_behind_its_cache():
    import tensorflow as tf

    model, batch = make_model(), make_batch(target_length=4)

    @tf.function(autograph=False)
    def steps(source):
        state = model.start(model.encode(source), 3)
        for _ in range(4):
            logits, state, _ = model.step(tf.zeros_like(source[:, 0]), state)
        return logits

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow ignores such places on a GPU")
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not index"):
        steps(tf.constant(batch["source"]))

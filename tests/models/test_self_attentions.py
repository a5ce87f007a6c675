"""Transformers with any self-attention: step by step as all at once, and as it is refused."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import layers, models
from keras_attention.models.transformer_blocks import TransformerBlock
from keras_attention.ops import entmax15, sigmoid, softmax, sparsemax

WIDTH = 6  # of two heads of three features
HEADS = {"num_heads": 2, "key_dim": 3}
EVEN_HEADS = {"num_heads": 3, "key_dim": 2}  # as rotary positions need
CASES = {
    **{name: lambda name=name: name for name in models.SELF_ATTENTIONS},
    "window": lambda: layers.SlidingWindowAttention(**HEADS, window=(2, 1), global_tokens=1),
    "window_grouped_rotary": lambda: layers.SlidingWindowAttention(
        4, 2, window=2, num_key_value_heads=2, position="rotary"
    ),
    "window_t5_talking": lambda: layers.SlidingWindowAttention(
        **HEADS, window=3, position="t5", parts=["talking_heads", "learned_sinks"]
    ),
    "strided_2": lambda: layers.StridedAttention(**HEADS, stride=2),
    "fixed_2": lambda: layers.FixedAttention(**HEADS, block_length=2),
    "block_sparse": lambda: layers.BlockSparseAttention(
        **HEADS, block_length=1, window_blocks=1, random_blocks=2, random_seed=3
    ),
    "adaptive_span": lambda: layers.AdaptiveSpanAttention(
        **HEADS, max_span=3, ramp=2, initial_span=0.5
    ),
    "pattern_of_ones_own": lambda: layers.PatternAttention(**HEADS, pattern=EvenKeys()),
    "linear_grouped_rotary": lambda: layers.LinearAttention(
        4, 2, num_key_value_heads=2, position="rotary", parts=["output_gate"]
    ),
    "performer_rotary": lambda: layers.PerformerAttention(
        **EVEN_HEADS, num_features=5, position="rotary"
    ),
    "memory_compressed": lambda: layers.MemoryCompressedAttention(**HEADS, stride=2),
    "multi_query": lambda: layers.MultiQueryAttention(**HEADS, position="transformer_xl"),
    "shaw_hardmax": lambda: layers.MultiHeadAttention(
        **HEADS, normalizer="hardmax", position=layers.ShawPosition(2)
    ),
    "other_width_of_values": lambda: layers.MultiHeadAttention(**HEADS, value_dim=7),
    "dot_product": lambda: layers.DotProductAttention(normalizer="entmax15"),
    "bahdanau": lambda: layers.BahdanauAttention(7),
    "luong_location": lambda: layers.LuongLocationAttention(max_length=9),
    "cosine": layers.CosineAttention,
    "local": lambda: layers.LocalAttention(layers.LuongAttention("general"), window=1),
    "hard": lambda: layers.HardAttention(layers.ScaledDotProductAttention()),
    "monotonic": lambda: layers.MonotonicAttention(layers.BahdanauAttention(5)),
    "chunkwise": lambda: layers.MonotonicChunkwiseAttention(
        layers.BahdanauAttention(5), chunk_size=2
    ),
    "location_sensitive": lambda: layers.LocationSensitiveAttention(
        units=5, filters=3, kernel_size=3
    ),
}

# One of each way to step.
DEFAULT = {
    "entmax15",
    "window",
    "window_t5_talking",
    "block_sparse",
    "linear_grouped_rotary",
    "performer_rotary",
    "memory_compressed",
    "bahdanau",
    "local",
    "chunkwise",
}


@keras.saving.register_keras_serializable("test_self_attentions")
class EvenKeys(layers.Pattern):
    def allowed(self, query_positions, key_positions):
        return (key_positions % 2 == 0) & (query_positions >= 0)


@keras.saving.register_keras_serializable("test_self_attentions")
class Counting(layers.BahdanauAttention):
    def start(self, memory):
        return {"steps": ops.zeros_like(memory["value"][:, 0, 0])}


def make_decoder(attention, num_layers=1, **settings):
    decoder = models.TransformerDecoder(num_layers, 2, 5, attention=attention, **settings)
    shapes = [(2, 5, WIDTH)] + [(2, 3, 4)] * decoder.cross
    decoder.build(*shapes)
    return spread(decoder)


def spread(layer):
    """The layer with weights so large that its positions differ, and its weights too."""
    rng = np.random.default_rng(7)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return layer


def inputs_of(batch=2, target=5, source=3):
    rng = np.random.default_rng(5)
    x, values = (rng.normal(size=(batch, n, dim)) for n, dim in ((target, WIDTH), (source, 4)))
    mask = np.array([[True, True, True], [True, True, False]])
    return x.astype("float32"), values.astype("float32"), mask


def stepped(decoder, x, state):
    outputs = []
    for position in range(x.shape[1]):
        output, state, _ = decoder.step(x[:, position], state)
        outputs.append(ops.convert_to_numpy(output))
    return np.stack(outputs, axis=1), state


@pytest.mark.parametrize(
    "name",
    [
        name if name in DEFAULT else pytest.param(name, marks=pytest.mark.exhaustive)
        for name in CASES
    ],
)
def test_incremental_decoding_matches_teacher_forcing(name):
    decoder, (x, values, mask) = make_decoder(CASES[name]()), inputs_of()
    expected = ops.convert_to_numpy(decoder(x, values, mask))
    found, state = stepped(decoder, x, decoder.start(values, mask, max_length=7))
    np.testing.assert_allclose(found, expected, atol=2e-5)
    for leaf in keras.tree.flatten(state):
        assert leaf.shape[0] == 2  # as a beam search moves rows
    # Neither the source nor the positions before count for nothing.
    assert np.abs(np.diff(expected, axis=1)).max() > 1e-2


def test_an_encoder_with_any_attention():
    """What a window of one position to each side sees, a change two positions on does not reach."""
    window = layers.SlidingWindowAttention(**HEADS, window=2)
    encoder = models.TransformerEncoder(1, 2, 5, attention=window)
    x, _, _ = inputs_of()
    encoder.build(x.shape)
    spread(encoder)
    changed = x.copy()
    changed[:, 3, 0] += 1  # not all features alike, which the norm takes away
    differs = np.abs(ops.convert_to_numpy(encoder(changed)) - ops.convert_to_numpy(encoder(x)))
    assert (differs.max(axis=(0, 2)) > 1e-4).tolist() == [False, False, True, True, True]


# The layer of each name, and the option that makes it what it is.
NAMED = {
    "sliding_window": (layers.SlidingWindowAttention, "window", 64),  # 32 positions to each side
    "strided": (layers.StridedAttention, "stride", 8),
    "fixed": (layers.FixedAttention, "block_length", 8),
    "linear": (layers.LinearAttention, "num_heads", 2),
    "performer": (layers.PerformerAttention, "num_heads", 2),
    "talking_heads": (layers.MultiHeadAttention, "parts", [layers.TalkingHeads]),
    "output_gate": (layers.MultiHeadAttention, "parts", [layers.OutputGate]),
    "query_key_norm": (layers.MultiHeadAttention, "parts", [layers.QueryKeyNorm]),
    "learned_sinks": (layers.MultiHeadAttention, "parts", [layers.LearnedSinks]),
    "sparsemax": (layers.MultiHeadAttention, "normalizer", sparsemax),
    "entmax15": (layers.MultiHeadAttention, "normalizer", entmax15),
    "sigmoid": (layers.MultiHeadAttention, "normalizer", sigmoid),
}


def test_names_make_what_they_say():
    assert list(NAMED) == list(models.SELF_ATTENTIONS)
    for name, (kind, option, expected) in NAMED.items():
        encoder = models.TransformerEncoder(
            1, 2, 5, attention=name, attention_dropout=0.25, num_key_value_heads=1
        )
        encoder.build((2, 5, WIDTH))
        made = encoder.blocks[0].self_attention
        found = getattr(made, option)
        found = [type(part) for part in found] if option == "parts" else found
        assert (type(made), found) == (kind, expected), name
        others = [made.parts] if option != "parts" else []
        others += [made.normalizer is not softmax] if option != "normalizer" else []
        assert not any(others), name
        sizes = made.num_heads, made.key_dim, made.num_key_value_heads, made.dropout
        assert sizes == (2, 3, 1, 0.25), name


def test_a_sliding_window_sees_32_positions_to_each_side():
    encoder = models.TransformerEncoder(1, 2, 5, attention="sliding_window")
    x, _, _ = inputs_of(batch=1, target=80)
    encoder.build(x.shape)
    spread(encoder)
    changed = x.copy()
    changed[:, 40, 0] += 3
    differs = np.abs(ops.convert_to_numpy(encoder(changed)) - ops.convert_to_numpy(encoder(x)))
    assert np.flatnonzero(differs.max(axis=(0, 2)) > 1e-5).tolist() == list(range(8, 73))


FROM_THE_START = {
    **{name: lambda name=name: name for name in models.SELF_ATTENTIONS},
    "block_sparse": lambda: layers.BlockSparseAttention(**HEADS, block_length=2, random_blocks=1),
    "global_tokens": lambda: layers.SlidingWindowAttention(**HEADS, window=2, global_tokens=1),
    "hard": lambda: layers.HardAttention(layers.LuongLocationAttention(max_length=15)),
    "linformer": lambda: layers.LinformerAttention(**HEADS, max_length=15, projected_length=2),
    **{name: CASES[name] for name in ("memory_compressed", "pattern_of_ones_own", "monotonic")},
}


@pytest.mark.parametrize("name", FROM_THE_START)
def test_padding_on_either_side_of_a_source_changes_nothing(name):
    encoder = models.TransformerEncoder(1, 2, 5, attention=FROM_THE_START[name]())
    encoder.build((2, 15, WIDTH))
    spread(encoder)
    x, _, _ = inputs_of(target=12)
    expected = ops.convert_to_numpy(encoder(x))
    padded, mask = np.full((2, 15, WIDTH), 9, "float32"), np.zeros((2, 15), "bool")
    for row, start in enumerate((3, 1)):
        padded[row, start : start + 12], mask[row, start : start + 12] = x[row], True
    found = ops.convert_to_numpy(encoder(padded, mask=mask))
    np.testing.assert_allclose(found[mask].reshape(x.shape), expected, atol=2e-5)


def test_each_block_has_its_own():
    given = layers.LinearAttention(3, 2, position="rotary", name="mine")
    encoder = models.TransformerEncoder(2, 2, 5, attention=given)
    encoder.build((2, 5, WIDTH))
    first, second = (block.self_attention for block in encoder.blocks)
    assert first is not second and given not in (first, second) and not given.built
    assert first.query_kernel.path.endswith("block_0/self_attention/query_kernel")
    assert encoder.attention.get_config() == given.get_config()
    again = models.TransformerEncoder.from_config(encoder.get_config())
    assert again.get_config() == encoder.get_config()


def test_what_a_layer_or_linear_attention_takes():
    """Rotary positions, and arguments that are those of the cross-attention, too."""
    decoder = make_decoder(layers.LinearAttention(3, 2, position="rotary"), attention_dropout=0.5)
    assert decoder.blocks[0].cross_attention.dropout == 0.5
    assert decoder.blocks[0].self_attention.dropout == 0
    encoder = models.TransformerEncoder(1, 3, 5, position="rotary", attention="performer")
    assert encoder(inputs_of()[0]).shape == (2, 5, WIDTH)


@pytest.mark.parametrize(("causal", "cross"), [(False, True), (True, False)])
def test_causal_and_cross_are_two_things(causal, cross):
    settings = models.TransformerEncoder(1, 2, 5).settings
    block = TransformerBlock(settings, causal=causal, cross=cross)
    x, values, _ = inputs_of()
    values = values if cross else None
    block.build(x.shape, values.shape if cross else None)
    spread(block)
    before = ops.convert_to_numpy(block(x, values))
    x[:, -1, 0] += 1
    sees_later = np.abs(ops.convert_to_numpy(block(x, values)) - before)[:, 0].max() > 1e-4
    assert sees_later != causal
    if cross:
        assert np.abs(ops.convert_to_numpy(block(x, 2 * values)) - before).max() > 1e-2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: make_decoder(
                layers.LinformerAttention(**HEADS, max_length=9, projected_length=2)
            ),
            "step by step. Received: attention=LinformerAttention, which cannot: each of its",
        ),
        (
            lambda: make_decoder(
                layers.PredictiveLocalAttention(layers.LuongAttention("general"), window=1)
            ),
            "attention=PredictiveLocalAttention, which cannot: the positions it predicts",
        ),
        (lambda: make_decoder("circular"), "one of .*'sliding_window'.*attention='circular'"),
        (lambda: make_decoder(keras.layers.Dense(3)), "an instance of `Attention`"),
        (
            lambda: make_decoder(layers.LinearAttention(**HEADS), position="rotary"),
            "to be an argument of `attention`.*attention=LinearAttention",
        ),
        (
            lambda: make_decoder("linear", position="alibi"),
            "linear attention, which has none.* position=ALiBiPosition, attention=linear",
        ),
        (
            lambda: models.TransformerEncoder(
                1, 2, 5, attention=layers.PerformerAttention(**HEADS, position="t5")
            ),
            "position=T5Position, attention=PerformerAttention",
        ),
        (
            lambda: models.TransformerEncoder(
                1, 2, 5, attention=layers.MultiHeadAttention(**HEADS), attention_dropout=0.5
            ),
            "attention_dropout.*Received: attention_dropout=0.5, attention=MultiHeadAttention",
        ),
        (
            lambda: make_decoder(layers.CosineAttention(), cross=False, num_key_value_heads=1),
            "Received: num_key_value_heads=1, attention=CosineAttention",
        ),
        (
            lambda: make_decoder(layers.MultiHeadAttention(**HEADS, output_shape=7)),
            "as wide as its input, 6. Received: attention=MultiHeadAttention with contexts of 7",
        ),
        (
            lambda: make_decoder(layers.CosineAttention(), cross=False, alignment_head=1),
            "one of 1 heads. Received: alignment_head=1",
        ),
        (lambda: make_decoder(None)(inputs_of()[0]), "cross=True, values not given"),
        (
            lambda: make_decoder(None, cross=False)(*inputs_of()[:2]),
            "cross=False, values given",
        ),
        (
            lambda: make_decoder(None, cross=False).start(inputs_of()[1], max_length=3),
            "with cross-attention for `start`",
        ),
        (
            lambda: make_decoder(None).start_after(inputs_of()[0], None, max_length=3),
            "without cross-attention for `start_after`",
        ),
        (
            lambda: make_decoder(Counting(5), cross=False).start_after(
                inputs_of()[0], np.ones((2, 5), "bool"), max_length=7
            ),
            "attention=Counting, which has a state from step to step",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

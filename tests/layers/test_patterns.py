"""The cheap way through each pattern is the dense way, whatever else multi-head attention does.

Compiled by XLA, saved and exported they are in the checklist, which calls the layers both ways.
"""

import itertools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from comparisons import assert_close, to_numpy
from exports import Exports
from keras import backend, ops
from pattern_reference import take_small_blocks

from keras_attention import layers
from keras_attention.layers import positions
from keras_attention.layers.sparse import (
    BlockSparse,
    Fixed,
    Pattern,
    SlidingWindow,
    Strided,
)
from keras_attention.layers.sparse.block_sparse import BlockSparseAttention
from keras_attention.layers.sparse.fixed import FixedAttention
from keras_attention.layers.sparse.pattern_attention import PatternAttention
from keras_attention.layers.sparse.sliding_window import SlidingWindowAttention
from keras_attention.layers.sparse.strided import StridedAttention
from keras_attention.ops import Masks, block_sparse_mask

BATCH, LENGTH, DIM, HEADS, KEY_DIM = 2, 23, 7, 6, 10
PATTERNS = {
    "window": SlidingWindow(4),
    "causal window": SlidingWindow((3, 0)),
    "global": SlidingWindow(3, global_tokens=2),
    "strided": Strided(5),
    "fixed": Fixed(5, 2),
    "blocks": BlockSparse(2, window_blocks=3, random_blocks=3, random_seed=11),
}
every_pattern = pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS.keys())
PRESETS = {
    "window": lambda **rest: SlidingWindowAttention(HEADS, KEY_DIM, 4, global_tokens=2, **rest),
    "strided": lambda **rest: StridedAttention(HEADS, KEY_DIM, 5, **rest),
    "fixed": lambda **rest: FixedAttention(HEADS, KEY_DIM, 5, summary_length=2, **rest),
    "blocks": lambda **rest: BlockSparseAttention(HEADS, KEY_DIM, 2, random_blocks=3, **rest),
}
every_preset = pytest.mark.parametrize("make", PRESETS.values(), ids=PRESETS.keys())
ON_TENSORFLOW = backend.backend() == "tensorflow"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Short sequences have many blocks and chunks; a list of how many blocks a chunk had."""
    return take_small_blocks(monkeypatch, stretch_bytes=3000)


def inputs(length=LENGTH, dim=DIM, seed=239):
    return np.random.default_rng(seed).normal(size=(BATCH, length, dim)).astype("float32")


def masks(length=LENGTH, seed=241):
    """The second sentence has queries that see no key."""
    generator = np.random.default_rng(seed)
    return {
        "query_mask": generator.random((BATCH, length)) < 0.7,
        "value_mask": generator.random((BATCH, length)) < [[0.7], [0.2]],
    }


def with_random_weights(layer, x):
    """Biases too: that of the output must not reach queries that see nothing."""
    if not layer.built:
        layer.build(x.shape, x.shape, x.shape)
    generator = np.random.default_rng(251)
    for weight in layer.weights:
        if "float" in backend.standardize_dtype(weight.dtype):
            weight.assign(generator.normal(size=weight.shape) * 0.4)
    return layer


@pytest.fixture
def cheap(monkeypatch):
    """Calls a layer; fails where it makes the whole block of weights."""

    def call(layer, *args, **options):
        def refuse(*_, **__):
            raise AssertionError("the whole block was computed")

        with monkeypatch.context() as patch:
            patch.setattr(layers.MultiHeadAttention, "attend", refuse)
            return layer(*args, **options)

    return call


@pytest.mark.default_cases(1)
@every_pattern
def test_cheap_equals_dense(pattern, cheap, small_blocks):
    x = inputs()
    layer = with_random_weights(PatternAttention(HEADS, KEY_DIM, pattern), x)
    for options in ({}, masks(), {**masks(), "use_causal_mask": True}):
        context, weights = layer(x, x, **options, return_attention_scores=True)
        small_blocks.clear()
        assert_close(cheap(layer, x, x, **options), context)
        assert any(small_blocks) != isinstance(pattern, Strided)  # which has no chunks
        allowed = to_numpy(pattern.mask(LENGTH, LENGTH))[:, None]
        assert (to_numpy(weights)[~np.broadcast_to(allowed, weights.shape)] == 0).all()


@every_pattern
def test_dense_is_multi_head_attention_under_the_mask(pattern):
    x = inputs()
    layer = with_random_weights(PatternAttention(HEADS, KEY_DIM, pattern), x)
    plain = with_random_weights(layers.MultiHeadAttention(HEADS, KEY_DIM), x)
    plain.set_weights(layer.get_weights())
    mask = np.broadcast_to(to_numpy(pattern.mask(LENGTH, LENGTH)), (BATCH, LENGTH, LENGTH))
    options = {**masks(), "use_causal_mask": True, "return_attention_scores": True}
    assert_close(layer(x, x, **options), plain(x, x, **options, attention_mask=mask))
    some = np.random.default_rng(257).random((BATCH, HEADS, LENGTH, LENGTH)) < 0.6
    for given in (some[:, 0], some):
        both = given & (mask if given.ndim == 3 else mask[:, None])
        expected = plain(x, x, attention_mask=both)
        assert_close(layer(x, x, attention_mask=given), expected)


@every_pattern
def test_lengths_need_not_be_equal(pattern, cheap):
    layer = with_random_weights(PatternAttention(HEADS, KEY_DIM, pattern), inputs())
    for queries, keys in ((29, 13), (13, 29)):
        query, value = inputs(queries), inputs(keys, seed=263)
        expected, _ = layer(query, value, return_attention_scores=True)
        assert_close(cheap(layer, query, value), expected)


PARTS = {
    "grouped heads": {"num_key_value_heads": 2, "value_dim": 3},
    "rotary": {"position": positions.RotaryPosition},
    "alibi": {"position": positions.ALiBiPosition},
    "t5": {"position": lambda: positions.T5Position(num_buckets=8, max_distance=16)},
    "shaw": {"position": lambda: positions.ShawPosition(3, relative_values=False)},
    "transformer-xl": {"position": positions.TransformerXLPosition},
    "sinks": {"parts": lambda: [layers.LearnedSinks()]},
    "gate and norms": {"parts": lambda: [layers.OutputGate(), layers.QueryKeyNorm()]},
    "sparsemax": {"normalizer": "sparsemax"},
    "sigmoid": {"normalizer": "sigmoid"},
}


# All settings on one pattern, and each on one of the others.
OTHERS = itertools.cycle(["strided", "fixed", "global"])
SETTINGS_AND_PATTERNS = [
    *((setting, "blocks") for setting in PARTS),
    *zip(PARTS, OTHERS, strict=False),
]


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(("setting", "name"), SETTINGS_AND_PATTERNS)
def test_parts_positions_and_normalizers_on_the_cheap_path(setting, name, cheap):
    settings = PARTS[setting]
    made = {key: value() if callable(value) else value for key, value in settings.items()}
    x = inputs()
    layer = with_random_weights(PatternAttention(HEADS, KEY_DIM, PATTERNS[name], **made), x)
    expected, _ = layer(x, x, **masks(), return_attention_scores=True)
    assert_close(cheap(layer, x, x, **masks()), expected)


@pytest.mark.parametrize(
    "settings",
    [
        {"parts": [layers.TalkingHeads()]},
        {"position": positions.ShawPosition(3)},
    ],
    ids=["talking heads", "vectors for values"],
)
def test_what_needs_all_weights_gets_them(settings):
    x = inputs()
    layer = with_random_weights(PatternAttention(HEADS, KEY_DIM, SlidingWindow(4), **settings), x)
    expected, weights = layer(x, x, **masks(), return_attention_scores=True)
    assert_close(layer(x, x, **masks()), expected)
    allowed = to_numpy(SlidingWindow(4).mask(LENGTH, LENGTH))[:, None]
    assert (to_numpy(weights)[~np.broadcast_to(allowed, weights.shape)] == 0).all()


def test_a_bias_of_the_call():
    x = inputs()
    layer = with_random_weights(PatternAttention(HEADS, KEY_DIM, SlidingWindow(4)), x)
    bias = np.random.default_rng(269).normal(size=(HEADS, LENGTH, LENGTH)).astype("float32")
    expected, _ = layer(x, x, bias=bias, return_attention_scores=True)
    assert_close(layer(x, x, bias=bias), expected)
    assert np.abs(to_numpy(expected) - to_numpy(layer(x, x))).max() > 0.01


@pytest.mark.default_cases(1)
@every_pattern
def test_gradients_of_the_cheap_path(pattern):
    """One step of training gives the same weights as through the dense path."""
    x, results = inputs(), []
    for dense in (False, True):
        layer = with_random_weights(PatternAttention(HEADS, KEY_DIM, pattern), x)
        entry = keras.Input((LENGTH, DIM))
        bias = np.zeros((1, 1, 1, 1), "float32") if dense else None  # makes the whole block
        model = keras.Model(entry, layer(entry, entry, use_causal_mask=True, bias=bias))
        model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
        model.train_on_batch(x, np.ones(x.shape))
        results.append(model.get_weights())
    assert_close(*results)


@pytest.mark.default_cases(1)
@every_pattern
def test_dropout_on_the_cheap_path(pattern, cheap):
    """Repeatable, gone at inference, and right on the average."""
    x = inputs()

    def layer():
        made = PatternAttention(HEADS, KEY_DIM, pattern, dropout=0.3, seed=271)
        return with_random_weights(made, x)

    expected = to_numpy(cheap(layer(), x, x))
    plain = with_random_weights(PatternAttention(HEADS, KEY_DIM, pattern), x)
    assert_close(expected, plain(x, x))
    draws = np.tile(x, (127, 1, 1))
    first, second = (to_numpy(layer()(draws, draws, training=True)) for _ in range(2))
    assert_close(first, second)
    dropped = first.reshape(127, *x.shape)
    assert np.abs(dropped[0] - expected).max() > 0.1
    error = np.abs(dropped.mean(axis=0) - expected)
    assert (error < 6 * dropped.std(axis=0) / np.sqrt(127) + 1e-5).all()


@pytest.mark.default_cases(1)
@every_pattern
def test_steps_of_a_decoder(pattern):
    x = inputs()
    layer = with_random_weights(
        PatternAttention(HEADS, KEY_DIM, pattern, position=positions.RotaryPosition()), x
    )
    context = layer(x, x, use_causal_mask=True)
    memory = layer.project_memory(ops.convert_to_tensor(x))
    state = layer.start(memory)
    for position in range(LENGTH):
        past = np.broadcast_to(np.arange(LENGTH) <= position, (BATCH, LENGTH))
        here = slice(position, position + 1)
        stepped, _, state = layer.step(x[:, here], memory, Masks(key=past), state)
        assert_close(stepped, context[:, here])


@every_pattern
def test_attention_scores_of_chosen_queries(pattern):
    x = inputs()
    layer = with_random_weights(PatternAttention(HEADS, KEY_DIM, pattern), x)
    _, weights = layer(x, x, **masks(), use_causal_mask=True, return_attention_scores=True)
    chosen = layer.attention_scores(
        x, x, **masks(), use_causal_mask=True, heads=[4, 1], queries=[17, 2, 11]
    )
    assert_close(chosen, to_numpy(weights)[:, [4, 1]][:, :, [17, 2, 11]])


@pytest.mark.default_cases(1)
@every_preset
def test_mixed_precision_on_the_cheap_path(make, cheap):
    x = inputs()
    single = with_random_weights(make(), x)
    expected = single(x, x, **masks())
    for policy, atol in (("mixed_float16", 2e-2), ("mixed_bfloat16", 2e-1)):
        layer = make(dtype=policy)
        layer.build(x.shape, x.shape, x.shape)
        layer.set_weights(single.get_weights())
        context = cheap(layer, x, x, **masks())
        assert backend.standardize_dtype(context.dtype) == layer.compute_dtype
        assert_close(ops.cast(context, "float32"), expected, atol=atol)


@pytest.mark.skipif(not ON_TENSORFLOW, reason="exported from the TensorFlow backend only")
def test_chunks_of_a_known_length_in_onnx(tmp_path, small_blocks):
    """Free lengths, where there are blocks but no chunks, are exported by the checklist."""

    def model():
        query, mask = keras.Input((LENGTH, DIM)), keras.Input((LENGTH,), dtype="bool")
        layer = PRESETS["window"]()
        forms = {"return_attention_scores": True}, {}
        outputs = [layer(query, query, value_mask=mask, **form) for form in forms]
        return keras.Model([query, mask], keras.tree.flatten(outputs))

    batches = [[inputs(), masks()["value_mask"]]]
    exports = Exports(SimpleNamespace(model=model, batches=lambda: batches), tmp_path)
    (found,) = exports.from_onnx()
    assert any(small_blocks)
    assert_close([found], exports.expected)
    assert_close(found[2], found[0])


def test_a_pattern_of_ones_own_survives_saving(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class Parity(Pattern):
        def allowed(self, query_positions, key_positions):
            return ops.equal((query_positions + key_positions) % 2, 0)

    entry = keras.Input((LENGTH, DIM))
    layer = PatternAttention(HEADS, KEY_DIM, Parity(), position=positions.RotaryPosition())
    model = keras.Model(entry, layer(entry, entry))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = inputs()
    assert_close(loaded(x), model(x))
    expected, weights = layer(x, x, return_attention_scores=True)
    assert_close(layer(x, x), expected)
    assert (
        (to_numpy(weights)[0, 0] > 0) == (np.indices((LENGTH, LENGTH)).sum(axis=0) % 2 == 0)
    ).all()


def test_a_pattern_must_say_what_it_allows():
    with pytest.raises(NotImplementedError, match="Pattern does not implement `allowed`"):
        PatternAttention(HEADS, KEY_DIM, Pattern())(inputs(), inputs())


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS.keys())
def test_config_of_a_pattern(pattern):
    assert type(pattern).from_config(pattern.get_config()).get_config() == pattern.get_config()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SlidingWindow(0), r"`window` to be a positive integer.* Received: window=0"),
        (lambda: SlidingWindow(4, -1), "Received: global_tokens=-1"),
        (lambda: Strided(0), "Received: stride=0"),
        (lambda: Fixed(4, 0), "Received: summary_length=0, block_length=4"),
        (lambda: Fixed(4, 5), "Received: summary_length=5, block_length=4"),
        (lambda: BlockSparse(0), "Received: block_length=0"),
        (lambda: BlockSparse(4, window_blocks=0), "Received: window_blocks=0"),
        (lambda: BlockSparse(4, window_blocks=4), "to be odd.* Received: window_blocks=4"),
        (lambda: block_sparse_mask(5, 5, 2, window_blocks=2), "Received: window_blocks=2"),
        (lambda: BlockSparse(4, global_blocks=-1), "Received: global_blocks=-1"),
        (lambda: BlockSparse(4, random_blocks=-1), "Received: random_blocks=-1"),
    ],
)
def test_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()

"""Multi-head attention against Vaswani et al., 2017, in NumPy, and against other libraries."""

import keras
import numpy as np
import pytest
from cases_heads import joined, projected
from keras import ops
from layer_checks import assert_close, gradients, key_mask, to_numpy

from keras_attention import layers
from keras_attention.layers.multi_head import multi_head_attention
from keras_attention.ops import Masks, count_from, dot_product_scores, normalizers

BATCH, QUERY, KEY, DIM, MEMORY_DIM, HEADS, KEY_DIM, VALUE_DIM = 2, 3, 5, 7, 11, 6, 13, 17


def random(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


QUERIES = random(BATCH, QUERY, DIM, seed=1)
MEMORY = random(BATCH, KEY, MEMORY_DIM, seed=2)


def built(**options):
    """A layer all of whose weights are random, biases and gains too."""
    layer = layers.MultiHeadAttention(HEADS, KEY_DIM, value_dim=VALUE_DIM, **options)
    layer.build(QUERIES.shape, MEMORY.shape)
    for number, weight in enumerate(layer.weights):
        if weight.dtype == "float32":
            weight.assign(random(*weight.shape, seed=3 + number) / 3)
    return layer


def softmax(scores, mask=True):
    """Softmax row by row; a row without an allowed position is zero."""
    weights = np.zeros(scores.shape)
    mask = np.broadcast_to(mask, scores.shape)
    for index in np.ndindex(scores.shape[:-1]):
        allowed = np.exp(scores[index][mask[index]])
        if allowed.size:
            weights[index][mask[index]] = allowed / allowed.sum()
    return weights


def heads_of(layer):
    """Queries, keys and values of each head, in float64, groups repeated."""
    groups = layer.num_key_value_heads
    query = projected(layer, "query", QUERIES.astype("float64"), HEADS)
    key = projected(layer, "key", MEMORY.astype("float64"), groups)
    value = projected(layer, "value", MEMORY.astype("float64"), groups)
    return query, *(x.repeat(HEADS // groups, axis=1) for x in (key, value))


def scores_of(query, key):
    scores = np.zeros((BATCH, HEADS, query.shape[2], key.shape[2]))
    for batch, head, i, j in np.ndindex(*scores.shape):
        scores[batch, head, i, j] = query[batch, head, i] @ key[batch, head, j] / np.sqrt(KEY_DIM)
    return scores


@pytest.mark.parametrize("groups", [None, 1, 2, 3])
def test_the_formula(groups):
    layer = built(num_key_value_heads=groups)
    query, key, value = heads_of(layer)
    weights = softmax(scores_of(query, key))
    context = joined(layer, np.einsum("bhqk,bhkd->bhqd", weights, value))
    assert_close(layer(QUERIES, MEMORY, return_attention_scores=True), (context, weights))


def test_bias_is_added_to_the_scaled_scores():
    layer = built()
    query, key, _ = heads_of(layer)
    for shape in ((BATCH, HEADS, QUERY, KEY), (1, HEADS, 1, KEY), (BATCH, 1, QUERY, 1)):
        bias = random(*shape, seed=19)
        _, weights = layer(QUERIES, MEMORY, bias=bias, return_attention_scores=True)
        assert_close(weights, softmax(scores_of(query, key) + bias))


def test_a_mask_for_each_head():
    layer = built()
    query, key, _ = heads_of(layer)
    mask = np.random.default_rng(23).random((BATCH, HEADS, QUERY, KEY)) < 0.5
    mask[0, :, 1] = False
    padding = key_mask(BATCH, KEY)
    context, weights = layer(
        QUERIES, MEMORY, attention_mask=mask, value_mask=padding, return_attention_scores=True
    )
    assert_close(weights, softmax(scores_of(query, key), mask & padding[:, None, None]))
    assert (to_numpy(context)[0, 1] == 0).all()


def test_the_bias_of_the_output_does_not_reach_queries_that_attend_to_nothing():
    layer = built()
    query_mask = np.array([[True, True, False], [True, False, False]])
    nothing = np.array([[True] * KEY, [False] * KEY])
    context = to_numpy(layer(QUERIES, MEMORY, query_mask=query_mask, value_mask=nothing))
    alive = query_mask & [[True], [False]]
    assert (context[~alive] == 0).all()
    assert (context[alive] != 0).all()


def test_causal_rows_before_the_first_real_key_are_zero():
    layer = built()
    late = np.array([[False, True, True, True, True], [True] * KEY])
    context = to_numpy(layer(QUERIES, MEMORY, value_mask=late, use_causal_mask=True))
    assert (context[0, 0] == 0).all()
    assert (context[0, 1:] != 0).all() and (context[1] != 0).all()


def test_query_key_norm():
    layer = built(parts=[layers.QueryKeyNorm()])
    query, key, _ = heads_of(layer)
    part = layer.parts[0]

    def normed(x, gain):
        return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-6) * to_numpy(gain)

    _, weights = layer(QUERIES, MEMORY, return_attention_scores=True)
    scores = scores_of(normed(query, part.query_gain), normed(key, part.key_gain))
    assert_close(weights, softmax(scores))


def test_talking_heads():
    layer = built(parts=[layers.TalkingHeads()])
    query, key, _ = heads_of(layer)
    scores_kernel, weights_kernel = (to_numpy(w) for w in layer.parts[0].weights)
    scores = np.einsum("hg,bhqk->bgqk", scores_kernel, scores_of(query, key))
    mask = key_mask(BATCH, KEY)[:, None, None]
    expected = np.einsum("hg,bhqk->bgqk", weights_kernel, softmax(scores, mask))
    _, weights = layer(
        QUERIES, MEMORY, value_mask=key_mask(BATCH, KEY), return_attention_scores=True
    )
    assert_close(weights, expected)


def test_talking_heads_start_as_plain_ones():
    layer = layers.MultiHeadAttention(HEADS, KEY_DIM, parts=[layers.TalkingHeads()])
    plain = layers.MultiHeadAttention(HEADS, KEY_DIM)
    context = layer(QUERIES, MEMORY)
    plain.build(QUERIES.shape, MEMORY.shape)
    plain.set_weights(layer.get_weights()[: len(plain.weights)])
    assert_close(plain(QUERIES, MEMORY), context)


def test_learned_sinks():
    layer = built(parts=[layers.LearnedSinks()])
    query, key, _ = heads_of(layer)
    sinks = to_numpy(layer.parts[0].sinks)
    mask = key_mask(BATCH, KEY)
    exponentials = np.where(mask[:, None, None], np.exp(scores_of(query, key)), 0.0)
    total = exponentials.sum(axis=-1, keepdims=True) + np.exp(sinks)[:, None, None]
    _, weights = layer(QUERIES, MEMORY, value_mask=mask, return_attention_scores=True)
    assert_close(weights, exponentials / total)


def test_output_gate():
    layer = built(parts=[layers.OutputGate()])
    query, key, value = heads_of(layer)
    kernel, bias = (to_numpy(weight) for weight in layer.parts[0].weights)
    gate = 1 / (1 + np.exp(-(QUERIES @ kernel + bias)))
    gate = gate.reshape(BATCH, QUERY, HEADS, VALUE_DIM).swapaxes(1, 2)
    context = np.einsum("bhqk,bhkd->bhqd", softmax(scores_of(query, key)), value)
    assert_close(layer(QUERIES, MEMORY), joined(layer, context * gate))


def test_keras_has_the_same():
    layer = built()
    theirs = keras.layers.MultiHeadAttention(HEADS, KEY_DIM, value_dim=VALUE_DIM)
    theirs.build(QUERIES.shape, MEMORY.shape)
    theirs.set_weights(
        [
            ours.reshape(weight.shape)
            for ours, weight in zip(layer.get_weights(), theirs.weights, strict=True)
        ]
    )
    mask = key_mask(BATCH, KEY)
    for options in ({"value_mask": mask}, {"use_causal_mask": True}):
        options["return_attention_scores"] = True
        assert_close(layer(QUERIES, MEMORY, **options), theirs(QUERIES, MEMORY, **options))


def test_torch_has_the_same():
    torch = pytest.importorskip("torch", reason="torch is an extra of the benchmarks")
    layer = built()
    query, key, value = heads_of(layer)
    mask = key_mask(BATCH, KEY)[:, None, None]
    theirs = torch.nn.functional.scaled_dot_product_attention(
        *(torch.from_numpy(x) for x in (query, key, value)), attn_mask=torch.from_numpy(mask)
    )
    ours = layer(QUERIES, MEMORY, value_mask=key_mask(BATCH, KEY))
    assert_close(ours, joined(layer, theirs.numpy()))


@pytest.mark.parametrize(
    "position",
    [
        layers.ALiBiPosition,
        lambda: layers.ShawPosition(2),
        layers.TransformerXLPosition,
    ],
)
def test_scores_of_chosen_heads_and_queries(position, monkeypatch):
    layer = built(position=position())
    mask = np.random.default_rng(29).random((BATCH, QUERY, KEY)) < 0.7
    bias = random(1, HEADS, QUERY, KEY, seed=31)
    options = {
        "attention_mask": mask,
        "bias": bias,
        "query_mask": np.array([[True, False, True]] * BATCH),
        "use_causal_mask": True,
    }
    _, weights = layer(QUERIES, MEMORY, return_attention_scores=True, **options)
    weights = to_numpy(weights)
    chosen = layer.attention_scores(QUERIES, MEMORY, heads=[4, 1], queries=[2, 0], **options)
    assert_close(chosen, weights[:, [4, 1]][:, :, [2, 0]])
    monkeypatch.setattr("keras_attention.layers.multi_head.attention_scores.QUERIES_AT_ONCE", 2)
    assert_close(layer.attention_scores(QUERIES, MEMORY, **options), weights)


def test_scores_of_one_row_of_queries_for_all_rows_of_values():
    layer = built()
    mask = np.random.default_rng(41).random((BATCH, KEY)) < 0.7
    repeated = np.repeat(QUERIES[:1], BATCH, axis=0)
    _, weights = layer(repeated, MEMORY, value_mask=mask, return_attention_scores=True)
    assert_close(layer.attention_scores(QUERIES[:1], MEMORY, value_mask=mask), weights)


def test_scores_read_the_masks_of_keras():
    layer = built()
    masking = keras.layers.Masking()
    query = masking(QUERIES * np.array([[1], [1], [0]], "float32"))
    memory = masking(MEMORY * np.array([[1], [0], [1], [1], [0]], "float32"))
    _, weights = layer(query, memory, return_attention_scores=True)
    assert (to_numpy(weights)[..., [1, 4]] == 0).all()
    assert_close(layer.attention_scores(query, memory), weights)
    _, weights = layer(query, MEMORY, memory, return_attention_scores=True)
    assert_close(layer.attention_scores(query, MEMORY, memory), weights)


@pytest.mark.parametrize("shape", [(BATCH, 1, KEY), (1, QUERY, KEY), (BATCH, HEADS, 1, KEY)])
def test_scores_of_chosen_queries_under_a_mask_for_all_of_them(shape):
    layer = built()
    mask = np.random.default_rng(73).random(shape) < 0.7
    mask[..., 0] = True
    _, weights = layer(QUERIES, MEMORY, attention_mask=mask, return_attention_scores=True)
    chosen = layer.attention_scores(QUERIES, MEMORY, attention_mask=mask, queries=[2, 0])
    assert_close(chosen, to_numpy(weights)[:, :, [2, 0]])


def test_scores_of_windows():
    layer = layers.MemoryCompressedAttention(2, 5, stride=2)
    _, weights = layer(QUERIES, MEMORY, use_causal_mask=True, return_attention_scores=True)
    chosen = layer.attention_scores(QUERIES, MEMORY, use_causal_mask=True, queries=[2, 1])
    assert_close(chosen, to_numpy(weights)[:, :, [2, 1]])


def test_scores_of_a_head_that_is_not_there():
    with pytest.raises(ValueError, match=r"numbers from 0 to 5. Received: heads=\[6\]"):
        built().attention_scores(QUERIES, MEMORY, heads=[6])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 0}, "`num_heads` to be positive. Received: num_heads=0"),
        ({"num_key_value_heads": 4}, "Received: num_heads=6, num_key_value_heads=4"),
        ({"parts": [layers.LearnedSinks()], "normalizer": "sparsemax"}, "softmax normalizer"),
    ],
)
def test_arguments_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        layers.MultiHeadAttention(**{"num_heads": 6, "key_dim": 5, **options})


def test_a_part_is_not_called():
    with pytest.raises(NotImplementedError, match="TalkingHeads is a part"):
        layers.TalkingHeads().call(QUERIES)


def test_named_presets_are_multi_head_attention():
    for preset, groups in (
        (layers.MultiQueryAttention(HEADS, KEY_DIM), 1),
        (layers.GroupedQueryAttention(HEADS, KEY_DIM, 3), 3),
    ):
        again = type(preset).from_config(preset.get_config())
        assert again.num_key_value_heads == groups
        context = again(QUERIES, MEMORY)
        plain = layers.MultiHeadAttention(HEADS, KEY_DIM, num_key_value_heads=groups)
        plain.build(QUERIES.shape, MEMORY.shape)
        plain.set_weights(again.get_weights())
        assert_close(plain(QUERIES, MEMORY), context)


WRONG = {
    "query_mask": lambda length: np.ones((1, length), bool),
    "value_mask": lambda length: np.ones((1, length), bool),
    "key_mask": lambda length: np.ones((1, length), bool),
    "attention_mask": lambda length: np.ones((1, length, length), bool),
    "bias": lambda length: np.zeros((1, 1, length, length), "float32"),
}
KINDS = {
    "multi_head": lambda: layers.MultiHeadAttention(2, 3),
    "window": lambda: layers.SlidingWindowAttention(2, 3, window=4),
    "linear": lambda: layers.LinearAttention(2, 3),
    "linformer": lambda: layers.LinformerAttention(2, 3, max_length=512, projected_length=8),
    "memory_compressed": lambda: layers.MemoryCompressedAttention(2, 3),
    "adaptive_span": lambda: layers.AdaptiveSpanAttention(2, 3, max_span=4),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_a_mask_or_bias_of_another_length_is_refused(make, name):
    """At every length: blocks and windows cut their part out of it, whatever is left over."""
    layer = make()
    for length in (16, 512):
        x = random(1, length, DIM, seed=79)
        for wrong in (length - 9, length + 9):
            with pytest.raises(ValueError, match=rf"Received: {name}.shape=\(1, .*{wrong}\)"):
                layer(x, x, **{name: WRONG[name](wrong)})


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_a_mask_of_one_entry_is_for_all_keys(make):
    layer = make()
    x = random(2, 131, DIM, seed=83)
    once = np.array([[True], [False]])
    whole = np.repeat(once, 131, axis=1)
    assert_close(layer(x, x, value_mask=once), layer(x, x, value_mask=whole))


@pytest.mark.parametrize("length", [16, 512])
def test_a_bias_that_lacks_axes(length):
    layer = layers.MultiHeadAttention(2, 3)
    x = random(1, length, DIM, seed=89)
    for shape in ((), (length,), (length, length), (2, length, length), (2, 1, length)):
        bias = random(*shape, seed=97)
        full = np.broadcast_to(bias, (1, 2, length, length))
        expected, weights = layer(x, x, bias=full, return_attention_scores=True)
        assert_close(layer(x, x, bias=bias), expected)
        chosen = layer.attention_scores(x, x, bias=bias, queries=[3, 2])
        assert_close(chosen, to_numpy(weights)[:, :, [3, 2]])


def doubled(x):
    return 2.0 * x


@keras.saving.register_keras_serializable("tests", name="a_softmax")
def softmax_of_ones_own(scores, mask=None):
    return normalizers.sigmoid(scores, mask)


softmax_of_ones_own.__name__ = "softmax"


class DoubledWeights(layers.MultiHeadAttention):
    def _weigh(self, scores, mask=None, training=None):
        return doubled(super()._weigh(scores, mask, training))


class DoubledDropout(layers.MultiHeadAttention):
    def _drop(self, weights, training=None):
        return doubled(weights)


class LinearDoubledDropout(layers.LinearAttention):
    def _drop(self, weights, training=None):
        return doubled(weights)


class DoubledScores(layers.HeadPart):
    def change_scores(self, scores):
        return doubled(scores)


class DoubledHeads(layers.HeadPart):
    def change_weights(self, weights):
        return doubled(weights)


class HalfShare(layers.HeadPart):
    def share(self, logsumexp):
        return ops.sigmoid(logsumexp)


class ValuesOfWeights(layers.Position):
    def values(self, weights, query_positions, key_positions):
        return ops.sum(ops.square(weights), axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("tests")
class CosineHeads(layers.MultiHeadAttention):
    """`score = temperature_h cos(q, k)`, the temperature of each head learned."""

    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        shape = (self.num_heads, 1, 1)
        self.temperature = self.add_weight(name="temperature", shape=shape, initializer="ones")

    def score(self, query, key):
        cosines = dot_product_scores(*(ops.normalize(x, axis=-1) for x in (query, key)))
        return cosines * ops.cast(self.temperature, cosines.dtype)


class CosineWindow(CosineHeads, layers.SlidingWindowAttention):
    """The same score in a window."""


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(
    "make",
    [
        lambda: DoubledWeights(2, 3),
        lambda: DoubledDropout(2, 3),
        lambda: LinearDoubledDropout(2, 3),
        lambda: CosineHeads(2, 3),
        lambda: CosineWindow(2, 3, window=4),
        lambda: layers.MultiHeadAttention(2, 3, normalizer=softmax_of_ones_own),
        lambda: layers.MultiHeadAttention(2, 3, parts=[DoubledScores()]),
        lambda: layers.MultiHeadAttention(2, 3, parts=[DoubledHeads()]),
        lambda: layers.MultiHeadAttention(2, 3, parts=[HalfShare()]),
        lambda: layers.MultiHeadAttention(2, 3, position=ValuesOfWeights()),
        lambda: layers.SlidingWindowAttention(2, 3, window=4, parts=[DoubledScores()]),
    ],
)
def test_long_inputs_ask_what_a_subclass_overrides(make):
    layer = make()
    x = random(1, 512, DIM, seed=101)
    expected, _ = layer(x, x, return_attention_scores=True)
    assert_close(layer(x, x), expected)
    plain = layers.SlidingWindowAttention(2, 3, window=4) if hasattr(layer, "pattern") else None
    plain = plain or layers.MultiHeadAttention(2, 3)
    plain.build(x.shape, x.shape)
    plain.set_weights(layer.get_weights()[: len(plain.weights)])
    assert np.abs(to_numpy(plain(x, x)) - to_numpy(expected)).max() > 1e-3


def test_a_subclass_written_before_methods_were_renamed():
    with pytest.warns(DeprecationWarning, match="weigh: the method is called `_weigh` now"):

        class Doubled(layers.MultiHeadAttention):
            def weigh(self, scores, mask=None, training=None):
                return doubled(super().weigh(scores, mask, training))

    class Mixin:
        weigh = vars(Doubled)["weigh"]

    with pytest.warns(DeprecationWarning, match="Mixed.weigh"):

        class Mixed(Mixin, layers.MultiHeadAttention):
            pass

    assert Mixed._weigh is Mixin.weigh
    layer = Doubled(2, 3)
    with pytest.warns(DeprecationWarning, match="`weigh` is called `_weigh` now"):
        _, weights = layer(QUERIES, QUERIES, return_attention_scores=True)
    assert_close(ops.sum(weights, axis=-1), np.full((BATCH, 2, QUERIES.shape[1]), 2.0))
    x = random(1, 512, DIM, seed=61)
    with pytest.warns(DeprecationWarning):  # the cheap way would not ask for it
        expected, _ = layer(x, x, return_attention_scores=True)
        assert_close(layer(x, x), expected)


def test_a_part_may_say_that_it_needs_no_weights():
    class Harmless(DoubledScores):
        needs_weights = False

    assert not Harmless().needs_weights
    assert not layers.QueryKeyNorm().needs_weights and not layers.QueryKeyNorm().needs_logsumexp
    assert layers.TalkingHeads().needs_weights and layers.LearnedSinks().needs_logsumexp


def test_the_cosine_with_a_learned_temperature_in_each_head(tmp_path):
    inputs, memory = keras.Input((None, DIM)), keras.Input((None, MEMORY_DIM))
    layer = CosineHeads(HEADS, KEY_DIM, num_key_value_heads=2)
    outputs = layer(inputs, memory, return_attention_scores=True)
    layer.temperature.assign(random(HEADS, 1, 1, seed=103))
    query, key, _ = heads_of(layer)
    query, key = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (query, key))
    expected = softmax(query @ key.swapaxes(2, 3) * to_numpy(layer.temperature))
    model = keras.Model([inputs, memory], outputs)
    found = model([QUERIES, MEMORY])
    assert_close(found[1], expected)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_close(again([QUERIES, MEMORY]), found, atol=1e-6)

    def loss(temperature):
        scores = dot_product_scores(query.astype("float32"), key.astype("float32"))
        return ops.sum(ops.square(layer._weigh(scores * temperature)))

    assert (gradients(loss, to_numpy(layer.temperature))[0] != 0).all()


@pytest.mark.parametrize("length", [KEY, 512])
def test_where_queries_stand(length):
    """Queries of the end of a text are as they are in the whole text."""
    x = random(BATCH, length, DIM, seed=107)
    start = length - 3
    for make in (
        lambda: layers.MultiHeadAttention(2, 4, position=layers.RotaryPosition()),
        lambda: layers.MultiHeadAttention(2, 4, position=layers.ShawPosition(2)),
        lambda: layers.SlidingWindowAttention(2, 4, window=4),
        lambda: layers.LinearAttention(2, 4, position=layers.RotaryPosition()),
        lambda: layers.MemoryCompressedAttention(2, 4, stride=2),
    ):
        layer = make()
        whole, weights = layer(x, x, use_causal_mask=True, return_attention_scores=True)
        expected = to_numpy(whole)[:, start:], to_numpy(weights)[:, :, start:]
        options = {"query_positions": count_from(start, 3), "use_causal_mask": True}
        assert_close(layer(x[:, start:], x, return_attention_scores=True, **options), expected)
        assert_close(layer(x[:, start:], x, **options), expected[0])
        chosen = layer.attention_scores(x[:, start:], x, queries=[2, 0], **options)
        assert_close(chosen, expected[1][:, :, [2, 0]])


def test_where_queries_of_long_inputs_stand():
    layer = layers.MultiHeadAttention(2, 4, position=layers.RotaryPosition())
    x = random(1, 720, DIM, seed=109)
    options = {"query_positions": count_from(300, 420), "use_causal_mask": True}
    late = layer(x[:, 300:], x, **options)
    assert_close(late, to_numpy(layer(x, x, use_causal_mask=True))[:, 300:])
    assert_close(late, layer(x[:, 300:], x, return_attention_scores=True, **options)[0])


def test_where_queries_stand_is_checked():
    layer = layers.MultiHeadAttention(2, 4)
    with pytest.raises(ValueError, match=r"Received: query_positions.shape=\(5,\)"):
        layer(QUERIES, MEMORY, query_positions=count_from(2, 5))


def test_talking_heads_with_an_infinite_bias():
    """A head that the others do not listen to rules out nothing for them, and no number is lost."""
    layer = built(parts=[layers.TalkingHeads()])
    for weight in layer.parts[0].weights:
        weight.assign(np.eye(HEADS))
    bias = np.zeros((HEADS, 1, KEY), "float32")
    bias[1, :, 2:] = -np.inf
    plain = built()
    plain.set_weights(layer.get_weights()[: len(plain.weights)])
    expected = plain(QUERIES, MEMORY, bias=bias, return_attention_scores=True)
    assert np.isfinite(to_numpy(expected[0])).all()
    assert_close(layer(QUERIES, MEMORY, bias=bias, return_attention_scores=True), expected)


@pytest.mark.parametrize("name", ["position", "parts"])
def test_weights_that_two_layers_would_share(name):
    given = {name: layers.T5Position() if name == "position" else [layers.TalkingHeads()]}
    one, two = (layers.MultiHeadAttention(2, 3, **given) for _ in range(2))
    one(QUERIES, QUERIES)
    message = r"for each layer.* Received: .* in multi_head_attention.* and in multi_head"
    with pytest.raises(ValueError, match=message):
        two(QUERIES, QUERIES)


def test_positions_without_weights_may_be_shared(tmp_path):
    position = layers.RotaryPosition()
    x = inputs = keras.Input((None, DIM))
    for _ in range(2):
        x = layers.MultiHeadAttention(2, 4, position=position, parts=[layers.LearnedSinks()])(x, x)
    model = keras.Model(inputs, x)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_close(again(QUERIES), model(QUERIES), atol=1e-6)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_residual_attention(norm, tmp_path):
    inputs = keras.Input((None, DIM))
    mask = keras.Input((None,), dtype="bool")
    layer = layers.ResidualAttention(layers.MultiHeadAttention(2, 5), norm=norm)
    outputs = layer(inputs, mask=mask, use_causal_mask=True, return_attention_scores=True)
    model = keras.Model([inputs, mask], outputs)
    for number, weight in enumerate(model.weights):
        weight.assign(random(*weight.shape, seed=37 + number))
    real = np.array([[True, True, False], [True, False, False]])
    out, weights = to_numpy(model([QUERIES, real]))

    gain, shift = (to_numpy(weight) for weight in layer.normalization.weights)

    def normalized(x):
        centred = x - x.mean(axis=-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * gain + shift

    x = normalized(QUERIES) if norm == "pre" else QUERIES
    context = to_numpy(
        layer.attention(x, x, query_mask=real, value_mask=real, use_causal_mask=True)
    )
    expected = QUERIES + context
    assert_close(out, expected if norm == "pre" else normalized(expected), atol=1e-4)
    assert weights.shape == (BATCH, 2, QUERY, QUERY)
    assert (weights[1, :, :, 1:] == 0).all()

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_close(again([QUERIES, real]), (out, weights), atol=1e-6)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_residual_attention_step_by_step(norm):
    layer = layers.ResidualAttention(
        layers.MultiHeadAttention(2, 4, position=layers.RotaryPosition()), norm=norm
    )
    context, weights = layer(QUERIES, use_causal_mask=True, return_attention_scores=True)
    memory = layer.project_memory(QUERIES)
    state = layer.start(memory)
    for position in range(QUERY):
        past = Masks(key=np.arange(QUERY)[None] <= position)
        here = slice(position, position + 1)
        *found, state = layer.step(QUERIES[:, here], memory, past, state)
        assert_close(found, (to_numpy(context)[:, here], to_numpy(weights)[:, :, here]))


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_symbolic_residual_attention(dtype):
    attention = layers.MultiHeadAttention(2, 4, dtype=dtype)
    layer = layers.ResidualAttention(attention, dtype=dtype)
    symbolic = layer(keras.KerasTensor((None, 5, DIM)), return_attention_scores=True)
    assert [tuple(one.shape) for one in symbolic] == [(None, 5, DIM), (None, 2, 5, 5)]
    eager = layer(random(BATCH, 5, DIM, seed=113), return_attention_scores=True)
    for one, other in zip(symbolic, eager, strict=True):
        assert one.dtype == keras.backend.standardize_dtype(other.dtype)
    assert layer.compute_output_shape((None, 5, DIM)) == (None, 5, DIM)
    memory = layer.project_memory(random(BATCH, 5, DIM, seed=113))
    assert keras.backend.standardize_dtype(memory["key"].dtype) == layer.compute_dtype


def test_residual_attention_hands_the_bias_on():
    layer = layers.ResidualAttention(layers.MultiHeadAttention(2, 4))
    bias = random(QUERY, QUERY, seed=127)
    _, weights = layer(QUERIES, bias=bias, return_attention_scores=True)
    x = layer.normalization(QUERIES)
    expected = layer.attention(x, x, bias=bias, return_attention_scores=True)[1]
    assert_close(weights, expected)
    assert np.abs(to_numpy(layer(QUERIES)) - to_numpy(layer(QUERIES, bias=bias))).max() > 1e-3


def test_residual_attention_of_an_attention_with_one_head():
    layer = layers.ResidualAttention(layers.ScaledDotProductAttention())
    output, weights = layer(QUERIES, return_attention_scores=True)
    assert tuple(output.shape) == QUERIES.shape and tuple(weights.shape) == (BATCH, QUERY, QUERY)


def test_residual_attention_needs_a_layer():
    with pytest.raises(ValueError, match="an attention layer.*Received: attention='MultiHead"):
        layers.ResidualAttention("MultiHeadAttention")


def test_one_attention_in_two_residual_ones():
    attention = layers.MultiHeadAttention(2, 4)
    layers.ResidualAttention(attention)(QUERIES)
    with pytest.raises(ValueError, match="does not save weights that two layers share"):
        layers.ResidualAttention(attention)(QUERIES)


def test_residual_attention_needs_a_context_it_can_add():
    with pytest.raises(ValueError, match="can be added to its query"):
        inputs = ops.ones((2, 3, 7))
        layers.ResidualAttention(WiderAttention(2, 5))(inputs)
    with pytest.raises(ValueError, match="Received: norm='middle'"):
        layers.ResidualAttention(layers.MultiHeadAttention(2, 5), norm="middle")


class WiderAttention(layers.MultiHeadAttention):
    """An attention whose context has another size than its query."""

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        return (*query_shape[:-1], query_shape[-1] + 1)


LONG = 31


@pytest.mark.default_cases(3)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_causal_mask": True},
        {"value_mask": True, "query_mask": True},
        {"attention_mask": (2, LONG, LONG)},
        {"attention_mask": (2, HEADS, LONG, LONG), "value_mask": True, "use_causal_mask": True},
        {"bias": (1, HEADS, LONG, LONG)},
        {"bias": (2, 1, LONG, 1), "use_causal_mask": True, "value_mask": True},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
@pytest.mark.parametrize("groups", [None, 2])
@pytest.mark.parametrize("way", ["blocked_attention", "fused_attention"])
def test_long_inputs_give_the_same_without_the_block_of_weights(way, options, groups, monkeypatch):
    parts = [layers.QueryKeyNorm(), layers.OutputGate()]
    if way == "blocked_attention":
        parts.append(layers.LearnedSinks())
    layer = layers.MultiHeadAttention(
        HEADS,
        KEY_DIM + 1,
        num_key_value_heads=groups,
        position=layers.RotaryPosition(),
        parts=parts,
    )
    x = random(2, LONG, DIM, seed=41)
    generator = np.random.default_rng(43)
    given = {}
    for name, value in options.items():
        if name in ("value_mask", "query_mask"):
            given[name] = np.arange(LONG) < np.array([[LONG - 3], [2]])
        elif name == "attention_mask":
            given[name] = generator.random(value) < 0.6
            given[name][0, ..., 5, :] = False
        else:
            given[name] = value if value is True else random(*value, seed=47)
    layer.build(x.shape, x.shape)
    for number, weight in enumerate(layer.weights):
        if weight.dtype == "float32":
            weight.assign(random(*weight.shape, seed=53 + number) / 3)

    def loss(x, **kwargs):
        found = layer(x, x, **given, **kwargs)
        context = found[0] if kwargs else found
        return ops.sum(ops.sin(context))

    whole = layer(x, x, **given, return_attention_scores=True)[0]
    whole_gradient = gradients(lambda x: loss(x, return_attention_scores=True), x)
    seen = []

    def counting(name):
        function = getattr(multi_head_attention, name)

        def counted(*args, **kwargs):
            seen.append(name)
            return function(*args, **kwargs)

        return counted

    for name in ("blocked_attention", "fused_attention"):
        monkeypatch.setattr(multi_head_attention, name, counting(name))
    monkeypatch.setattr(multi_head_attention, "WORTH_SCORES", 1)
    monkeypatch.setattr(multi_head_attention, "worth_blocking", lambda *shapes: True)
    has_kernel = way == "fused_attention"
    monkeypatch.setattr(multi_head_attention, "can_fuse", lambda *inputs: has_kernel)
    assert_close(layer(x, x, **given), whole)
    assert_close(gradients(loss, x), whole_gradient, atol=1e-4)
    # A kernel has no place for a bias.
    assert set(seen) == {"blocked_attention" if "bias" in options else way}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("parts", [[], [layers.LearnedSinks]])
def test_no_kernel_for_what_it_cannot_do(parts, dropout, training, monkeypatch):
    asked = []
    monkeypatch.setattr(multi_head_attention, "WORTH_SCORES", 1)
    monkeypatch.setattr(multi_head_attention, "can_fuse", lambda *inputs: asked.append(inputs))
    layer = layers.MultiHeadAttention(
        HEADS, KEY_DIM, dropout=dropout, parts=[make() for make in parts]
    )
    layer(QUERIES, MEMORY, training=training)
    assert bool(asked) == (not parts and not (dropout and training))


def test_the_block_of_weights_is_left_out_by_itself_where_inputs_are_long(monkeypatch):
    layer = layers.MultiHeadAttention(2, 3)
    x = random(1, 512, DIM, seed=59)
    expected, _ = layer(x, x, return_attention_scores=True)
    monkeypatch.setattr(layers.MultiHeadAttention, "_attend_densely", None)
    assert_close(layer(x, x), expected)


def test_dropout_of_long_inputs():
    layer = layers.MultiHeadAttention(1, 3, dropout=0.5, seed=61, use_bias=False)
    x = random(1, 512, DIM, seed=67)
    kept = to_numpy(layer(x, x))
    mean = np.mean([to_numpy(layer(x, x, training=True)) for _ in range(40)], axis=0)
    one = to_numpy(layer(x, x, training=True))
    assert np.abs(one - kept).max() > 1e-3
    assert np.abs(mean - kept).max() < 0.6 * np.abs(one - kept).max()

"""Linformer and memory-compressed attention: the papers' formulas, masks, what is refused."""

import keras
import numpy as np
import pytest
from cases_heads import joined, projected
from cases_linear import convolved, randomized
from keras import ops
from layer_checks import assert_close, to_numpy

from keras_attention.layers.efficient.linformer_attention import LinformerAttention
from keras_attention.layers.efficient.memory_compressed_attention import MemoryCompressedAttention
from keras_attention.layers.multi_head.multi_head_attention import MultiHeadAttention
from keras_attention.layers.positions import ALiBiPosition, RotaryPosition, ShawPosition

BATCH, QUERY, KEY, HEADS, KEY_DIM, VALUE_DIM = 2, 11, 19, 3, 4, 5
LAYERS = {
    "linformer": lambda **options: LinformerAttention(
        HEADS, KEY_DIM, max_length=23, projected_length=7, value_dim=VALUE_DIM, **options
    ),
    "memory_compressed": lambda **options: MemoryCompressedAttention(
        HEADS, KEY_DIM, stride=3, value_dim=VALUE_DIM, **options
    ),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())


def inputs(query=QUERY, key=KEY):
    generator = np.random.default_rng(347)
    shapes = (query, 7), (key, 13), (key, 17)
    return [generator.normal(size=(BATCH, *shape)).astype("float32") for shape in shapes]


def key_mask(key=KEY):
    """Gaps and whole windows of padding, and a sentence that begins with padding."""
    mask = np.ones((BATCH, key), bool)
    mask[0, [1, 6, 7, 8, 17, 18]] = False
    mask[1, :5] = False
    return mask


def query_mask():
    return np.random.default_rng(349).random((BATCH, QUERY)) < 0.7


def softmax_rows(scores, allowed):
    exponentials = np.where(allowed, np.exp(scores), 0.0)
    sums = exponentials.sum(axis=-1, keepdims=True)
    return np.divide(exponentials, sums, out=np.zeros_like(exponentials), where=sums > 0)


def without_masked(layer, arrays, mask):
    """The heads' keys and values, zero where the mask is False."""
    value, key = (array.astype("float64") for array in arrays)
    key, value = projected(layer, "key", key, HEADS), projected(layer, "value", value, HEADS)
    return key * mask[:, None, :, None], value * mask[:, None, :, None]


def result(layer, query, key, value, allowed):
    """Weights and context of dense attention to what keys and values have become."""
    query = projected(layer, "query", query.astype("float64"), HEADS)
    scores = np.einsum("bhqd,bhkd->bhqk", query, key) / np.sqrt(KEY_DIM)
    weights = softmax_rows(scores, allowed[:, None])
    context = joined(layer, np.einsum("bhqk,bhkd->bhqd", weights, value))
    return np.where(allowed.any(axis=-1, keepdims=True), context, 0.0), weights


def linformer_reference(layer, query, value, key, mask, queries):
    """Equation 7 of Wang et al., position by position."""
    key, value = without_masked(layer, (value, key), mask)
    mixed = []
    for name, array in (("key_mixture", key), ("value_mixture", value)):
        mixture = to_numpy(getattr(layer, name)).astype("float64")
        rows = np.zeros((BATCH, HEADS, len(mixture), array.shape[-1]))
        for row, position in np.ndindex(len(mixture), array.shape[2]):
            rows[:, :, row] += mixture[row, position] * array[:, :, position]
        mixed.append(rows)
    allowed = np.broadcast_to(
        queries[..., None] & mask.any(axis=-1)[:, None, None], (BATCH, QUERY, 7)
    )
    return result(layer, query, *mixed, allowed)


def compressed_reference(layer, query, value, key, mask, queries, causal=False):
    """Section 4.2.3 of Liu et al., window by window."""
    key, value = without_masked(layer, (value, key), mask)
    key, value = convolved(layer, "key", key), convolved(layer, "value", value)
    allowed = np.zeros((BATCH, QUERY, key.shape[2]), bool)
    for batch, i, window in np.ndindex(*allowed.shape):
        positions = range(3 * window, 3 * window + 3)
        allowed[batch, i, window] = (
            queries[batch, i]
            and any(mask[batch, j] for j in positions if j < KEY)
            and not (causal and positions[-1] > i)
        )
    return result(layer, query, key, value, allowed)


REFERENCES = {LinformerAttention: linformer_reference}
ALL_KEYS, ALL_QUERIES = np.ones((BATCH, KEY), bool), np.ones((BATCH, QUERY), bool)


@every_layer
@pytest.mark.parametrize("keys", [None, key_mask()], ids=["all keys", "key mask"])
@pytest.mark.parametrize("queries", [None, query_mask()], ids=["all queries", "query mask"])
def test_papers_formula(make, keys, queries):
    query, value, key = inputs()
    layer = randomized(make(), query, value, key)
    reference = REFERENCES.get(type(layer), compressed_reference)
    given = [
        default if mask is None else mask
        for default, mask in ((ALL_KEYS, keys), (ALL_QUERIES, queries))
    ]
    expected = reference(layer, query, value, key, *given)
    masks = {"value_mask": keys, "query_mask": queries}
    assert_close(layer(query, value, key, **masks, return_attention_scores=True), expected)
    assert_close(layer(query, value, key, **masks), expected[0])


@pytest.mark.parametrize("keys", [None, key_mask()], ids=["all keys", "key mask"])
@pytest.mark.parametrize("queries", [None, query_mask()], ids=["all queries", "query mask"])
def test_causal_windows(keys, queries):
    query, value, key = inputs()
    layer = randomized(LAYERS["memory_compressed"](), query, value, key)
    given = ALL_KEYS if keys is None else keys, ALL_QUERIES if queries is None else queries
    context, weights = compressed_reference(layer, query, value, key, *given, causal=True)
    assert (context[:, :2] == 0).all()  # no window ends before position 2
    masks = {"value_mask": keys, "query_mask": queries, "use_causal_mask": True}
    both = layer(query, value, key, **masks, return_attention_scores=True)
    assert_close(both, (context, weights))
    assert_close(layer(query, value, key, **masks), context)


def test_what_comes_later_changes_nothing():
    x = inputs(query=KEY)[0]
    layer = randomized(LAYERS["memory_compressed"](), x, x)
    before = layer(x, x, use_causal_mask=True)
    for position in range(KEY):
        changed = x.copy()
        changed[:, position + 1 :] += 1.0
        after = layer(changed, changed, use_causal_mask=True)
        assert_close(after[:, : position + 1], before[:, : position + 1])


@every_layer
def test_a_sentence_without_keys_has_no_context(make):
    query, value, key = inputs()
    layer = randomized(make(), query, value, key)
    mask = key_mask()
    mask[1] = False
    for output in layer(query, value, key, value_mask=mask, return_attention_scores=True):
        assert (to_numpy(output)[1] == 0).all()
        assert (to_numpy(output)[0] != 0).any()


@every_layer
def test_what_padding_holds_does_not_matter(make):
    query, value, key = inputs()
    layer = randomized(make(), query, value, key)
    mask = key_mask()
    expected = layer(query, value, key, value_mask=mask)
    value[~mask] *= -30.0
    key[~mask] *= 30.0
    assert_close(layer(query, value, key, value_mask=mask), expected)


def test_a_window_of_one_position_that_changes_nothing_is_multi_head_attention():
    query, value, key = inputs()
    options = {"value_dim": KEY_DIM, "num_key_value_heads": 1}
    plain = randomized(MultiHeadAttention(HEADS, KEY_DIM, **options), query, value, key)
    layer = MemoryCompressedAttention(HEADS, KEY_DIM, stride=1, **options)
    layer = randomized(layer, query, value, key)
    for kernel, bias in (layer.key_convolution, layer.value_convolution):
        kernel.assign(np.eye(KEY_DIM)[None])
        bias.assign(np.zeros((1, 1, KEY_DIM)))
    for masks in ({"value_mask": key_mask()}, {"use_causal_mask": True}):
        expected = plain(query, value, key, **masks, return_attention_scores=True)
        assert_close(layer(query, value, key, **masks, return_attention_scores=True), expected)


def test_a_mixture_that_changes_nothing_is_multi_head_attention():
    query, value, key = inputs()
    options = {"position": RotaryPosition(), "normalizer": "sparsemax"}
    plain = randomized(MultiHeadAttention(HEADS, KEY_DIM, **options), query, value, key)
    layer = LinformerAttention(HEADS, KEY_DIM, max_length=23, projected_length=KEY, **options)
    layer = randomized(layer, query, value, key)
    for mixture in (layer.key_mixture, layer.value_mixture):
        mixture.assign(np.eye(KEY, 23))
    expected = plain(query, value, key, return_attention_scores=True)
    assert_close(layer(query, value, key, return_attention_scores=True), expected)


LONG = {
    "linformer": lambda: LinformerAttention(2, KEY_DIM, max_length=700, projected_length=307),
    "memory_compressed": lambda: MemoryCompressedAttention(2, KEY_DIM, stride=2),
}


@pytest.mark.parametrize("name", LONG)
def test_long_inputs_are_the_same_in_blocks(name):
    x = np.random.default_rng(353).normal(size=(1, 613, 7)).astype("float32")
    layer = randomized(LONG[name](), x, x)
    mask = np.arange(613)[None] < 601
    calls = [{"value_mask": mask, "query_mask": mask}]
    calls += [{"use_causal_mask": True}] if name == "memory_compressed" else []
    for options in calls:
        expected, _ = layer(x, x, **options, return_attention_scores=True)
        assert_close(layer(x, x, **options), expected)


@pytest.mark.parametrize(("key", "windows"), [(18, 6), (19, 7), (1, 1), (None, None)])
def test_symbolic_number_of_windows(key, windows):
    layer = LAYERS["memory_compressed"]()
    query, value = keras.KerasTensor((BATCH, QUERY, 7)), keras.KerasTensor((BATCH, key, 13))
    _, weights = layer(query, value, return_attention_scores=True)
    assert weights.shape == (BATCH, HEADS, QUERY, windows)


@every_layer
def test_compiled_gradients(make):
    """Under XLA, with all masks the layer takes; in double precision where there is one."""
    dtype = "float32" if keras.backend.backend() == "jax" else "float64"
    query, value, key = (array.astype(dtype) for array in inputs())
    layer = randomized(make(dtype=dtype), query, value, key)
    masks = {"value_mask": key_mask(), "query_mask": query_mask()}

    def loss(*arrays):
        return ops.sum(layer(*arrays, **masks) ** 2)

    tensors = [ops.convert_to_tensor(array) for array in (query, value, key)]
    if keras.backend.backend() == "jax":
        import jax

        eager, compiled = jax.grad(loss, (0, 1, 2)), jax.jit(jax.grad(loss, (0, 1, 2)))
    else:
        import tensorflow as tf

        def eager(*arrays):
            with tf.GradientTape() as tape:
                tape.watch(arrays)
                total = loss(*arrays)
            return tape.gradient(total, arrays)

        compiled = tf.function(eager, jit_compile=True)
    expected = eager(*tensors)
    assert_close(compiled(*tensors), expected)
    for gradient in expected[1:]:
        assert (to_numpy(gradient)[~key_mask()] == 0).all()


REFUSED = {
    "attention_mask": (np.ones((BATCH, QUERY, KEY), bool), r"shape \(2, 11, 19\)"),
    "bias": (np.zeros((HEADS, QUERY, KEY), "float32"), r"shape \(1, 3, 11, 19\)"),
}


@every_layer
@pytest.mark.parametrize("name", REFUSED)
def test_what_speaks_of_single_keys_is_refused(make, name):
    query, value, key = inputs()
    given, shape = REFUSED[name]
    message = f"Expected no `{name}`: .* nothing can be said .*Received: {name} of {shape}"
    with pytest.raises(ValueError, match=message):
        make()(query, value, key, **{name: given})


def test_linformer_cannot_be_causal():
    query, value, key = inputs()
    message = "Expected no `use_causal_mask`: each projected key is made of all positions"
    with pytest.raises(ValueError, match=message):
        LAYERS["linformer"]()(query, value, key, use_causal_mask=True)


def test_linformer_has_a_longest_input():
    query, value, key = inputs(key=24)
    with pytest.raises(ValueError, match="at most 23 keys, `max_length`. Received: 24 keys"):
        LAYERS["linformer"]()(query, value, key)


@every_layer
def test_positions_that_make_a_bias_are_refused(make):
    query, value, key = inputs()
    with pytest.raises(ValueError, match="Expected no `bias`"):
        make(position=ALiBiPosition())(query, value, key)
    with pytest.raises(ValueError, match="a position that rotates.*Received: position=<Shaw"):
        make(position=ShawPosition(max_distance=3))


@pytest.mark.parametrize("name", ["max_length", "projected_length"])
def test_lengths_must_be_positive(name):
    lengths = {"max_length": 23, "projected_length": 7, name: 0}
    with pytest.raises(ValueError, match=f"`{name}` to be positive. Received: {name}=0"):
        LinformerAttention(HEADS, KEY_DIM, **lengths)


def test_the_stride_must_be_positive():
    with pytest.raises(ValueError, match="`stride` to be positive. Received: stride=0"):
        MemoryCompressedAttention(HEADS, KEY_DIM, stride=0)

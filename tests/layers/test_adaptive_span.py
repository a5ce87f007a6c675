"""Adaptive span: the paper's weights, the gradient and the loss of spans, the window."""

import keras
import numpy as np
import pytest
from cases_heads import joined, projected
from cases_linear import randomized
from keras import ops
from layer_checks import assert_close, gradients, to_numpy

from keras_attention.layers import LearnedSinks, QueryKeyNorm, TalkingHeads
from keras_attention.layers.multi_head.multi_head_attention import MultiHeadAttention
from keras_attention.layers.positions import ALiBiPosition, RotaryPosition, ShawPosition
from keras_attention.layers.positions.adaptive_span_position import AdaptiveSpanPosition
from keras_attention.layers.sparse.adaptive_span_attention import AdaptiveSpanAttention

BATCH, LENGTH, HEADS, KEY_DIM, MAX_SPAN, RAMP = 2, 29, 3, 4, 11, 5
SPANS = np.array([0.0, 0.35, 1.0], "float32")


def inputs(length=LENGTH):
    return np.random.default_rng(359).normal(size=(BATCH, length, 7)).astype("float32")


def make(spans=SPANS, **options):
    """A layer with random weights, and these spans."""
    layer = AdaptiveSpanAttention(HEADS, KEY_DIM, MAX_SPAN, RAMP, **options)
    x = inputs()
    layer = randomized(layer, x, x)
    layer.position.span.assign(spans)
    return layer


def key_mask(length=LENGTH):
    mask = np.ones((BATCH, length), bool)
    mask[0, [3, 4, 17]] = mask[1, -7:] = False
    return mask


def reference(layer, x, mask, causal):
    """The weights of section 2.2, pair by pair, and their context."""
    x = x.astype("float64")
    query, key = projected(layer, "query", x, HEADS), projected(layer, "key", x, HEADS)
    spans = to_numpy(layer.spans()).astype("float64")
    weights = np.zeros((BATCH, HEADS, x.shape[1], x.shape[1]))
    for batch, head, i, j in np.ndindex(*weights.shape):
        distance = abs(i - j)
        if mask[batch, j] and distance <= MAX_SPAN and not (causal and j > i):
            ramp = min(max((RAMP + spans[head] - distance) / RAMP, 0), 1)
            product = query[batch, head, i] @ key[batch, head, j] / np.sqrt(KEY_DIM)
            weights[batch, head, i, j] = ramp * np.exp(product)
    sums = weights.sum(axis=-1, keepdims=True)
    weights = np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)
    value = projected(layer, "value", x, HEADS)
    return joined(layer, np.einsum("bhqk,bhkd->bhqd", weights, value)), weights


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_papers_formula(masked, causal):
    x = inputs()
    layer = make()
    mask = key_mask() if masked else np.ones((BATCH, LENGTH), bool)
    options = {"value_mask": mask if masked else None, "use_causal_mask": causal}
    context, weights = reference(layer, x, mask, causal)
    assert_close(layer(x, x, **options, return_attention_scores=True), (context, weights))
    assert_close(layer(x, x, **options), context)


def test_weights_reach_as_far_as_spans():
    _, weights = make()(inputs(), inputs(), use_causal_mask=True, return_attention_scores=True)
    last = to_numpy(weights)[0, :, -1, ::-1]  # by head and distance
    # The ramp ends at span + ramp, the window at the longest span.
    for row, reach in zip(last, (RAMP - 1, 8, MAX_SPAN), strict=True):
        assert (row[: reach + 1] > 0).all()
        assert (row[reach + 1 :] == 0).all()


@pytest.mark.parametrize("causal", [False, True])
def test_long_inputs_cost_what_the_window_costs(causal):
    """The same result in a window, and no block of all pairs on the way."""
    x = inputs(613)
    layer, mask = make(), key_mask(613)
    options = {"value_mask": mask, "query_mask": mask, "use_causal_mask": causal}
    expected, weights = layer(x, x, **options, return_attention_scores=True)
    assert_close(layer(x, x, **options), expected)
    sizes, softmax = [], layer.normalizer

    def recorded(scores, mask=None):
        sizes.append(scores.shape[-1])
        return softmax(scores, mask)

    layer.normalizer = recorded
    layer(x, x, **options)
    assert max(sizes) <= 64
    layer(x, x, **options, return_attention_scores=True)
    assert max(sizes) == 613


def test_gradients_of_spans():
    """Finite differences of the loss along each span; the first lies at the lower end."""
    x = inputs()
    layer = make(np.array([0.1, 0.35, 0.6], "float32"))
    direction = np.random.default_rng(367).normal(size=x.shape).astype("float32")

    def loss(spans):
        query = layer.project_query(x)
        positions = ops.arange(LENGTH, dtype="int32")
        distance = ops.cast(ops.abs(positions[:, None] - positions), "float32")
        faded = (RAMP + MAX_SPAN * spans[:, None, None] - distance) / RAMP
        exponentials = ops.exp(ops.matmul(query, ops.swapaxes(layer.project_key(x), -2, -1)) / 2)
        weights = ops.where(distance <= MAX_SPAN, ops.clip(faded, 0.0, 1.0), 0.0) * exponentials
        weights = weights / ops.sum(weights, axis=-1, keepdims=True)
        context = ops.matmul(weights, layer._project_value(x))
        return ops.sum(ops.multiply(layer.merge_heads(context), direction))

    expected = gradients(loss, np.array([0.1, 0.35, 0.6], "float32"))[0]
    assert (np.abs(expected) > 1e-3).all()
    assert_close(span_gradient(layer, x, direction), expected, atol=1e-4)


def span_gradient(layer, x, direction):
    if keras.backend.backend() == "jax":
        import jax

        def loss(span):
            variables = [
                span if variable is layer.position.span else variable.value
                for variable in layer.trainable_variables
            ]
            context, _ = layer.stateless_call(variables, [], x, x)
            return ops.sum(ops.multiply(context, direction))

        return jax.grad(loss)(layer.position.span.value)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = ops.sum(ops.multiply(layer(x, x), direction))
    return tape.gradient(loss, layer.position.span.value)


def test_spans():
    assert_close(make().spans(), SPANS * MAX_SPAN)
    layer = make(initial_span=0.25)
    again = AdaptiveSpanAttention.from_config(layer.get_config())
    again.build((None, None, 7), (None, None, 7))
    assert_close(again.spans(), np.full(HEADS, 0.25 * MAX_SPAN))


def test_the_loss_is_the_mean_span():
    layer = make(span_penalty=0.5)
    layer(inputs(), inputs(), training=True)
    (loss,) = layer.losses
    assert_close(loss, np.float32(0.5 * np.mean(SPANS * MAX_SPAN)))


def test_spans_stay_between_zero_and_their_longest():
    """Steps so large that they would leave the range, down by the penalty and up by the task."""
    x = inputs()
    query = keras.Input((None, 7))
    for penalty, end in ((1e3, 0.0), (0.0, None)):
        layer = make(np.array([0.2, 0.5, 0.9], "float32"), span_penalty=penalty)
        model = keras.Model(query, layer(query, query))
        model.compile(keras.optimizers.SGD(1.0 if penalty else 100.0), loss="mse")
        for weight in layer.trainable_weights:
            weight.trainable = weight is layer.position.span
        model.fit(x, np.random.default_rng(373).normal(size=x.shape), epochs=3, verbose=0)
        spans = to_numpy(layer.position.span)
        assert ((spans >= 0) & (spans <= 1)).all()
        assert end is None or (spans == end).all()


def test_a_head_without_a_key_in_its_span_adds_nothing():
    """All keys but the first are masked, and the first is beyond the span of the first two."""
    x = inputs()
    mask = np.zeros((BATCH, LENGTH), bool)
    mask[:, 0] = True
    layer = make()
    context, weights = layer(x, x, value_mask=mask, return_attention_scores=True)
    expected = reference(layer, x, mask, causal=False)
    rows = slice(0, MAX_SPAN + 1)
    assert_close(
        (context[:, rows], weights[:, :, rows]), [array[..., rows, :] for array in expected]
    )
    assert (to_numpy(weights)[:, :2, MAX_SPAN] == 0).all()
    assert_close(to_numpy(weights)[:, 2, MAX_SPAN, 0], np.ones(BATCH))
    assert (to_numpy(context)[:, MAX_SPAN + 1 :] == 0).all()
    assert_close(layer(x, x, value_mask=mask), context)


@pytest.mark.parametrize("kind", ["rotary", "alibi", "shaw"])
@pytest.mark.parametrize("causal", [False, True])
def test_beside_another_position(kind, causal):
    """Long spans leave the other position's attention as it is."""
    make_position = {
        "rotary": RotaryPosition,
        "alibi": ALiBiPosition,
        "shaw": lambda: ShawPosition(max_distance=3),
    }[kind]
    x = inputs()
    plain = randomized(MultiHeadAttention(HEADS, KEY_DIM, position=make_position()), x, x)
    layer = AdaptiveSpanAttention(
        HEADS, KEY_DIM, max_span=LENGTH, initial_span=1.0, position=make_position()
    )
    layer.build(x.shape, x.shape)
    weights = [weight for weight in layer.trainable_weights if weight is not layer.position.span]
    for weight, other in zip(weights, plain.trainable_weights, strict=True):
        weight.assign(other)
    expected = plain(x, x, use_causal_mask=causal, return_attention_scores=True)
    assert_close(layer(x, x, use_causal_mask=causal, return_attention_scores=True), expected)
    assert_close(layer(x, x, use_causal_mask=causal), expected[0])
    again = AdaptiveSpanAttention.from_config(layer.get_config())
    assert type(again.position.position) is type(layer.position.position)


def test_the_position_alone_is_the_same_attention_without_the_window():
    x = inputs(MAX_SPAN)
    layer = make()
    position = AdaptiveSpanPosition(MAX_SPAN, RAMP)
    alone = randomized(MultiHeadAttention(HEADS, KEY_DIM, position=position), x, x)
    position.span.assign(SPANS)
    expected = layer(x, x, return_attention_scores=True)
    assert_close(alone(x, x, return_attention_scores=True), expected)


@pytest.mark.parametrize("name", ["max_span", "ramp"])
def test_sizes_must_be_positive(name):
    with pytest.raises(ValueError, match=f"`{name}` to be positive. Received: {name}=0"):
        AdaptiveSpanPosition(**{"max_span": MAX_SPAN, name: 0})


def test_the_start_is_a_share():
    with pytest.raises(ValueError, match="between 0 and 1. Received: initial_span=7"):
        AdaptiveSpanAttention(HEADS, KEY_DIM, MAX_SPAN, initial_span=7)


def test_the_penalty_is_not_negative():
    with pytest.raises(ValueError, match="not to be negative. Received: span_penalty=-1"):
        AdaptiveSpanAttention(HEADS, KEY_DIM, MAX_SPAN, span_penalty=-1)


@pytest.mark.parametrize("alone", [False, True])
def test_parts_that_mix_heads_are_refused(alone):
    parts = [TalkingHeads()]
    with pytest.raises(ValueError, match="of one head alone. Received: parts=.*TalkingHeads"):
        if alone:
            MultiHeadAttention(HEADS, KEY_DIM, position=AdaptiveSpanPosition(5), parts=parts)
        else:
            AdaptiveSpanAttention(HEADS, KEY_DIM, MAX_SPAN, parts=parts)
    AdaptiveSpanAttention(HEADS, KEY_DIM, MAX_SPAN, parts=[LearnedSinks(), QueryKeyNorm()])


def test_there_is_no_normalizer():
    with pytest.raises(TypeError, match="normalizer"):
        AdaptiveSpanAttention(HEADS, KEY_DIM, MAX_SPAN, normalizer="sparsemax")

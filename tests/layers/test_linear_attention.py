"""Linear attention and Performer: the papers' formulas, the recurrent form, what is refused."""

import itertools

import keras
import numpy as np
import pytest
from cases_heads import joined, projected
from cases_linear import randomized
from keras import ops
from layer_checks import assert_close, gradients, to_numpy

from keras_attention.layers import LearnedSinks, MultiHeadAttention, QueryKeyNorm, TalkingHeads
from keras_attention.layers.efficient.linear_attention import LinearAttention
from keras_attention.layers.efficient.performer_attention import PerformerAttention
from keras_attention.layers.positions import ALiBiPosition, RotaryPosition, ShawPosition

BATCH, QUERY, KEY, HEADS, KEY_DIM, VALUE_DIM = 2, 11, 19, 3, 4, 5
LAYERS = {
    "linear": lambda **options: LinearAttention(HEADS, KEY_DIM, VALUE_DIM, **options),
    "performer": lambda **options: PerformerAttention(
        HEADS, KEY_DIM, num_features=13, value_dim=VALUE_DIM, seed=311, **options
    ),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS.keys())


def inputs(query=QUERY, key=KEY):
    generator = np.random.default_rng(313)
    shapes = (query, 7), (key, 13), (key, 17)
    return [generator.normal(size=(BATCH, *shape)).astype("float32") for shape in shapes]


def all_masks(query=QUERY, key=KEY):
    """Masks of each kind by the name of their call argument."""
    generator = np.random.default_rng(317)
    masks = {
        "query_mask": generator.random((BATCH, query)) < 0.7,
        "value_mask": generator.random((BATCH, key)) < 0.7,
        "attention_mask": generator.random((BATCH, query, key)) < 0.5,
        "use_causal_mask": True,
    }
    masks["value_mask"][1, :3] = False  # the first queries see nothing under the causal mask
    return masks


def dense(masks, query=QUERY, key=KEY):
    """The masks as one block, from their definitions."""
    block = np.ones((BATCH, query, key), bool)
    for batch, i, j in np.ndindex(*block.shape):
        rules = []
        if "query_mask" in masks:
            rules.append(masks["query_mask"][batch, i])
        if "value_mask" in masks:
            rules.append(masks["value_mask"][batch, j])
        if "attention_mask" in masks:
            rules.append(masks["attention_mask"][batch, i, j])
        if "use_causal_mask" in masks:
            rules.append(j <= i)
        block[batch, i, j] = all(rules)
    return block


def linear_features(layer, x):
    """Equation 7 of Katharopoulos et al."""
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def performer_features(layer, x):
    """Equation 5 of Choromanski et al., with the functions of lemma 1, row by row."""
    rows, x = to_numpy(layer.projection).astype("float64"), x / layer.key_dim**0.25
    features = np.zeros((*x.shape[:-1], len(rows)))
    for number, row in enumerate(rows):
        features[..., number] = np.exp(x @ row - np.sum(x**2, axis=-1) / 2) / np.sqrt(len(rows))
    return features


FEATURES = {LinearAttention: linear_features, PerformerAttention: performer_features}


def reference(layer, query, value, key, block):
    """Weights and context by the definition: equation 4 of Katharopoulos et al."""
    query, value, key = (array.astype("float64") for array in (query, value, key))
    features = FEATURES[type(layer)]
    query = features(layer, projected(layer, "query", query, HEADS))
    key = features(layer, projected(layer, "key", key, HEADS))
    weights = np.zeros((BATCH, HEADS, query.shape[2], key.shape[2]))
    for batch, head, i, j in np.ndindex(*weights.shape):
        if block[batch, i, j]:
            weights[batch, head, i, j] = query[batch, head, i] @ key[batch, head, j]
    sums = weights.sum(axis=-1, keepdims=True)
    weights = np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)
    value = projected(layer, "value", value, HEADS)
    context = joined(layer, np.einsum("bhqk,bhkd->bhqd", weights, value))
    return weights, np.where(block.any(axis=-1, keepdims=True), context, 0.0)


@pytest.mark.default_cases(3)
@every_layer
@pytest.mark.parametrize(
    "names",
    [
        names
        for number in range(5)
        for names in itertools.combinations(
            ("query_mask", "value_mask", "attention_mask", "use_causal_mask"), number
        )
    ],
    ids=lambda names: "+".join(names) or "no masks",
)
def test_papers_formula_under_every_combination_of_masks(make, names):
    """Both ways: the cheap one, and the one that also returns the weights."""
    query, value, key = inputs()
    layer = randomized(make(), query, value, key)
    masks = {name: mask for name, mask in all_masks().items() if name in names}
    weights, context = reference(layer, query, value, key, dense(masks))
    assert_close(layer(query, value, key, **masks), context, atol=3e-5)
    result = layer(query, value, key, **masks, return_attention_scores=True)
    assert_close(result, (context, weights), atol=3e-5)


@every_layer
def test_gradients_are_the_same_both_ways(make):
    query, value, key = inputs()
    layer = randomized(make(), query, value, key)
    masks = {name: all_masks()[name] for name in ("query_mask", "value_mask", "use_causal_mask")}
    direction = np.random.default_rng(331).normal(size=query.shape).astype("float32")

    def cheap(*arrays):
        return ops.sum(ops.multiply(layer(*arrays, **masks), direction))

    def by_weights(*arrays):
        return ops.sum(
            ops.multiply(layer(*arrays, **masks, return_attention_scores=True)[0], direction)
        )

    ways = [gradients(way, query, value, key) for way in (cheap, by_weights)]
    assert_close(list(ways[0]), list(ways[1]), atol=3e-5)
    assert (ways[0][1][~masks["value_mask"]] == 0).all()


def test_dropout_drops_weights():
    query, value, key = inputs()
    layer = randomized(LinearAttention(HEADS, KEY_DIM, dropout=0.25, seed=337), query, value, key)
    _, weights = layer(query, value, key, return_attention_scores=True)
    context, dropped = layer(query, value, key, return_attention_scores=True, training=True)
    kept = to_numpy(dropped) != 0
    assert 0.65 < kept.mean() < 0.85
    assert_close(to_numpy(dropped)[kept], to_numpy(weights)[kept] / 0.75)
    # Without asking for weights they are dropped as well.
    assert np.abs(to_numpy(layer(query, value, key, training=True) - context)).max() > 0.01


RECURRENT = {
    **LAYERS,
    "grouped": lambda: LinearAttention(6, KEY_DIM, VALUE_DIM, num_key_value_heads=2),
    "rotary": lambda: LinearAttention(HEADS, KEY_DIM, position=RotaryPosition()),
    "normalized": lambda: LinearAttention(HEADS, KEY_DIM, parts=[QueryKeyNorm()]),
    "performer_grouped": lambda: PerformerAttention(
        6, KEY_DIM, num_features=13, num_key_value_heads=3, seed=311
    ),
}


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("make", RECURRENT.values(), ids=RECURRENT.keys())
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_recurrent_network_equals_the_causal_pass(make, scale):
    x = scale * inputs(query=43)[0]
    layer = randomized(make(), x, x)
    expected = layer(x, x, use_causal_mask=True)
    state = layer.recurrent_start(BATCH)
    sizes = keras.tree.map_structure(lambda leaf: tuple(leaf.shape), state)
    for position in range(43):
        here = slice(position, position + 1)
        context, state = layer.recurrent_step(x[:, here], state)
        assert_close(context, expected[:, here], atol=1e-4)
    assert keras.tree.map_structure(lambda leaf: tuple(leaf.shape), state) == sizes
    assert all(size[0] == BATCH for size in sizes.values())


@every_layer
def test_the_recurrent_network_in_half_precision(make):
    x = inputs()[0]
    single = randomized(make(), x, x)
    half = randomized(make(dtype="mixed_float16"), x, x)
    half.set_weights(single.get_weights())
    state = half.recurrent_start(BATCH)
    for position in range(QUERY):
        context, state = half.recurrent_step(x[:, position : position + 1], state)
        assert keras.backend.standardize_dtype(context.dtype) == "float16"
    expected = single(x, x, use_causal_mask=True)[:, -1:]
    assert_close(ops.cast(context, "float32"), expected, atol=5e-3)
    assert keras.backend.standardize_dtype(state["summary"].dtype) == "float32"


@every_layer
def test_what_comes_later_changes_nothing(make):
    x = inputs(query=43)[0]
    layer = randomized(make(), x, x)
    changed = x.copy()
    changed[:, 31:] *= -3.0
    before, after = (layer(array, array, use_causal_mask=True) for array in (x, changed))
    assert_close(after[:, :31], before[:, :31])


@every_layer
def test_a_bias_has_no_place(make):
    query, value, key = inputs()
    message = r"Expected no bias: .* Received: bias of shape \(1, 1, 11, 19\)"
    with pytest.raises(ValueError, match=message):
        make()(query, value, key, bias=np.zeros((QUERY, KEY), "float32"))


@every_layer
def test_positions_that_make_a_bias_are_refused(make):
    x = inputs()[0]
    layer = randomized(make(position=ALiBiPosition()), x, x)
    with pytest.raises(ValueError, match="Expected no bias: linear attention never computes"):
        layer(x, x)
    with pytest.raises(ValueError, match="Expected no bias: linear attention never computes"):
        layer.recurrent_step(x[:, :1], layer.recurrent_start(BATCH))


@every_layer
@pytest.mark.parametrize("part", [TalkingHeads, LearnedSinks])
def test_parts_that_read_weights_are_refused(make, part):
    with pytest.raises(ValueError, match="no parts that read scores or weights.*Received: .*parts"):
        make(parts=[part()])


@every_layer
def test_positions_that_read_weights_are_refused(make):
    with pytest.raises(ValueError, match="no position .*Received: position=<ShawPosition"):
        make(position=ShawPosition(max_distance=3))


@every_layer
def test_there_is_no_normalizer(make):
    with pytest.raises(TypeError, match="normalizer"):
        make(normalizer="sparsemax")


def test_number_of_features_must_be_positive():
    with pytest.raises(ValueError, match="`num_features` to be positive. Received: num_features=0"):
        PerformerAttention(HEADS, KEY_DIM, num_features=0)


def test_performer_comes_nearer_to_softmax_as_features_grow():
    """Sixteen times the features, a quarter of the error; asked for is less than a half."""
    query, value, key = (0.5 * array for array in inputs())
    exact = randomized(MultiHeadAttention(HEADS, KEY_DIM), query, value, key)
    masks = {"value_mask": all_masks()["value_mask"], "use_causal_mask": True}
    expected = exact(query, value, key, **masks, return_attention_scores=True)
    errors = []
    for num_features in (16, 256, 4096):
        squares = []
        for seed in range(5):
            layer = PerformerAttention(HEADS, KEY_DIM, num_features=num_features, seed=seed)
            layer = randomized(layer, query, value, key)
            estimate = layer(query, value, key, **masks, return_attention_scores=True)
            pairs = zip(estimate, expected, strict=True)
            squares.append([np.mean(to_numpy(one - other) ** 2) for one, other in pairs])
        sizes = [np.mean(to_numpy(one) ** 2) for one in expected]
        errors.append(np.sqrt(np.mean(squares, axis=0) / sizes))
    assert (errors[1] < errors[0] / 2).all()
    assert (errors[2] < errors[1] / 2).all()
    assert (errors[2] < 0.1).all()


def test_scores_far_out_of_range():
    """Exponents of thousands: weights are finite and sum to one, as those of softmax do."""
    query, value, key = (100 * array for array in inputs())
    layer = randomized(LAYERS["performer"](), query, value, key)
    context, weights = layer(query, value, key, return_attention_scores=True)
    assert np.isfinite(to_numpy(context)).all()
    assert_close(ops.sum(weights, axis=-1), np.ones((BATCH, HEADS, QUERY)))
    assert_close(layer(query, value, key) / 100, context / 100)


def test_padding_does_not_set_the_scale():
    """A key of padding that would leave float32 changes nothing, nor does it break gradients."""
    query, value, key = inputs()
    mask = all_masks()["value_mask"]
    layer = randomized(LAYERS["performer"](), query, value, key)
    expected = layer(query, value, key, value_mask=mask)
    key[~mask] *= 1e4
    assert_close(layer(query, value, key, value_mask=mask), expected)
    result = gradients(lambda *arrays: ops.sum(layer(*arrays, value_mask=mask)), query, value, key)
    assert all(np.isfinite(gradient).all() for gradient in result)


def test_random_features_are_drawn_from_the_seed_and_not_trained():
    x = inputs()[0]
    same = [randomized(LAYERS["performer"](), x, x) for _ in range(2)]
    assert_close(same[0].projection, same[1].projection)
    before = to_numpy(same[0].projection).copy()
    model = keras.Sequential([keras.Input((None, 7)), SelfAttention(same[0])])
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    kernel = to_numpy(same[0].query_kernel).copy()
    model.fit(x, np.ones_like(x), verbose=0)
    np.testing.assert_array_equal(to_numpy(same[0].projection), before)
    assert (to_numpy(same[0].query_kernel) != kernel).any()


def test_layers_without_a_seed_differ():
    x = inputs()[0]
    layers = [randomized(PerformerAttention(HEADS, KEY_DIM, 13), x, x) for _ in range(2)]
    assert np.abs(to_numpy(layers[0].projection - layers[1].projection)).max() > 0.1


class SelfAttention(keras.layers.Layer):
    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def call(self, x, training=None):
        return self.attention(x, x, training=training)

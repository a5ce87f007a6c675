"""The checklist that every attention layer passes (STYLE.md, rule 6).

The `CASES` of the files `tests/cases_*.py` say how to make each layer and which sizes its query and
key have; `tests/layers/test_checklist.py` runs all `CHECKS` over all of them, and the table of
`docs/conformance.md` is made from the outcome. A check is called with the case and its `Exports`.

Every size is a different prime, so that a swapped axis cannot pass.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
from comparisons import (
    assert_close,
    assert_compiled_equals_eager,
    gradients,
    half_precision,
    to_numpy,
)
from exports import SHARED_CHECKS
from keras import ops

from keras_attention.ops import Masks

BATCH, QUERY, KEY, VALUE_DIM = 2, 3, 5, 13


@dataclass(frozen=True)
class LayerCase:
    """How to make a layer, and the sizes it is called with.

    Args:
        make: Function of keyword arguments (`normalizer`, `dropout`, ...) that makes the layer.
        query_dim, key_dim: Last dimensions.
        heads: Number of heads where the weights have that axis second; the context then has the
            query's last dimension, otherwise the values'.
        self_attention: Whether query and key must have one length.
        causal: Whether the layer's own pattern hides what comes later. The first query then sees
            one key, has nothing to choose, and no gradient.
        options: Arguments for the round trip of the configuration, not their defaults.
        refuses: From a check's name to the message of the error with which the layer says that it
            cannot do this, and why.
        leaves_out: From a check's name to the reason why it says nothing about this layer.
        weights_of_keys: Whether each weight belongs to one key, and not to a window or a mixture.
        counts_padding: Whether `value_mask` says how long the source is, and so more than which
            keys may be attended to.
        long: Lengths of query and key that are more than a chunk of any layer; what a layer
            multiplies by a position in float32 is known less well the longer the input.
        multiply: Function `(layer, weights, value) -> context` in NumPy, from the weights that the
            layer returned; the plain sum of the values if not given.
    """

    make: Callable[..., keras.layers.Layer]
    query_dim: int
    key_dim: int
    heads: int | None = None
    self_attention: bool = False
    causal: bool = False
    options: dict = field(
        default_factory=lambda: {"normalizer": "sparsemax", "dropout": 0.25, "seed": 31}
    )
    refuses: dict = field(default_factory=dict)
    leaves_out: dict = field(default_factory=dict)
    weights_of_keys: bool = True
    counts_padding: bool = False
    long: tuple = (149, 151)
    multiply: Callable | None = None
    nothing = "there is nothing to check"

    @property
    def context_dim(self):
        return VALUE_DIM if self.heads is None else self.query_dim

    @property
    def queries(self):
        return KEY if self.self_attention else QUERY

    def of_head(self, weights):
        """An array that broadcasts to the weights, from one that does to (batch, query, key)."""
        return weights if self.heads is None else np.expand_dims(weights, 1)

    def query_mask(self):
        """The last query of the first sentence and all but the first of the last are padding."""
        mask = np.ones((BATCH, self.queries), bool)
        mask[0, -1] = False
        mask[-1, 1:] = False
        return mask

    def arrays(self, batch=BATCH, query=None, key=KEY, seed=29):
        """Query, value and key; values are of another size than keys."""
        query = query or (key if self.self_attention else QUERY)
        generator = np.random.default_rng(seed)
        sizes = (query, self.query_dim), (key, VALUE_DIM), (key, self.key_dim)
        return tuple(generator.normal(size=(batch, *size)).astype("float32") for size in sizes)

    def shapes(self, length):
        """Of query, value and key, one example of this length."""
        return [(1, length, size) for size in (self.query_dim, VALUE_DIM, self.key_dim)]

    def apply(self, layer, *arrays):
        return layer(*arrays)

    def forms(self):
        """The ways to call the layer, as options; each may take a path of its own.

        The one with two outputs comes first: Keras 3.15 cannot make a model of it behind another.
        """
        forms = [{"return_attention_scores": True}, {}]
        if "causal" in self.refuses:
            return forms
        # A causal pattern leaves out blocks of what it computes otherwise.
        forms = forms[:1] if self.self_attention else forms
        return [*forms, {"use_causal_mask": True}]

    def model(self, **options):
        """A functional model of this one layer, of free lengths, with a mask as an input.

        Its outputs are those of all `forms`, one after the other.
        """
        query = keras.Input((None, self.query_dim), name="query")
        value = keras.Input((None, VALUE_DIM), name="value")
        key = keras.Input((None, self.key_dim), name="key")
        mask = keras.Input((None,), dtype="bool", name="mask")
        layer = self.make(**options)
        outputs = [layer(query, value, key, value_mask=mask, **form) for form in self.forms()]
        return keras.Model([query, value, key, mask], keras.tree.flatten(outputs))

    def batches(self):
        """Inputs of the model: short ones, a single query, and more than a chunk of any layer.

        The last sentence of the last batch has no key.
        """
        sizes = (BATCH, QUERY, KEY), (3, 1, 7), (BATCH, *self.long)
        batches = [
            [*self.arrays(batch, None if self.self_attention else query, key), key_mask(batch, key)]
            for batch, query, key in sizes
        ]
        batches[-1][-1][-1] = False
        return batches


def key_mask(batch=BATCH, key=KEY):
    """The first sentence is one position shorter, the last one position long."""
    lengths = np.full(batch, key)
    lengths[0], lengths[-1] = key - 1, 1
    return np.arange(key) < lengths[:, None]  # (batch, key)


def check_symbolic_shape(case, exports):
    query, value, key = case.arrays()
    layer = case.make()
    for options in ({}, {"return_attention_scores": True}):
        symbolic = layer(
            *(keras.KerasTensor(array.shape) for array in (query, value)),
            key=keras.KerasTensor(key.shape),
            **options,
        )
        eager = layer(query, value, key, **options)
        for one, other in zip(keras.tree.flatten(symbolic), keras.tree.flatten(eager), strict=True):
            assert tuple(one.shape) == tuple(other.shape)
            assert one.dtype == keras.backend.standardize_dtype(other.dtype)
    assert layer.compute_output_shape(query.shape, value.shape) == (
        *query.shape[:2],
        case.context_dim,
    )


def check_fit_step(case, exports):
    attention = case.model(dropout=0.1)
    _, _, context, *_ = attention.outputs
    # Not every attention has weights; the model always has some to train.
    model = keras.Model(attention.inputs, keras.layers.Dense(1)(context))
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    before = model.get_weights()
    inputs = [*case.arrays(), key_mask()]
    history = model.fit(inputs, np.ones((BATCH, case.queries, 1)), epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for one, other in zip(before, model.get_weights(), strict=True):
        assert np.isfinite(other).all()
        assert (one != other).any()


def check_mixed_precision(case, exports):
    inputs = case.arrays()
    single = case.make()
    expected = single(*inputs, value_mask=key_mask(), return_attention_scores=True)
    for policy, atol in (("mixed_float16", 5e-3), ("mixed_bfloat16", 5e-2)):
        layer = case.make(dtype=policy)
        layer.build(*(array.shape for array in inputs))
        layer.set_weights(single.get_weights())
        outputs = layer(*inputs, value_mask=key_mask(), return_attention_scores=True)
        for output in outputs:
            assert keras.backend.standardize_dtype(output.dtype) == layer.compute_dtype
        assert all(weight.dtype == "float32" for weight in layer.weights)
        assert_close([ops.cast(output, "float32") for output in outputs], expected, atol=atol)


def check_overflow(case, exports):
    query, value, key = case.arrays()
    # 300 is harmless in float16, and the products of 300 times 300 are not.
    inputs = 300 * query, value, 300 * key
    half_precision(case.make, inputs, return_attention_scores=True)


def check_masks(case, exports):
    query, value, key = case.arrays()
    layer = case.make()
    mask = key_mask()
    context, weights = layer(query, value, key, value_mask=mask, return_attention_scores=True)
    if case.weights_of_keys:
        ruled_out = np.broadcast_to(case.of_head(~mask[:, None]), weights.shape)
        assert (to_numpy(weights)[ruled_out] == 0).all()
    assert_close(layer(query, value, key, key_mask=mask), context)

    query_mask = case.query_mask()
    masked = to_numpy(layer(query, value, key, query_mask=query_mask, value_mask=mask))
    assert (masked[~query_mask] == 0).all()
    assert_close(masked[query_mask], to_numpy(context)[query_mask])

    nothing = np.zeros((BATCH, KEY), bool)
    for output in layer(query, value, key, value_mask=nothing, return_attention_scores=True):
        assert (to_numpy(output) == 0).all()


def check_explicit_mask(case, exports):
    query, value, key = case.arrays()
    layer = case.make()
    mask = key_mask()
    padding = {"value_mask": mask} if case.counts_padding else {}
    full = np.broadcast_to(mask[:, None], (BATCH, case.queries, KEY))
    assert_close(
        layer(query, value, key, attention_mask=full, **padding),
        layer(query, value, key, value_mask=mask),
    )
    causal = np.broadcast_to(np.tri(case.queries, KEY) > 0, full.shape)
    assert_close(
        layer(query, value, key, attention_mask=causal),
        layer(query, value, key, use_causal_mask=True),
    )


def check_all_masks(case, exports):
    """Padding, causal and explicit masks together are one explicit mask."""
    query, value, key = case.arrays()
    layer = case.make()
    mask, query_mask = key_mask(), case.query_mask()
    mask[0, 0] = False  # under the causal mask the first query then has no key
    some = np.random.default_rng(43).random((BATCH, case.queries, KEY)) < 0.6
    some[0, 1] = False
    one = some & query_mask[..., None] & mask[:, None] & (np.tri(case.queries, KEY) > 0)
    rows = one.any(axis=-1)
    assert not rows[0, :2].any() and rows.any()
    padding = {"value_mask": mask} if case.counts_padding else {}
    masks = {"query_mask": query_mask, "value_mask": mask, "attention_mask": some}
    context, weights = to_numpy(
        layer(query, value, key, **masks, use_causal_mask=True, return_attention_scores=True)
    )
    expected = layer(query, value, key, attention_mask=one, **padding, return_attention_scores=True)
    assert_close((context, weights), expected)
    assert_close(layer(query, value, key, **masks, use_causal_mask=True), context)
    assert (context[~rows] == 0).all()
    assert (weights[np.broadcast_to(case.of_head(~one), weights.shape)] == 0).all()


def check_padding_might_as_well_not_be_there(case, exports):
    query, value, key = case.arrays()
    layer = case.make()
    mask = key_mask()
    context = to_numpy(layer(query, value, key, value_mask=mask))
    for row in range(BATCH):
        length = mask[row].sum()
        cut = [array[row : row + 1, :length] for array in (value, key)]
        rows = length if case.self_attention else QUERY
        alone = layer(query[row : row + 1, :rows], *cut)
        assert_close(alone, context[row : row + 1, :rows])


def check_causal(case, exports):
    query, value, key = case.arrays()
    layer = case.make()
    causal = layer(query, value, key, use_causal_mask=True, return_attention_scores=True)
    context, weights = to_numpy(causal)
    if case.weights_of_keys:
        assert (weights[np.triu(np.ones(weights.shape), 1) > 0] == 0).all()
    generator = np.random.default_rng(47)
    for position in range(case.queries):  # what comes later changes nothing
        late = [generator.normal(size=array.shape).astype("float32") for array in (value, key)]
        for new, old in zip(late, (value, key), strict=True):
            new[:, : position + 1] = old[:, : position + 1]
        changed = to_numpy(layer(query, *late, use_causal_mask=True))
        assert_close(changed[:, position], context[:, position])


def check_implicit_masks(case, exports):
    query, value, key = case.arrays()
    mask = key_mask()
    query_mask = case.query_mask()
    masking = keras.layers.Masking()
    inputs = (
        masking(query * query_mask[..., None]),
        masking(value * mask[..., None]),
        masking(key * mask[..., None]),
    )
    layer = case.make()
    context = layer(*inputs)
    assert_close(context, layer(query, value, key, query_mask=query_mask, value_mask=mask))
    np.testing.assert_array_equal(to_numpy(context._keras_mask), query_mask)


def check_gradients(case, exports):
    query, value, key = case.arrays()
    mask = key_mask()
    query_mask = case.query_mask()
    query_mask[-1] = False
    layer = case.make()
    layer.build(query.shape, value.shape, key.shape)
    direction = np.random.default_rng(53).normal(size=(*query.shape[:2], case.context_dim))

    def loss(*inputs):
        context = layer(*inputs, query_mask=query_mask, value_mask=mask)
        return ops.sum(context * ops.cast(direction, context.dtype))

    results = gradients(loss, query, value, key)
    choosing = query_mask.copy()
    choosing[:, 0] &= not case.causal
    seen = mask & query_mask.any(axis=-1, keepdims=True)
    for result, alive in zip(results, (query_mask, seen, seen), strict=True):
        assert np.isfinite(result).all()
        assert (result[~alive] == 0).all()
    for result, alive in zip(results, (choosing, seen, seen), strict=True):
        assert (result[alive] != 0).any(axis=-1).all()


def check_finite_differences(case, exports):
    arrays = [array.astype("float64") for array in case.arrays()]
    mask = key_mask()
    layer = case.make(dtype="float64")
    layer.build(*(array.shape for array in arrays))
    generator = np.random.default_rng(59)
    direction = generator.normal(size=(*arrays[0].shape[:2], case.context_dim))

    def loss(*inputs):
        return ops.sum(layer(*inputs, value_mask=mask) * ops.cast(direction, "float64"))

    results = gradients(loss, *arrays)
    step = 1e-6
    for index, result in enumerate(results):
        along = generator.normal(size=arrays[index].shape)
        ahead, behind = list(arrays), list(arrays)
        ahead[index], behind[index] = arrays[index] + step * along, arrays[index] - step * along
        slope = (to_numpy(loss(*ahead)) - to_numpy(loss(*behind))) / (2 * step)
        np.testing.assert_allclose((result * along).sum(), slope, rtol=1e-5, atol=1e-7)


def check_compiled(case, exports):
    arrays = case.arrays()
    mask = key_mask()
    layer = case.make()

    def call(*inputs):
        return [layer(*inputs, value_mask=mask, **form) for form in case.forms()]

    assert_compiled_equals_eager(call, *arrays)


def check_stepping(case, exports):
    query, value, key = case.arrays()
    mask = key_mask()
    layer = case.make()
    context, weights = layer(query, value, key, value_mask=mask, return_attention_scores=True)
    memory = layer.project_memory(ops.convert_to_tensor(value), ops.convert_to_tensor(key))
    state = layer.start(memory)
    for position in range(case.queries):
        here = slice(position, position + 1)
        *stepped, state = layer.step(query[:, here], memory, Masks(key=mask), state)
        assert_close(stepped, (context[:, here], weights[..., here, :]))


def check_dropout(case, exports):
    """The mean context of many draws is that without dropout."""
    draws, share = 3001, 0.4
    inputs = [np.tile(array[:1], (draws, 1, 1)) for array in case.arrays()]
    means, variances = [], []
    without = case.make(seed=41)
    for layer in (without, case.make(dropout=share, seed=43)):
        layer.build(*(array.shape for array in inputs))
        layer.set_weights(without.get_weights())
        contexts = to_numpy(layer(*inputs, training=True)).astype("float64")
        means.append(contexts.mean(axis=0))
        variances.append(contexts.var(axis=0) / draws)
    # Six standard deviations of the difference of two means, and what float32 rounds.
    bound = 6 * np.sqrt(sum(variances)) + 1e-5
    assert (np.abs(means[0] - means[1]) <= bound).all()
    # Weights that are not made larger for those that are dropped would be told apart.
    assert (share * np.abs(means[0]) > 2 * bound).any()


def check_weights_are_what_was_multiplied(case, exports):
    query, value, key = case.arrays(key=59)
    layer = case.make(dropout=0.5, seed=37)
    context, weights = layer(query, value, key, return_attention_scores=True, training=True)
    assert (to_numpy(weights) == 0).any()
    if case.multiply is None:
        expected = np.einsum("bqk,bkd->bqd", to_numpy(weights), value)
    else:
        expected = case.multiply(layer, to_numpy(weights), value)
    assert_close(context, expected)


CHECKS = [
    *(function for name, function in list(globals().items()) if name.startswith("check_")),
    *SHARED_CHECKS,
]

"""The checklist of the layers with one input: pooling, and attention over feature maps.

The counterpart of `tests/layer_checks.py` for layers that are called as `layer(inputs, mask=None,
return_attention_scores=False)`; `tests/input_cases.py` says how to make each of them.

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

__all__ = ["CHECKS", "InputCase"]
BATCH = 2


@dataclass(frozen=True)
class InputCase:
    """How to make a layer, and the shape it is called with.

    Args:
        make: Function of keyword arguments that makes the layer.
        shape: Of one example, the channels included.
        other_shape: Of another example, of other lengths.
        keeps_positions: Whether the output has the positions of the input; otherwise it is a
            vector, and consumes the mask.
        self_attention: Whether positions attend to each other, so that there are causal and
            explicit masks too.
        adds_input: Whether the output is the input and more, also where it is padding.
        channels_first: Whether the channels are the first axis of an example, not its last.
        options: Arguments for the round trip of the configuration, not their defaults.
        refuses, leaves_out: As those of `LayerCase`.
    """

    make: Callable[..., keras.layers.Layer]
    shape: tuple
    other_shape: tuple
    keeps_positions: bool
    self_attention: bool = False
    adds_input: bool = False
    channels_first: bool = False
    options: dict = field(default_factory=dict)
    refuses: dict = field(default_factory=dict)
    leaves_out: dict = field(default_factory=dict)
    nothing = "one input: there are no queries"

    def shapes(self, length):
        """Of one example of this length."""
        return [(1, *self.with_positions(length, *self.positions()[1:]))]

    def apply(self, layer, *arrays):
        return layer(*arrays)

    def positions(self, shape=None):
        """An example's shape without the channels."""
        shape = shape or self.shape
        return shape[1:] if self.channels_first else shape[:-1]

    def array(self, batch=BATCH, shape=None, seed=61):
        shape = (batch, *(shape or self.shape))
        return np.random.default_rng(seed).normal(size=shape).astype("float32")

    def mask(self, batch=BATCH, shape=None):
        """The first example lacks its last row and column, the last has one position alone."""
        positions = self.positions(shape)
        mask = np.ones((batch, *positions), bool)
        mask[0] = False
        mask[(0, *(slice(size - 1) for size in positions))] = True
        mask[-1] = False
        mask[(-1, *(0 for _ in positions))] = True
        return mask

    def over_channels(self, mask):
        """The mask as it broadcasts to the inputs."""
        return np.expand_dims(mask, 1 if self.channels_first else -1)

    def with_positions(self, *positions):
        """The shape of an example with these positions."""
        channels = self.shape[0 if self.channels_first else -1]
        return (channels, *positions) if self.channels_first else (*positions, channels)

    def model(self, **options):
        """A functional model of this one layer, of free lengths, with the mask as an input."""
        free = [None] * len(self.positions())
        inputs = keras.Input(self.with_positions(*free), name="inputs")
        mask = keras.Input(free, dtype="bool", name="mask")
        outputs = self.make(**options)(inputs, mask=mask, return_attention_scores=True)
        return keras.Model([inputs, mask], outputs)

    def batches(self):
        """Inputs of the model: of two batch sizes and lengths."""
        sizes = (BATCH, self.shape), (3, self.other_shape)
        return [[self.array(*size), self.mask(*size)] for size in sizes]


class Marked(keras.layers.Layer):
    """Passes its input on, with a Keras mask."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        return inputs


def check_symbolic_shape(case, exports):
    inputs = case.array()
    layer = case.make()
    for options in ({}, {"return_attention_scores": True}):
        symbolic = layer(keras.KerasTensor(inputs.shape), **options)
        eager = layer(inputs, **options)
        for one, other in zip(keras.tree.flatten(symbolic), keras.tree.flatten(eager), strict=True):
            assert tuple(one.shape) == tuple(other.shape)
            assert one.dtype == keras.backend.standardize_dtype(other.dtype)
    assert layer.compute_output_shape(inputs.shape) == tuple(layer(inputs).shape)


def check_fit_step(case, exports):
    inputs = keras.Input(case.shape)
    model = keras.Model(inputs, case.make()(inputs))
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    before = model.get_weights()
    arrays = case.array(), np.ones((BATCH, *model.output_shape[1:]))
    history = model.fit(*arrays, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for one, other in zip(before, model.get_weights(), strict=True):
        assert np.isfinite(other).all()
        assert (one != other).any()


def check_mixed_precision(case, exports):
    inputs, mask = case.array(), case.mask()
    single = case.make()
    expected = single(inputs, mask=mask, return_attention_scores=True)
    for policy, atol in (("mixed_float16", 5e-3), ("mixed_bfloat16", 5e-2)):
        layer = case.make(dtype=policy)
        layer.build(inputs.shape)
        layer.set_weights(single.get_weights())
        outputs = layer(inputs, mask=mask, return_attention_scores=True)
        for output in outputs:
            assert keras.backend.standardize_dtype(output.dtype) == layer.compute_dtype
        assert all(weight.dtype == "float32" for weight in layer.weights)
        assert_close([ops.cast(output, "float32") for output in outputs], expected, atol=atol)


def check_overflow(case, exports):
    # 3000 is harmless in float16, and the sum of 30 of them is not.
    inputs = 3000 * np.abs(case.array())
    half_precision(case.make, [inputs], return_attention_scores=True)


def check_masks(case, exports):
    inputs, mask = case.array(), case.mask()
    layer = case.make()
    output, *weights = to_numpy(layer(inputs, mask=mask, return_attention_scores=True))
    for found in weights:
        if found.shape == mask.shape:
            assert (found[~mask] == 0).all()
    assert_close(layer(inputs, mask=mask), output)
    if case.adds_input:
        _check_masks_of_residuals(case)
        return
    if case.keeps_positions:
        assert (output[np.broadcast_to(~case.over_channels(mask), output.shape)] == 0).all()
    noise = np.where(case.over_channels(mask), inputs, 1e4 * case.array(seed=67))
    assert_close(layer(noise, mask=mask, return_attention_scores=True), [output, *weights])
    assert_close(layer(inputs, mask=np.ones_like(mask)), layer(inputs))
    nothing = layer(inputs, mask=np.zeros_like(mask), return_attention_scores=True)
    assert all((to_numpy(found) == 0).all() for found in nothing)


def _check_masks_of_residuals(case):
    """What is padding is kept, changes nothing else, and attends to nothing."""
    inputs, mask = case.array(), case.mask()
    layer = case.make()
    output = to_numpy(layer(inputs, mask=mask))
    noise = np.where(mask[..., None], inputs, 1e4 * case.array(seed=67))
    assert_close(to_numpy(layer(noise, mask=mask))[mask], output[mask])
    assert_close(layer(inputs, mask=np.ones_like(mask)), layer(inputs))
    alone, weights = layer(inputs, mask=np.zeros_like(mask), return_attention_scores=True)
    assert (to_numpy(weights) == 0).all()
    assert_close(to_numpy(alone)[~mask], output[~mask])


def check_explicit_mask(case, exports):
    inputs, mask = case.array(), case.mask()
    layer, length = case.make(), inputs.shape[1]
    full = np.broadcast_to(mask[:, None], (BATCH, length, length))
    expected = to_numpy(layer(inputs, mask=mask))[mask]
    assert_close(to_numpy(layer(inputs, attention_mask=full))[mask], expected)
    causal = np.broadcast_to(np.tri(length) > 0, full.shape)
    assert_close(layer(inputs, attention_mask=causal), layer(inputs, use_causal_mask=True))


def check_all_masks(case, exports):
    """Padding, causal and explicit masks together are one explicit mask."""
    inputs, mask = case.array(), case.mask()
    layer, length = case.make(), inputs.shape[1]
    some = np.random.default_rng(79).random((BATCH, length, length)) < 0.6
    some[0, 1] = False
    one = some & mask[:, None] & mask[..., None] & (np.tri(length) > 0)
    found = layer(inputs, mask=mask, attention_mask=some, use_causal_mask=True)
    assert_close(found, layer(inputs, attention_mask=one))


def check_causal(case, exports):
    inputs, late = case.array(), case.array(seed=83)
    layer = case.make()
    expected = to_numpy(layer(inputs, use_causal_mask=True))
    for position in range(inputs.shape[1]):  # what comes later changes nothing
        changed = np.concatenate([inputs[:, : position + 1], late[:, position + 1 :]], axis=1)
        found = to_numpy(layer(changed, use_causal_mask=True))
        assert_close(found[:, : position + 1], expected[:, : position + 1])


def check_padding_might_as_well_not_be_there(case, exports):
    inputs, mask = case.array(), case.mask()
    layer = case.make()
    outputs = to_numpy(layer(inputs, mask=mask))
    for row in range(BATCH):
        lengths = [slice(where.max() + 1) for where in np.nonzero(mask[row])]
        lengths.insert(0 if case.channels_first else len(lengths), slice(None))
        here = (slice(row, row + 1), *lengths)
        expected = outputs[here] if case.keeps_positions else outputs[row : row + 1]
        assert_close(layer(inputs[here]), expected)


def check_implicit_masks(case, exports):
    inputs, mask = case.array(), case.mask()
    layer = case.make()
    output = layer(Marked()(inputs, mask=mask))
    assert_close(output, layer(inputs, mask=mask))
    if case.keeps_positions:
        np.testing.assert_array_equal(to_numpy(output._keras_mask), mask)
    else:
        assert getattr(output, "_keras_mask", None) is None


def check_gradients(case, exports):
    inputs, mask = case.array(), case.mask()
    layer = case.make()
    direction = np.random.default_rng(71).normal(size=layer(inputs).shape)

    def loss(inputs):
        output = layer(inputs, mask=mask)
        return ops.sum(output * ops.cast(direction, output.dtype))

    (result,) = gradients(loss, inputs)
    alive = np.broadcast_to(case.over_channels(mask) | case.adds_input, result.shape)
    assert np.isfinite(result).all()
    assert (result[~alive] == 0).all()
    assert (result[alive] != 0).all()


def check_finite_differences(case, exports):
    inputs, mask = case.array().astype("float64"), case.mask()
    layer = case.make(dtype="float64")
    generator = np.random.default_rng(73)
    direction = generator.normal(size=layer(inputs).shape)

    def loss(inputs):
        return ops.sum(layer(inputs, mask=mask) * ops.cast(direction, "float64"))

    (result,) = gradients(loss, inputs)
    step, along = 1e-6, generator.normal(size=inputs.shape)
    ahead, behind = (to_numpy(loss(inputs + sign * step * along)) for sign in (1, -1))
    slope = (ahead - behind) / (2 * step)
    np.testing.assert_allclose((result * along).sum(), slope, rtol=1e-5, atol=1e-7)


def check_compiled(case, exports):
    layer, mask = case.make(), case.mask()
    assert_compiled_equals_eager(
        lambda inputs: layer(inputs, mask=mask, return_attention_scores=True), case.array()
    )


CHECKS = [
    *(function for name, function in list(globals().items()) if name.startswith("check_")),
    *SHARED_CHECKS,
]


def checks_of(case):
    """The checks that say something about this layer."""
    of_rows = check_explicit_mask, check_all_masks, check_causal
    return [check for check in CHECKS if case.self_attention or check not in of_rows]

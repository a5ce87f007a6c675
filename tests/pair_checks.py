"""The checklist of the layers with two inputs and a mask for each.

The counterpart of `tests/layer_checks.py` for layers that are called as `layer(first, second,
first_mask=None, second_mask=None, return_attention_scores=False)`; `tests/pair_cases.py` says how
to make each of them.

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

__all__ = ["CHECKS", "PairCase"]
BATCH, FIRST, SECOND, FIRST_DIM, SECOND_DIM = 3, 5, 7, 11, 13


@dataclass(frozen=True)
class PairCase:
    """How to make a layer, and what it shows of its inputs' positions.

    Args:
        make: Function of keyword arguments that makes the layer.
        options: Arguments for the round trip of the configuration, not their defaults.
        training: Arguments for the training step.
        keeps_positions: Whether the outputs have the positions of the inputs.
        aligned: Whether both inputs, and the one output, have the same positions.
        refuses, leaves_out: As those of `LayerCase`.
    """

    make: Callable[..., keras.layers.Layer]
    options: dict
    training: dict = field(default_factory=dict)
    keeps_positions: bool = True
    aligned: bool = False
    refuses: dict = field(default_factory=dict)
    leaves_out: dict = field(default_factory=dict)
    nothing = "two inputs: each has its own mask, and there are no queries"

    def lengths(self, first=FIRST, second=SECOND):
        return (first, first) if self.aligned else (first, second)

    def arrays(self, batch=BATCH, lengths=None, seed=61):
        generator = np.random.default_rng(seed)
        sizes = zip(lengths or self.lengths(), (FIRST_DIM, SECOND_DIM), strict=True)
        return [generator.normal(size=(batch, *size)).astype("float32") for size in sizes]

    def masks(self, lengths=None):
        """Different in both, ragged; the last row of the second has one position."""
        first, second = lengths or self.lengths()
        return [
            np.arange(first) < np.array([[first], [first - 2], [first - 1]]),
            np.arange(second) < np.array([[second - 1], [second], [1]]),
        ]

    def model(self, **options):
        inputs = [keras.Input((None, dim)) for dim in (FIRST_DIM, SECOND_DIM)]
        masks = [keras.Input((None,), dtype="bool") for _ in inputs]
        outputs = self.make(**options)(
            *inputs, first_mask=masks[0], second_mask=masks[1], return_attention_scores=True
        )
        return keras.Model([*inputs, *masks], outputs)

    def batches(self):
        """Inputs of the model: of several lengths."""
        lengths = self.lengths(), self.lengths(2, 17)
        return [[*self.arrays(lengths=some), *self.masks(some)] for some in lengths]

    def call(self, layer, arrays, masks=(None, None), **options):
        return layer(*arrays, first_mask=masks[0], second_mask=masks[1], **options)

    def shapes(self, length):
        """Of both inputs, one example of this length."""
        return [(1, length, FIRST_DIM), (1, length, SECOND_DIM)]

    def apply(self, layer, *arrays):
        return layer(*arrays)


def flat(outputs):
    return keras.tree.flatten(outputs)


def contexts(outputs):
    """The outputs that are no weights, of a call that returned the weights too."""
    return flat(outputs)[:2] if len(flat(outputs)) == 4 else flat(outputs)[:1]


def single(outputs):
    return [ops.cast(output, "float32") for output in flat(outputs)]


def check_symbolic_shape(case, exports):
    layer, arrays = case.make(), case.arrays()
    tensors = [keras.KerasTensor(x.shape) for x in arrays]
    for scores in (False, True):
        symbolic = case.call(layer, tensors, return_attention_scores=scores)
        eager = case.call(layer, arrays, return_attention_scores=scores)
        for one, other in zip(flat(symbolic), flat(eager), strict=True):
            assert tuple(one.shape) == tuple(other.shape)
            assert one.dtype == keras.backend.standardize_dtype(other.dtype)
    shapes = layer.compute_output_shape(*(x.shape for x in arrays))
    expected = [tuple(x.shape) for x in flat(case.call(layer, arrays))]
    assert ([shapes] if len(expected) == 1 else list(shapes)) == expected


def check_fit_step(case, exports):
    model = case.model(**case.training)
    outputs = [keras.layers.Dense(1)(x) for x in contexts(model.outputs)]
    model = keras.Model(model.inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), loss=["mse"] * len(outputs))
    before, inputs = model.get_weights(), [*case.arrays(), *case.masks()]
    targets = [np.ones(x.shape, "float32") for x in flat(model(inputs))]
    history = model.fit(inputs, targets, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for weight, one, other in zip(model.weights, before, model.get_weights(), strict=True):
        assert np.isfinite(other).all()
        # A bias of the keys moves all scores of a row alike, which softmax does not see.
        assert (one != other).any() or weight.name == "key_bias"


def check_mixed_precision(case, exports):
    arrays, masks = case.arrays(), case.masks()
    full = case.make()
    expected = case.call(full, arrays, masks, return_attention_scores=True)
    for policy, atol in (("mixed_float16", 5e-3), ("mixed_bfloat16", 5e-2)):
        half = case.make(dtype=policy)
        half.build(*(x.shape for x in arrays))
        half.set_weights(full.get_weights())
        outputs = case.call(half, arrays, masks, return_attention_scores=True)
        assert all(keras.backend.standardize_dtype(x.dtype) == half.compute_dtype for x in outputs)
        assert all(weight.dtype == "float32" for weight in half.weights)
        assert_close(single(outputs), single(expected), atol=atol)


def check_overflow(case, exports):
    half_precision(case.make, [60 * x for x in case.arrays()], return_attention_scores=True)


def check_masks(case, exports):
    arrays, masks = case.arrays(), case.masks()
    layer = case.make()
    expected = case.call(layer, arrays, masks, return_attention_scores=True)
    noisy = [
        np.where(mask[..., None], x, 59.0).astype("float32")
        for x, mask in zip(arrays, masks, strict=True)
    ]
    assert_close(case.call(layer, noisy, masks, return_attention_scores=True), expected)
    everything = [np.ones_like(mask) for mask in masks]
    assert_close(case.call(layer, arrays, everything), case.call(layer, arrays))
    nothing = [np.zeros_like(mask) for mask in masks]
    for output in flat(case.call(layer, arrays, nothing)):
        assert (to_numpy(output) == 0).all()


def check_padding_might_as_well_not_be_there(case, exports):
    arrays, masks = case.arrays(), case.masks()
    if case.aligned:  # otherwise a position of one may be missing in the other
        masks = [masks[0], masks[0]]
    layer = case.make()
    outputs = to_numpy(contexts(case.call(layer, arrays, masks, return_attention_scores=True)))
    for row in range(BATCH):
        lengths = [mask[row].sum() for mask in masks]
        cut = [x[row : row + 1, :length] for x, length in zip(arrays, lengths, strict=True)]
        alone = contexts(case.call(layer, cut, return_attention_scores=True))
        for one, other, length in zip(alone, outputs, lengths, strict=False):
            assert_close(one[0], other[row, :length] if case.keeps_positions else other[row])


def check_implicit_masks(case, exports):
    masks = case.masks()
    arrays = [x * mask[..., None] for x, mask in zip(case.arrays(), masks, strict=True)]
    layer, masking = case.make(), keras.layers.Masking()
    outputs = flat(layer(*(masking(x) for x in arrays)))
    assert_close(outputs, flat(case.call(layer, arrays, masks)))
    expected = [masks[0] | masks[1]] if case.aligned else masks
    for output, mask in zip(outputs, expected, strict=True):
        if case.keeps_positions:
            np.testing.assert_array_equal(to_numpy(output._keras_mask), mask)
        else:
            assert getattr(output, "_keras_mask", None) is None
    _check_masks_of_embeddings(case)


def _check_masks_of_embeddings(case):
    """The same in a functional model, with the masks that embeddings make."""
    inputs = [keras.Input((None,), dtype="int32") for _ in range(2)]
    embeddings = [
        keras.layers.Embedding(17, dim, mask_zero=True) for dim in (FIRST_DIM, SECOND_DIM)
    ]
    layer = case.make()
    outputs = layer(*(embed(ids) for embed, ids in zip(embeddings, inputs, strict=True)))
    model = keras.Model(inputs, outputs)
    masks = case.masks()
    ids = [np.where(mask, np.arange(1, mask.shape[1] + 1), 0) for mask in masks]
    vectors = [embed(row) for embed, row in zip(embeddings, ids, strict=True)]
    assert_close(flat(model(ids)), flat(case.call(layer, vectors, masks)))


def check_gradients(case, exports):
    arrays, masks = case.arrays(), case.masks()
    layer = case.make()
    shapes = [x.shape for x in contexts(case.call(layer, arrays, return_attention_scores=True))]
    generator = np.random.default_rng(67)
    directions = [generator.normal(size=shape).astype("float32") for shape in shapes]

    def loss(*inputs):
        outputs = contexts(case.call(layer, inputs, masks, return_attention_scores=True))
        pairs = zip(outputs, directions, strict=True)
        return sum(ops.sum(ops.multiply(output, direction)) for output, direction in pairs)

    for result, mask in zip(gradients(loss, *arrays), masks, strict=True):
        assert np.isfinite(result).all()
        assert (result[~mask] == 0).all()
        assert (result[mask] != 0).any(axis=-1).all()


def check_finite_differences(case, exports):
    arrays = [x.astype("float64") for x in case.arrays()]
    layer, masks = case.make(dtype="float64"), case.masks()
    layer.build(*(x.shape for x in arrays))
    generator = np.random.default_rng(71)

    def loss(*inputs):
        outputs = contexts(case.call(layer, inputs, masks, return_attention_scores=True))
        return sum(ops.sum(ops.sin(output)) for output in outputs)

    step, results = 1e-6, gradients(loss, *arrays)
    for index, result in enumerate(results):
        along = generator.normal(size=arrays[index].shape)
        ahead, behind = list(arrays), list(arrays)
        ahead[index], behind[index] = arrays[index] + step * along, arrays[index] - step * along
        slope = (to_numpy(loss(*ahead)) - to_numpy(loss(*behind))) / (2 * step)
        np.testing.assert_allclose((result * along).sum(), slope, rtol=1e-6, atol=1e-8)


def check_compiled(case, exports):
    layer, masks = case.make(), case.masks()

    def call(*arrays):
        return case.call(layer, arrays, masks, return_attention_scores=True)

    assert_compiled_equals_eager(call, *case.arrays())


CHECKS = [
    *(function for name, function in list(globals().items()) if name.startswith("check_")),
    *SHARED_CHECKS,
]

"""The checklist of what stands beside attention: position embeddings and the memory of segments.

`tests/order_cases.py` says how to make each of them. What they do is proved in
`tests/layers/test_position_embeddings.py` and `tests/layers/test_segment_memory.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
from comparisons import assert_close, assert_compiled_equals_eager, gradients, to_numpy
from exports import SHARED_CHECKS
from keras import ops

__all__ = ["CHECKS", "OrderCase"]
BATCH, LENGTH, DIM = 2, 5, 11


@dataclass(frozen=True)
class OrderCase:
    """How to make a layer, and what it is called with.

    Args:
        make: Function of keyword arguments that makes the layer.
        call: Function `(layer, *inputs)` of the arrays that the layer takes.
        sizes: Shape and dtype of what it takes beside embeddings, without the batch.
        step: Function `(layer, x)` of embeddings that goes through them one by one, and returns
            what came out and what should have.
        mask: Function of what `call` returned that gives the mask of the embeddings in it.
        options: Arguments for the round trip of the configuration, not their defaults.
        refuses, leaves_out: As those of `LayerCase`.
    """

    make: Callable[..., keras.layers.Layer]
    call: Callable
    step: Callable
    mask: Callable
    sizes: tuple = ()
    options: dict = field(default_factory=dict)
    refuses: dict = field(default_factory=dict)
    leaves_out: dict = field(default_factory=dict)
    nothing = "not an attention layer"

    def arrays(self, batch=BATCH, length=LENGTH):
        x = np.random.default_rng(89).normal(size=(batch, length, DIM)).astype("float32")
        return [x, *(np.ones((batch, *shape), dtype) for shape, dtype in self.sizes)]

    def batches(self):
        """Inputs of the model: of two batch sizes and lengths."""
        return [self.arrays(), self.arrays(3, 7)]

    def shapes(self, length):
        """Of the embeddings, one example of this length."""
        return [(1, length, DIM)]

    def apply(self, layer, x):
        rest = (ops.ones((1, *shape), dtype=dtype) for shape, dtype in self.sizes)
        return self.call(layer, x, *rest)

    def model(self, **options):
        """A functional model of this one layer, of free length."""
        rest = [keras.Input(shape, dtype=dtype) for shape, dtype in self.sizes]
        inputs = [keras.Input((None, DIM)), *rest]
        outputs = self.call(self.make(**options), *inputs)
        return keras.Model(inputs, keras.tree.flatten(outputs))


def flat(outputs):
    return keras.tree.flatten(outputs)


def check_mixed_precision(case, exports):
    inputs, single = case.arrays(), case.make()
    expected = flat(case.call(single, *inputs))
    for policy, atol in (("mixed_float16", 5e-3), ("mixed_bfloat16", 5e-2)):
        layer = case.make(dtype=policy)
        case.call(layer, *inputs)
        layer.set_weights(single.get_weights())
        for output, other in zip(flat(case.call(layer, *inputs)), expected, strict=True):
            dtype = keras.backend.standardize_dtype(output.dtype)
            single_dtype = keras.backend.standardize_dtype(other.dtype)
            assert dtype == ("bool" if single_dtype == "bool" else layer.compute_dtype)
            assert_close(ops.cast(output, "float32"), ops.cast(other, "float32"), atol=atol)


def check_implicit_masks(case, exports):
    mask = np.array([[True] * LENGTH, [True] * 3 + [False] * (LENGTH - 3)])
    x, *rest = case.arrays()
    masked = keras.layers.Masking()(x * mask[..., None])
    np.testing.assert_array_equal(to_numpy(case.mask(case.call(case.make(), masked, *rest))), mask)


def check_stepping(case, exports):
    x, *_ = case.arrays()
    assert_close(*case.step(case.make(), x))


def check_gradients(case, exports):
    x, *rest = case.arrays()
    layer = case.make()
    direction = np.random.default_rng(97).normal(size=x.shape).astype("float32")

    def loss(x):
        return ops.sum(ops.multiply(flat(case.call(layer, x, *rest))[0][:, -LENGTH:], direction))

    case.call(layer, x, *rest)
    (result,) = gradients(loss, x)
    assert_close(result, direction)  # what is added does not change it


def check_compiled(case, exports):
    layer = case.make()
    assert_compiled_equals_eager(lambda *inputs: flat(case.call(layer, *inputs)), *case.arrays())


CHECKS = [
    *(function for name, function in list(globals().items()) if name.startswith("check_")),
    *SHARED_CHECKS,
]

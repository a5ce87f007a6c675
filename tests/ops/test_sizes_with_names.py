"""Where JAX exports, a size that is not known before the run has a name."""

import keras
import numpy as np
import pytest
from layer_checks import assert_close

from keras_attention.ops import additive_scores, window_attention
from keras_attention.ops.dense.blocked import worth_blocking

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX names such sizes")

LENGTH, DIM = 31, 7


def exported(function, shape, inputs):
    """What a function says of inputs of a shape that it was exported for; names are any size."""
    import jax
    from jax import export

    sizes = export.symbolic_shape(shape)
    arguments = [jax.ShapeDtypeStruct((*sizes, *x.shape[len(sizes) :]), "float32") for x in inputs]
    return export.export(jax.jit(function))(*arguments).call(*inputs)


def random(*shape):
    return np.random.default_rng(17).normal(size=shape).astype("float32")


@pytest.mark.parametrize("shape", ["batch", f"batch, {LENGTH}"])
def test_additive_scores(shape):
    inputs = [random(3, LENGTH, DIM), random(3, LENGTH, DIM)]

    def scores(query, key):
        return additive_scores(query, key, np.ones(DIM, "float32"))

    assert_close(exported(scores, shape, inputs), scores(*inputs))


def test_a_window():
    inputs = [random(3, 2, LENGTH, DIM) for _ in range(3)]

    def attend(*inputs):
        return window_attention(*inputs, window=4)

    assert_close(exported(attend, "batch", inputs), attend(*inputs))


def test_blocks():
    from jax import export

    (length,) = export.symbolic_shape("length")
    assert not worth_blocking((2, 8, length, 64), (2, 8, length, 64))

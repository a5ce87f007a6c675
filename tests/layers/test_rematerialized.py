"""Layers under `keras.RematScope`: the same numbers, computed again in the backward pass."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import layers

X = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")


def multi_head(**options):
    layer = layers.MultiHeadAttention(2, 4, **options)
    layer.build(X.shape, X.shape)
    return layer, (X, X)


def additive(**options):
    layer = layers.BahdanauAttention(4, **options)
    layer.build(X.shape, X.shape)
    return layer, (X, X)


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="Keras' scope does as it should but on JAX"
)
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("make", [multi_head, additive])
def test_gradients_on_jax(make, dropout):
    import jax

    found = []
    for mode in (None, "full"):
        keras.utils.set_random_seed(1)
        with keras.RematScope(mode=mode):
            layer, inputs = make(dropout=dropout)
        frozen = [variable.value for variable in layer.non_trainable_variables]

        def loss(weights, layer=layer, frozen=frozen, inputs=inputs):
            outputs, _ = layer.stateless_call(weights, frozen, *inputs, training=True)
            return ops.sum(ops.square(outputs))

        weights = [variable.value for variable in layer.trainable_variables]
        found.append(jax.grad(loss)(weights))
        program = str(jax.make_jaxpr(jax.grad(loss))(weights))
        # What draws random numbers keeps its results.
        expected = mode is not None and not dropout
        assert ("remat" in program or "checkpoint" in program) == expected
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)

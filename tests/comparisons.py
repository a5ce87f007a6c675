"""How outputs are compared: with a tolerance, with their gradients, compiled, in half precision."""

import keras
import numpy as np
from keras import ops


def to_numpy(tree):
    return keras.tree.map_structure(ops.convert_to_numpy, tree)


def assert_close(actual, expected, atol=1e-5):
    for one, other in zip(keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True):
        one, other = to_numpy(one), to_numpy(other)
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=atol, rtol=atol)


def gradients(function, *arrays):
    """The gradients of a scalar function of arrays, on whichever backend runs."""
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    if keras.backend.backend() == "jax":
        import jax

        # Compiled as a whole, in a tenth of the time of its operations one by one.
        return to_numpy(jax.jit(jax.grad(function, argnums=tuple(range(len(tensors)))))(*tensors))
    if keras.backend.backend() == "torch":
        import torch

        tensors = [x.detach().requires_grad_() for x in tensors]
        found = torch.autograd.grad(
            function(*tensors), tensors, allow_unused=True, materialize_grads=True
        )
        return to_numpy(list(found))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        result = function(*tensors)
    return to_numpy(tape.gradient(result, tensors, unconnected_gradients="zero"))


def compiled(function, **options):
    """A function of tensors as one program of the backend, where Keras has one.

    Many times faster than its operations one by one where a test calls it more than once, or where
    it loops.

    Args:
        function: Function of tensors.
        **options: Of `tf.function`.
    """
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    if keras.backend.backend() == "torch":
        return function
    import tensorflow as tf

    return tf.function(function, **options)


def assert_compiled_equals_eager(call, *arrays):
    """A function of tensors gives the same outputs as one program, on TensorFlow by XLA too."""
    eager = call(*arrays)
    on_tensorflow = keras.backend.backend() == "tensorflow"
    for options in ({}, {"jit_compile": True}) if on_tensorflow else ({},):
        assert_close(compiled(call, **options)(*arrays), eager)


# The policies of half precision, and how far apart its numbers around one are.
HALF = {"mixed_float16": 2**-10, "mixed_bfloat16": 2**-7}
# The fraction of rows that must be clear enough to be compared. Half of them are where a predicted
# position decides which keys there are, three quarters or more everywhere else.
LEAST_COMPARED = 1 / 3
# Which rows are clear depends on the weights that are drawn, and so on the backend.
DRAWS = 6


def half_precision(make, inputs, **options):
    """A layer in half precision gives what it gives in single, with finite gradients.

    Large scores that lie close together may be told apart either way once they are rounded. Rows
    that single precision itself changes where weights and inputs are moved as far as rounding
    moves them are therefore not compared.

    Args:
        make: Function of keyword arguments that makes the layer.
        inputs: The layer's float inputs, arrays.
        **options: Of the call.
    """
    fractions = []
    while max(fractions, default=0) <= LEAST_COMPARED:
        assert len(fractions) < DRAWS, f"of the rows only {fractions} are clear"
        fractions.append(_compared_rows(make, inputs, options))


def _compared_rows(make, inputs, options):
    """The fraction of rows that were compared, with the weights of one draw."""
    single = make()
    expected = keras.tree.flatten(to_numpy(single(*inputs, **options)))
    weights = single.get_weights()
    generator, clear_rows = np.random.default_rng(67), []
    for policy, step in HALF.items():
        moved = [np.zeros(output.shape[:-1]) for output in expected]
        for _ in range(5):
            single.set_weights([_moved(weight, step, generator) for weight in weights])
            around = single(*(_moved(array, step, generator) for array in inputs), **options)
            for distance, output, other in zip(
                moved, expected, keras.tree.flatten(to_numpy(around)), strict=True
            ):
                np.maximum(distance, np.abs(output - other).max(axis=-1), out=distance)
        layer = make(dtype=policy)
        layer.build(*(array.shape for array in inputs))
        layer.set_weights(weights)
        found = keras.tree.flatten(layer(*inputs, **options))
        for output, other, distance in zip(found, expected, moved, strict=True):
            size = max(np.abs(other).max(), 1)
            clear = distance <= 4 * step * size
            clear_rows.append(clear.ravel())
            output = to_numpy(ops.cast(output, "float32"))
            assert np.isfinite(output).all()
            assert_close(output[clear], other[clear], atol=8 * step * size)

        def loss(*inputs, layer=layer):
            outputs = keras.tree.flatten(layer(*inputs))
            return sum(ops.mean(ops.cast(output, "float32")) for output in outputs)

        assert all(np.isfinite(result).all() for result in gradients(loss, *inputs))
    return np.concatenate(clear_rows).mean()


def _moved(array, step, generator):
    """The array with each number moved up or down, as far as a few roundings would."""
    return (array * (1 + 2 * step * generator.uniform(-1, 1, array.shape))).astype(array.dtype)

"""The loop over query positions: long inputs, compiled gradients, unknown lengths, gaps.

`tests/cases_recursive.py` has the layers; the soft ones stand for training.
"""

import keras
import numpy as np
import pytest
from cases_recursive import CASES
from keras import ops
from layer_checks import BATCH, assert_close, gradients, key_mask, to_numpy

from keras_attention.layers.alignment.recursive_attention import BLOCK, RecursiveAttention
from keras_attention.ops import Masks

every_layer = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
SMOOTH = {name: case for name, case in CASES.items() if "gradients" not in case.leaves_out}
every_smooth_layer = pytest.mark.parametrize("case", SMOOTH.values(), ids=SMOOTH.keys())

# No, one and two blocks, whole and broken ones.
LENGTHS = [1, 2, BLOCK, BLOCK + 1, 2 * BLOCK + 5]


def built(case, arrays):
    layer = case.make()
    layer.build(*(array.shape for array in arrays))
    return layer


def compiled_gradients(function, *arrays):
    """Gradients of a scalar function, all of it compiled by XLA."""
    if keras.backend.backend() == "jax":
        import jax

        return to_numpy(jax.jit(jax.grad(function, argnums=tuple(range(len(arrays)))))(*arrays))
    tf = pytest.importorskip("tensorflow")

    @tf.function(jit_compile=True)
    def run(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            result = function(*tensors)
        return tape.gradient(result, tensors)

    return to_numpy(run(*(tf.constant(array) for array in arrays)))


def loss_of(layer, mask):
    def loss(*inputs):
        context = layer(*inputs, value_mask=mask)
        length, width = context.shape[1:]
        signs = ops.reshape(ops.cos(ops.arange(length * width, dtype="float32")), (length, width))
        return ops.sum(context * signs)

    return loss


@pytest.mark.default_cases(3)
@pytest.mark.parametrize("length", LENGTHS)
@every_layer
def test_one_step_after_the_other_at_every_length(case, length):
    query, value, key = case.arrays(query=length)
    layer, mask = built(case, (query, value, key)), key_mask()
    expected = layer(query, value, key, value_mask=mask, return_attention_scores=True)
    memory = layer.project_memory(ops.convert_to_tensor(value), ops.convert_to_tensor(key))
    state, steps = layer.start(memory), []
    for position in range(length):
        here = query[:, position : position + 1]
        *step, state = layer.step(here, memory, Masks(key=mask), state)
        steps.append(step)
    for step, whole in zip(zip(*steps, strict=True), expected, strict=True):
        assert_close(ops.concatenate(step, axis=1), whole)


@pytest.mark.default_cases(1)
@every_smooth_layer
def test_the_compiled_gradient_is_the_eager_one(case):
    arrays = case.arrays(query=BLOCK + 3)
    loss = loss_of(built(case, arrays), key_mask())
    assert_close(compiled_gradients(loss, *arrays), gradients(loss, *arrays), atol=1e-4)


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("jit_compile", [False, True])
@every_smooth_layer
def test_gradients_where_no_length_is_known(case, jit_compile):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces without knowing the lengths")
    tf = pytest.importorskip("tensorflow")
    layer = built(case, case.arrays())

    @tf.function(
        input_signature=[
            *(tf.TensorSpec([None, None, array.shape[-1]]) for array in case.arrays()),
            tf.TensorSpec([None, None], "bool"),
        ],
        jit_compile=jit_compile,
    )
    def run(*inputs):
        *arrays, mask = inputs
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            context = layer(*arrays, value_mask=mask)
            result = tf.reduce_sum(context**2)
        return tape.gradient(result, arrays)

    def square(*inputs):
        return ops.sum(layer(*inputs, value_mask=mask) ** 2)

    for batch, query, key in ((BATCH, 2 * BLOCK + 5, 7), (5, 3, 2), (3, 1, 1)):
        arrays, mask = case.arrays(batch=batch, query=query, key=key), key_mask(batch, key)
        results = run(*(tf.constant(array) for array in arrays), tf.constant(mask))
        assert_close(list(results), list(gradients(square, *arrays)), atol=1e-4)


@every_layer
def test_a_query_that_may_attend_to_nothing_is_passed_over(case):
    """As if it were not there: the others have the weights they have without it."""
    query, value, key = case.arrays(query=5)
    layer, mask = built(case, (query, value, key)), np.ones((BATCH, 5), bool)
    mask[:, [0, 2, 3]] = False
    context = to_numpy(layer(query, value, key, query_mask=mask))
    assert (context[:, [0, 2, 3]] == 0).all()
    assert_close(context[:, [1, 4]], layer(query[:, [1, 4]], value, key))


@every_layer
def test_an_empty_target_and_an_empty_batch(case):
    query, value, key = case.arrays()
    layer = built(case, (query, value, key))
    assert tuple(layer(query[:, :0], value, key).shape) == (BATCH, 0, value.shape[-1])
    assert tuple(layer(query[:0], value[:0], key[:0]).shape) == (0, *query.shape[1:2], 13)


def test_the_base_class_has_no_alignment():
    with pytest.raises(NotImplementedError, match="RecursiveAttention does not implement `align`"):
        RecursiveAttention()(np.ones((2, 3, 7)), np.ones((2, 5, 7)))

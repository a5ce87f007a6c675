"""Every public layer with what users hardly ever give it, and always some day.

Empty batches, queries and memories; policies of half precision alone; inputs with Keras masks; and
on TensorFlow no product that its kernels get wrong.
"""

import warnings

import every_layer
import keras
import numpy as np
import pytest
from every_layer import CASES, MODELS, arrays, one_of_each
from keras import ops
from layer_checks import to_numpy

CHOSEN = {**one_of_each(CASES), **MODELS}
EVERY = pytest.mark.parametrize("case", CHOSEN.values(), ids=CHOSEN.keys())


def test_no_public_layer_is_left_out():
    assert every_layer.public_layers() <= every_layer.covered()


def sizes_of_nothing(case, inputs):
    """The inputs with no rows, and with no positions in one of them or in all."""
    yield [x[:0] for x in inputs]
    yield [x[:, :0] if len(x.shape) == 3 else x[:0] for x in inputs]
    if len(inputs) == 1 or getattr(case, "aligned", False) or getattr(case, "self_attention", 0):
        return
    yield [inputs[0][:, :0], *inputs[1:]]
    yield [inputs[0], *(x[:, :0] for x in inputs[1:])]


@EVERY
def test_nothing_gives_nothing(case):
    inputs = arrays(case)
    layer = case.make()
    full = keras.tree.flatten(layer(*inputs))
    for given in sizes_of_nothing(case, inputs):
        found = keras.tree.flatten(layer(*given))
        symbolic = layer(*(keras.KerasTensor(x.shape) for x in given))
        for output, whole, spec in zip(found, full, keras.tree.flatten(symbolic), strict=True):
            assert tuple(output.shape) == tuple(spec.shape)
            assert len(output.shape) == len(whole.shape)
            assert np.isfinite(to_numpy(output)).all()
    # A query that finds no key has a context of zeros, as under a mask that rules out all keys.
    if isinstance(case, every_layer.LayerCase) and not case.self_attention:
        query, value, key = inputs
        assert (to_numpy(layer(query, value[:, :0], key[:, :0])) == 0).all()


@EVERY
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_alone(case, dtype):
    if any(isinstance(layer, keras.layers.RNN) for layer in _given_layers(case)):
        pytest.skip("Keras' own recurrent layers cannot be made in pure bfloat16 on TensorFlow")
    layer = case.make(dtype=dtype)
    outputs = keras.tree.flatten(layer(*(ops.cast(x, dtype) for x in arrays(case))))
    expected = "float32" if isinstance(case, every_layer.HeadCase) else dtype
    for output in outputs:
        assert keras.backend.standardize_dtype(output.dtype) == expected
        assert np.isfinite(to_numpy(ops.cast(output, "float32"))).all()


def _given_layers(case):
    """The layers inside that the user made; those of the encoders and decoders are ours."""
    return [] if isinstance(case, every_layer.ModelCase) else case.make()._flatten_layers()


@EVERY
def test_masks_are_carried_without_a_warning(case):
    """Keras warns of a layer that is given a mask and does not support masking."""
    inputs = [ops.convert_to_tensor(x) for x in arrays(case)]
    for x in inputs:
        if hasattr(case, "positions"):  # a map, or documents: a mask with an axis for each
            x._keras_mask = ops.ones((x.shape[0], *case.positions()), dtype="bool")
        else:
            x._keras_mask = ops.ones(x.shape[:2], dtype="bool")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = case.make()
        output = keras.tree.flatten(layer(*inputs))[0]
    assert layer.supports_masking
    if isinstance(case, every_layer.HeadCase) and not case.carries_mask:
        assert getattr(output, "_keras_mask", None) is None
    elif isinstance(case, every_layer.ModelCase):
        np.testing.assert_array_equal(to_numpy(output._keras_mask), np.ones((2, 3), bool))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow's kernels")
def test_no_product_broadcasts_its_batch():
    """TensorFlow writes past its memory in some products whose batches are not the same.

    On processors with AVX-512 oneDNN does so for shapes like (5, 1, 6, 2) and (1, 2, 4); mapping
    over a layer adds such an axis. The graphs of all layers are traced, mapped, and never run; one
    that stands in several layers is traced in one of them.
    """
    cases = every_layer.covering(CASES)
    inside = {type(layer) for case in CASES.values() for layer in case.make()._flatten_layers()}
    traced = {type(layer) for case in cases.values() for layer in case.make()._flatten_layers()}
    assert traced == inside and len(cases) < len(one_of_each(CASES))
    assert _broadcast_products(_product, [np.ones((3, 5, 1, 6, 2)), np.ones((3, 1, 2, 4))])
    found = {
        name: products
        for name, case in cases.items()
        if (products := _broadcast_products(case.make(), [np.stack([x] * 2) for x in arrays(case)]))
    }
    assert not found


def _product(x, y):
    return ops.matmul(x, y)


def _broadcast_products(layer, stacked):
    """The shapes of batched products with different batches, in the layer's graph and its map's."""
    import tensorflow as tf

    if isinstance(layer, keras.layers.Layer):
        layer.build(*(x.shape[1:] for x in stacked))

    def mapped(*inputs):
        return ops.vectorized_map(lambda inputs: layer(*inputs), inputs)

    specs = [tf.TensorSpec(x.shape, "float32") for x in stacked]
    graph = tf.function(mapped, autograph=False).get_concrete_function(*specs).graph
    products = [
        [tuple(x.shape) for x in operation.inputs]
        for one in (graph, *_function_graphs(graph))
        for operation in one.get_operations()
        if operation.type.startswith("BatchMatMul")
    ]
    return [shapes for shapes in products if shapes[0][:-2] != shapes[1][:-2]]


def _function_graphs(graph):
    """The graphs of loops and branches within a graph."""
    for definition in graph.as_graph_def().library.function:
        function = graph._get_function(definition.signature.name)
        if getattr(function, "graph", None) is not None:
            yield function.graph

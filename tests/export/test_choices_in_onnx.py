"""How ONNX files choose between two tensors."""

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from keras_attention.export.to_onnx import convert


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "bool"])
def test_every_kind_of_number_can_be_chosen(dtype):
    x, y = np.array([[1, 0, 3]], dtype), np.array([[0], [1]], dtype)
    condition = np.array([[True, False, True], [False, False, True]])
    arrays = {"condition": condition, "x": x, "y": y}
    specs = [tf.TensorSpec((None, None), array.dtype, name) for name, array in arrays.items()]
    session = opened(tf.function(lambda condition, x, y: tf.where(condition, x, y)), specs)
    np.testing.assert_array_equal(session.run(None, arrays)[0], np.where(condition, x, y))


def test_what_is_not_chosen_may_be_infinite():
    specs = [tf.TensorSpec((None,), tf.float32, name) for name in ("x", "y")]
    session = opened(tf.function(lambda x, y: tf.where(x > 0, x, y)), specs)
    x, y = np.array([1, -np.inf, 2], "float32"), np.array([np.inf, 3, -np.inf], "float32")
    np.testing.assert_array_equal(session.run(None, {"x": x, "y": y})[0], [1, 3, 2])


def opened(function, specs):
    return onnxruntime.InferenceSession(
        convert(function, specs).SerializeToString(), providers=["CPUExecutionProvider"]
    )

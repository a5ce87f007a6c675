"""One matrix for every position, of tensors of every rank."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.ops.dense.projection import project


# (5, 1, 7, 4) is what TensorFlow's own product gets wrong on some processors.
@pytest.mark.parametrize("shape", [(4,), (7, 4), (5, 7, 4), (5, 1, 7, 4), (5, 3, 1, 7, 4)])
def test_the_product_at_every_position(shape):
    generator = np.random.default_rng(11)
    x, kernel = generator.normal(size=shape), generator.normal(size=(4, 3))
    expected = np.apply_along_axis(lambda row: row @ kernel, -1, x)
    x, kernel = (ops.convert_to_tensor(array, "float32") for array in (x, kernel))
    found = ops.convert_to_numpy(project(x, kernel))
    np.testing.assert_allclose(found, expected, atol=1e-5)


# Sizes that are known before the run, of the tensor and of the kernel.
@pytest.mark.parametrize(
    ("shape", "kernel_shape"),
    [
        ((None, 1, 4), (4, 3)),
        ((None, None, 4), (4, 3)),
        ((5, None, 4), (4, 3)),
        ((None, 1, 7, 4), (4, 3)),
        ((None, 1, None, 4), (4, 3)),
        ((None, 1, 7, 4), (4, None)),
        ((None, 1, 7, None), (None, 3)),
    ],
)
def test_any_size_may_be_unknown(shape, kernel_shape):
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces unknown sizes")
    specs = [tf.TensorSpec(sizes, "float32") for sizes in (shape, kernel_shape)]
    traced = tf.function(project, input_signature=specs)
    generator = np.random.default_rng(3)
    for batch in (5, 2):
        sizes = [batch if size is None else size for size in shape[:-1]]
        if shape[0] is not None:
            sizes[0] = shape[0]
        x = generator.normal(size=(*sizes, 4)).astype("float32")
        kernel = generator.normal(size=(4, 3)).astype("float32")
        np.testing.assert_allclose(traced(x, kernel), x @ kernel, atol=1e-5)

"""One matrix for every position, of tensors of every rank."""

import numpy as np
import pytest
from keras import ops

from keras_attention.ops.projection import project


# (5, 1, 7, 4) is what TensorFlow's own product gets wrong on some processors.
@pytest.mark.parametrize("shape", [(4,), (7, 4), (5, 7, 4), (5, 1, 7, 4), (5, 3, 1, 7, 4)])
def test_the_product_at_every_position(shape):
    generator = np.random.default_rng(11)
    x, kernel = generator.normal(size=shape), generator.normal(size=(4, 3))
    expected = np.apply_along_axis(lambda row: row @ kernel, -1, x)
    x, kernel = (ops.convert_to_tensor(array, "float32") for array in (x, kernel))
    found = ops.convert_to_numpy(project(x, kernel))
    np.testing.assert_allclose(found, expected, atol=1e-5)

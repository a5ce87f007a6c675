"""The output layer of labels that have an order."""

import keras
import numpy as np
from keras import ops

from keras_attention.ops.precision import at_least_float32


class CumulativeLink(keras.layers.Layer):
    """Log-probabilities of ordered labels: one score against thresholds in ascending order.

    ```
    P(y <= k) = sigmoid(theta_k - w . x)           (McCullagh, 1980, equation 2.4)
    ```

    At the start all labels are equally probable at a score of zero.

    Args:
        num_labels: int, at least 2.
        **kwargs: Keyword arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float tensor `(batch, features)`.

    Output:
        Float tensor `(batch, num_labels)`, at least float32.

    Reference:
        McCullagh, 1980, "Regression Models for Ordinal Data".
    """

    def __init__(self, num_labels, **kwargs):
        super().__init__(**kwargs)
        self.num_labels = num_labels
        self.score = keras.layers.Dense(1, use_bias=False, dtype=self.dtype_policy, name="score")

    def build(self, input_shape):
        self.score.build(input_shape)
        fractions = np.arange(1, self.num_labels) / self.num_labels
        thresholds = np.log(fractions / (1 - fractions))
        self.first_threshold = self._make_weight("first_threshold", thresholds[0])
        # A threshold lies above the one before it by the softplus of a weight, which is positive.
        self.gaps = self._make_weight("gaps", np.log(np.expm1(np.diff(thresholds))))

    def _make_weight(self, name, values):
        def start(shape, dtype=None):
            return ops.convert_to_tensor(values, dtype=dtype)

        return self.add_weight(name=name, shape=values.shape, initializer=start, autocast=False)

    def call(self, inputs):
        gaps = at_least_float32(self.gaps)
        above = ops.pad(ops.cumsum(ops.softplus(gaps)), ((1, 0),))
        thresholds = at_least_float32(self.first_threshold) + above  # (labels - 1,)
        distances = thresholds - at_least_float32(self.score(inputs))  # (batch, labels - 1)
        # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)), and the last factor is
        # the sigmoid of the weight of the gap: no difference of numbers that are nearly equal.
        at_most = ops.pad(ops.log_sigmoid(distances), ((0, 0), (0, 1)))
        at_least = ops.pad(ops.log_sigmoid(-distances), ((0, 0), (1, 0)))
        return at_most + at_least + ops.pad(ops.log_sigmoid(gaps), ((1, 1),))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.num_labels)

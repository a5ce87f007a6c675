"""The strided pattern."""

import keras

from keras_attention.layers.number_checks import check_count
from keras_attention.layers.patterns.pattern import Pattern
from keras_attention.ops.strided import strided_allowed, strided_attention


@keras.saving.register_keras_serializable("keras_attention")
class Strided(Pattern):
    """Each position attends to those nearer than the stride, and to every `stride`-th from it.

    `|i - j| <= stride`, or `(i - j) mod stride = 0` (Child et al., 2019, section 4.3). See
    `StridedAttention`.

    Args:
        stride: A positive integer, best near the square root of the length.

    Reference:
        Child et al., 2019, "Generating Long Sequences with Sparse Transformers".
    """

    def __init__(self, stride):
        stride = check_count("stride", stride)
        self.stride = stride

    def allowed(self, query_positions, key_positions):
        """Near positions, and every `stride`-th; see `Pattern.allowed`."""
        return strided_allowed(query_positions, key_positions, self.stride)

    def attend(self, query, key, value, masks, scale, weigh, bias=None, training=False):
        """In time `length ** 1.5` where the stride is its root; see `Pattern.attend`."""
        return strided_attention(
            query, key, value, self.stride, masks, scale, weigh, bias, return_rows=True
        )

    def get_config(self):
        """The arguments that make this pattern again."""
        return {"stride": self.stride}

"""Talking heads."""

import keras
import numpy as np
from keras import ops

from keras_attention.layers.parts.head_part import HeadPart


@keras.saving.register_keras_serializable("keras_attention")
class TalkingHeads(HeadPart):
    """Heads that mix their scores before the normaliser and their weights behind it.

    `scores' = P_l scores`, `weights' = P_w weights` across the heads, both learned square matrices.
    They start as the identity, that is as plain multi-head attention, where Shazeer et al. start at
    random. Rows of the weights need not sum to one.

    A score that a bias made infinite counts as the root of the largest number there is: a head
    takes nothing from a head that its kernel leaves out, where zero times infinity is no number.

    Args:
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import MultiHeadAttention, TalkingHeads
    >>> x = keras.random.normal((2, 3, 7))
    >>> tuple(MultiHeadAttention(2, 5, parts=[TalkingHeads()])(x, x).shape)
    (2, 3, 7)

    Reference:
        Shazeer et al., 2020, "Talking-Heads Attention", section 4.
    """

    def build(self, query_shape, key_shape, value_shape, input_shape):
        shape = (query_shape[1], query_shape[1])
        self.scores_kernel = self.add_weight(
            name="scores_kernel", shape=shape, initializer="identity"
        )
        self.weights_kernel = self.add_weight(
            name="weights_kernel", shape=shape, initializer="identity"
        )

    def change_scores(self, scores):
        """`P_l scores`.

        Args:
            scores: Float tensor of shape `(batch, heads, query, key)`.

        Returns:
            Tensor of the same shape.
        """
        limit = float(np.finfo(keras.backend.standardize_dtype(scores.dtype)).max) ** 0.5
        return self._mix(ops.clip(scores, -limit, limit), self.scores_kernel)

    def change_weights(self, weights):
        """`P_w weights`.

        Args:
            weights: Float tensor of shape `(batch, heads, query, key)`.

        Returns:
            Tensor of the same shape.
        """
        return self._mix(weights, self.weights_kernel)

    def _mix(self, x, kernel):
        return ops.einsum("bhqk,hg->bgqk", x, ops.cast(kernel, x.dtype))

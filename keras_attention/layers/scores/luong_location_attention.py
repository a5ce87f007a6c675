"""Luong's attention by location: scores from the query alone."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.base.attention import Attention
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class LuongLocationAttention(WithKernels, Attention):
    """Attention in which the query alone says where to look.

    `weights = softmax(W q)` (Luong et al., 2015, section 3.1, the "location-based" score, with
    `h_t` as the query): row `s` of `W` scores source position `s`, whatever stands there.

    `W` has `max_length` rows. For a shorter source the first rows are used, as many as it has
    positions, where the paper leaves the rest of the weights unused. At the start `W` keeps the
    scale of its inputs.

    A source longer than `max_length` has no scores. Where its length is known before the run, that
    is the `ValueError` below; where it is not (a TensorFlow graph of free lengths, an exported
    file), the run ends with the backend's own error about a reshape, and never with a result.

    Args:
        max_length: The largest number of source positions, padding included.
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `kernel_initializer`, `bias_initializer`, and the regularizers and constraints of
            a Keras layer; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Only its length counts, `value`'s.
        query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores, training: see `Attention`.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`.

    Raises:
        ValueError: If there are more than `max_length` source positions.

    Example:

    >>> import keras
    >>> from keras_attention.layers import LuongLocationAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> tuple(LuongLocationAttention(max_length=13)(query, memory).shape)
    (2, 3, 11)

    Reference:
        Luong, Pham and Manning, 2015, "Effective Approaches to Attention-based Neural Machine
        Translation".
    """

    _fixed_inputs = ("query",)
    _goes_by_order = True
    counts_from_start = True

    def __init__(self, max_length, normalizer="softmax", dropout=0.0, seed=None, **kwargs):
        super().__init__(normalizer=normalizer, dropout=dropout, seed=seed, **kwargs)
        max_length = check_count("max_length", max_length)
        self.max_length = max_length

    def build(self, query_shape, value_shape, key_shape=None):
        query_dim = query_shape[-1]
        self.kernel = self.add_kernel("kernel", (query_dim, self.max_length), query_dim)

    def project_query(self, query):
        """`W q`, the scores of all positions there could be.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.

        Returns:
            Float tensor of shape `(batch, query, max_length)`, at least float32.
        """
        return ops.matmul(at_least_float32(query), at_least_float32(self.kernel))

    def score(self, query, key):
        """The scores of the positions there are.

        Args:
            query: Projected queries of shape `(batch, query, max_length)`.
            key: Tensor of shape `(batch, key, ...)`.

        Returns:
            Scores of shape `(batch, query, key)`.
        """
        self._check_length(key.shape[1])
        batch, query_length, _ = ops.shape(query)
        key_length = ops.shape(key)[1]
        # A slice takes what there is and says nothing; the reshape fails where that was too little.
        return ops.reshape(query[:, :, :key_length], (batch, query_length, key_length))

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        _, length, _ = self._axes(len(value_shape)).folded_shape(value_shape)
        self._check_length(length)
        return super().compute_output_shape(query_shape, value_shape)

    def _check_length(self, length):
        if isinstance(length, int) and length > self.max_length:
            raise ValueError(
                f"Expected at most max_length={self.max_length} source positions. "
                f"Received: length={length}"
            )

    def get_config(self):
        return {**super().get_config(), "max_length": self.max_length}

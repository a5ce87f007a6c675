"""Attention by the angle between query and key."""

import math

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_number, check_same_size
from keras_attention.layers.base.attention import Attention
from keras_attention.ops import dot_product_scores
from keras_attention.ops.precision import at_least_float32, direction


@keras.saving.register_keras_serializable("keras_attention")
class CosineAttention(Attention):
    """Attention whose score is the cosine of query and key over a learned temperature.

    `score(q, k) = q . k / (|q| |k|) / temperature` (Graves et al., 2014, equations 5 and 6, where
    the key strength `beta` is `1 / temperature`; Liu et al., 2022, equation 2, without its bias).
    How long the vectors are does not matter, so that a few long keys cannot draw all attention.

    What is learned is the logarithm of the temperature, which keeps it positive. At the start it is
    `1 / sqrt(dim)`: inputs of unit variance then have the scores of `ScaledDotProductAttention`.

    There is one temperature for the layer; Graves' controller gives a strength with each query. It
    has no lower bound; that of Liu et al. is kept above 0.01. A zero vector has a cosine of zero
    with every other, and the gradient as if its length were one.

    Args:
        temperature: The temperature at the start; `1 / sqrt(dim)` if not given.
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, dim)`; `value` if not given.
        query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores, training: see `Attention`.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`.

    Raises:
        ValueError: If the temperature is not positive, or query and key are not of one size.

    Example:

    >>> import keras
    >>> from keras_attention.layers import CosineAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 7))
    >>> tuple(CosineAttention()(query, memory).shape)
    (2, 3, 7)

    Reference:
        Graves, Wayne and Danihelka, 2014, "Neural Turing Machines"; Liu et al., 2022, "Swin
        Transformer V2: Scaling Up Capacity and Resolution".
    """

    _multiplies_inputs = True

    def __init__(self, temperature=None, normalizer="softmax", dropout=0.0, seed=None, **kwargs):
        super().__init__(normalizer=normalizer, dropout=dropout, seed=seed, **kwargs)
        if temperature is not None:
            temperature = check_number("temperature", temperature)
        self.temperature = temperature

    def build(self, query_shape, value_shape, key_shape=None):
        check_same_size(query_shape, key_shape or value_shape)
        start = self.temperature or query_shape[-1] ** -0.5
        self.log_temperature = self.add_weight(
            name="log_temperature",
            shape=(),
            initializer=keras.initializers.Constant(math.log(start)),
            autocast=False,  # the exponential of a half-precision number would be a rough one
        )

    def project_query(self, query):
        """The query's direction.

        Args:
            query: Float tensor of shape `(batch, query, dim)`.

        Returns:
            Float tensor of shape `(batch, query, dim)`, at least float32, of length one.
        """
        return direction(query)

    def project_key(self, key):
        """The key's direction.

        Args:
            key: Float tensor of shape `(batch, key, dim)`.

        Returns:
            Float tensor of shape `(batch, key, dim)`, at least float32, of length one.
        """
        return direction(key)

    def score(self, query, key):
        """The cosine of each query with each key, over the temperature.

        Args:
            query: Directions of shape `(batch, query, dim)`.
            key: Directions of shape `(batch, key, dim)`.

        Returns:
            Scores of shape `(batch, query, key)`.
        """
        return dot_product_scores(query, key) * ops.exp(-at_least_float32(self.log_temperature))

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}

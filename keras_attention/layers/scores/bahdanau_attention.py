"""Bahdanau's additive attention, with its learned projections."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.base.attention import Attention
from keras_attention.layers.base.building import add_scaled_weight
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.ops import additive_scores
from keras_attention.ops.precision import direction


@keras.saving.register_keras_serializable("keras_attention")
class BahdanauAttention(WithKernels, Attention):
    """Attention whose score is a one-layer perceptron over query and key.

    `score(q, k) = v^T tanh(W q + U k)` (Bahdanau et al., 2015, appendix A.1.2), and with
    `normalize` `score(q, k) = g v^T / ||v|| tanh(W q + U k + b)` (Raffel et al., 2017, equation
    16, without its offset `r`, which softmax cancels).

    Unlike `keras.layers.AdditiveAttention` it has the paper's matrices, so that query and key may
    be of different sizes. `U k` is computed once for a memory. The tanh values are computed in
    chunks where there are many.

    At the start `W` and `U` keep the scale of their inputs, `v` has about unit length and `g` is
    one, so that scores are spread by a little less than one. The papers start nearly flat (`W` and
    `U` of standard deviation 0.001, `v` zero; `g` of 1 / sqrt(units)), which learns more slowly.

    Args:
        units: Size of the perceptron's hidden layer.
        normalize: Whether to learn the length `g` of `v` apart from its direction, and a bias.
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `kernel_initializer`, `bias_initializer`, and the regularizers and constraints of
            a Keras layer; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores, training: see `Attention`.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import BahdanauAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> tuple(BahdanauAttention(units=13)(query, memory).shape)
    (2, 3, 11)

    Reference:
        Bahdanau, Cho and Bengio, 2015, "Neural Machine Translation by Jointly Learning to Align
        and Translate"; Raffel et al., 2017, "Online and Linear-Time Attention by Enforcing
        Monotonic Alignments".
    """

    _fixed_inputs = ("query", "key")

    def __init__(
        self, units, normalize=False, normalizer="softmax", dropout=0.0, seed=None, **kwargs
    ):
        super().__init__(normalizer=normalizer, dropout=dropout, seed=seed, **kwargs)
        units = check_count("units", units)
        self.units = units
        self.normalize = normalize
        self.g = None
        self.bias = None

    def build(self, query_shape, value_shape, key_shape=None):
        query_dim, key_dim = query_shape[-1], (key_shape or value_shape)[-1]
        self.query_kernel = self.add_kernel("query_kernel", (query_dim, self.units), query_dim)
        self.key_kernel = self.add_kernel("key_kernel", (key_dim, self.units), key_dim)
        self.v = add_scaled_weight(self, "v", (self.units,), self.units)
        if self.normalize:
            self.g = self.add_weight(name="g", shape=(), initializer="ones")
            self.bias = self.add_bias("bias", (self.units,))

    def project_query(self, query):
        """`W q`.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.

        Returns:
            Float tensor of shape `(batch, query, units)`.
        """
        return ops.matmul(query, self.query_kernel)

    def project_key(self, key):
        """`U k`.

        Args:
            key: Float tensor of shape `(batch, key, key_dim)`.

        Returns:
            Float tensor of shape `(batch, key, units)`.
        """
        return ops.matmul(key, self.key_kernel)

    def score(self, query, key):
        """`v^T tanh(W q + U k)`, or its normalised form.

        Args:
            query: Projected queries of shape `(batch, query, units)`.
            key: Projected keys of shape `(batch, key, units)`.

        Returns:
            Scores of shape `(batch, query, key)`.
        """
        if not self.normalize:
            return additive_scores(query, key, self.v)
        return additive_scores(query, key, self.g * direction(self.v), self.bias)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "normalize": self.normalize}

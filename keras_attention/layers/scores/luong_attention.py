"""Luong's attention: dot, general, concat."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_same_size
from keras_attention.layers.base.attention import Attention
from keras_attention.layers.base.building import add_scaled_weight
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.ops import additive_scores, dot_product_scores

SCORES = ("dot", "general", "concat")


@keras.saving.register_keras_serializable("keras_attention")
class LuongAttention(WithKernels, Attention):
    """Attention with the three scores of Luong et al., 2015, section 3.1.

    - "dot": `q . k`, no weights, query and key of one size.
    - "general": `q^T W k`.
    - "concat": `v^T tanh(W [q; k])`, computed as `v^T tanh(W_q q + W_k k)`, which is the same
      without ever joining the pairs.

    `W k` is computed once for a memory. At the start `W` keeps the scale of the keys, so that
    "general" starts with scores as spread as those of "dot"; "concat" starts with scores of about
    unit variance for inputs of unit variance.

    Args:
        score: "dot", "general" or "concat".
        units: Rows of `W` in "concat"; the size of the query if not given.
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
    >>> from keras_attention.layers import LuongAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> tuple(LuongAttention("general")(query, memory).shape)
    (2, 3, 11)

    Reference:
        Luong, Pham and Manning, 2015, "Effective Approaches to Attention-based Neural Machine
        Translation".
    """

    def __init__(
        self, score="dot", units=None, normalizer="softmax", dropout=0.0, seed=None, **kwargs
    ):
        super().__init__(normalizer=normalizer, dropout=dropout, seed=seed, **kwargs)
        if score not in SCORES:
            raise ValueError(
                f"Expected `score` to be one of {SCORES}; the score of the location alone is "
                f"`LuongLocationAttention`. Received: score={score!r}"
            )
        if units is not None and score != "concat":
            raise ValueError(
                f'Expected `units` only with score="concat". Received: score={score!r}, '
                f"units={units}"
            )
        self.score_name = score  # `score` itself is the method
        self.units = units
        # What a score has no need of stays None; the methods below ask for the weight.
        self.query_kernel = None
        self.key_kernel = None
        self.v = None

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = key_shape or value_shape
        query_dim, key_dim = query_shape[-1], key_shape[-1]
        if self.score_name == "dot":
            check_same_size(query_shape, key_shape)
        if self.score_name == "general":
            self.key_kernel = self.add_kernel("key_kernel", (key_dim, query_dim), key_dim)
        if self.score_name == "concat":
            units = self.units or query_dim
            joined_dim = query_dim + key_dim  # W is one matrix over [q; k]: one scale for both
            self.query_kernel = self.add_kernel("query_kernel", (query_dim, units), joined_dim)
            self.key_kernel = self.add_kernel("key_kernel", (key_dim, units), joined_dim)
            self.v = add_scaled_weight(self, "v", (units,), units)

    @property
    def _fixed_inputs(self):
        return () if self.score_name == "dot" else ("query", "key")

    @property
    def _multiplies_inputs(self):
        return self.score_name == "dot"

    def project_query(self, query):
        """`W_q q` for "concat", the query itself otherwise.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.

        Returns:
            Float tensor of shape `(batch, query, units)` or `(batch, query, query_dim)`.
        """
        return query if self.query_kernel is None else ops.matmul(query, self.query_kernel)

    def project_key(self, key):
        """`W k` for "general", `W_k k` for "concat", the key itself for "dot".

        Args:
            key: Float tensor of shape `(batch, key, key_dim)`.

        Returns:
            Float tensor of shape `(batch, key, query_dim)` or `(batch, key, units)`.
        """
        return key if self.key_kernel is None else ops.matmul(key, self.key_kernel)

    def score(self, query, key):
        """The scores of projected queries and keys.

        Args:
            query: Float tensor of shape `(batch, query, size)`.
            key: Float tensor of shape `(batch, key, size)`.

        Returns:
            Scores of shape `(batch, query, key)`.
        """
        if self.v is None:
            return dot_product_scores(query, key)
        return additive_scores(query, key, self.v)

    def get_config(self):
        return {**super().get_config(), "score": self.score_name, "units": self.units}

"""Performer attention: softmax attention estimated by random features."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.efficient.linear_attention import LinearAttention
from keras_attention.ops.efficient.random_features import (
    log_random_features,
    orthogonal_gaussian,
    stable_exp,
)
from keras_attention.ops.fitting import as_bool
from keras_attention.ops.largest import largest
from keras_attention.ops.precision import at_least_float32

# The logarithm of a feature that is not there yet; finite, so that differences are numbers.
NOTHING = -1e30


@keras.saving.register_keras_serializable("keras_attention")
class PerformerAttention(LinearAttention):
    """Linear attention whose weights estimate those of softmax: FAVOR+.

    `phi(x)_i = exp(w_i . x - |x|^2 / 2) / sqrt(m)`, `i = 1 ... m` (Choromanski et al., 2021,
    equation 5 and lemma 1), of queries and keys times `key_dim ** -0.25`, so that the mean of
    `phi(q) . phi(k)` is `exp(q . k / sqrt(key_dim))`. The `w_i` are orthogonal in blocks of
    `key_dim` and as long as Gaussian vectors (section 2.4). They are drawn once, from `seed`, for
    all heads, are not trained, and are saved with the weights. The estimate gets better as `m`
    grows, and worse as the scores do: its error grows with `exp(|q + k|^2)`.

    For numerical range, the highest exponent of each query, and that of all keys together, is
    subtracted, which cancels in the weights; what then lies below `exp(-60)` counts as that. (Where
    causal, later keys count too in what is subtracted. The recurrent form cannot see them: the two
    differ where exponents do by more than 60, far beyond what the estimate is good for.) Unlike the
    authors' code nothing is added to the features, and they are not drawn again in training.

    Weights on request, masks, dropout, positions and the recurrent form are those of
    `LinearAttention`; the weights are the estimated ones, which are what multiplies the values.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        num_features: Number `m` of random features.
        value_dim: Size of each head's values; `key_dim` if not given.
        use_bias: Whether the projections have biases.
        dropout: The share of weights to set to zero in training, which then takes quadratic time.
        seed: Integer that makes the features and the dropout repeatable.
        **kwargs: `position`, `num_key_value_heads` and `parts` of `LinearAttention`; `name`,
            `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores, training: see `Attention`.

    Output:
        Context of shape `(batch, query, query_dim)`, or the pair of context and weights
        `(batch, heads, query, key)`.

    Raises:
        ValueError: If a `bias` is given, a position that makes one, or a part that reads weights.

    Example:

    >>> import keras
    >>> from keras_attention.layers import PerformerAttention
    >>> x = keras.random.normal((2, 5, 7))
    >>> tuple(PerformerAttention(num_heads=3, key_dim=4, num_features=16)(x, x).shape)
    (2, 5, 7)

    Reference:
        Choromanski et al., 2021, "Rethinking Attention with Performers".
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        num_features=256,
        value_dim=None,
        use_bias=True,
        dropout=0.0,
        seed=None,
        **kwargs,
    ):
        num_features = check_count("num_features", num_features)
        super().__init__(
            num_heads,
            key_dim,
            value_dim=value_dim,
            use_bias=use_bias,
            dropout=dropout,
            seed=seed,
            **kwargs,
        )
        self.num_features = num_features

    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        self.projection = self.add_weight(
            name="projection",
            shape=(self.num_features, self.key_dim),
            initializer=self._draw,
            trainable=False,
            # In half precision the exponents would be wrong by whole numbers.
            autocast=False,
        )

    def _draw(self, shape, dtype=None):
        return ops.cast(orthogonal_gaussian(*shape, seed=self.seed), dtype)

    def _logs(self, x):
        return log_random_features(at_least_float32(x) * self.scale**0.5, self.projection)

    def query_features(self, query):
        """`phi` of the queries, each divided by its largest feature.

        Args:
            query: Float tensor of shape `(batch, heads, query, key_dim)`.

        Returns:
            Positive features `(batch, heads, query, features)`, at least float32.
        """
        logs = self._logs(query)
        return stable_exp(logs, ops.stop_gradient(largest(logs, keepdims=True)))

    def key_features(self, key, key_mask=None):
        """`phi` of the keys, divided by the largest feature of all keys of the head.

        Args:
            key: Float tensor of shape `(batch, key_value_heads, key, key_dim)`.
            key_mask: Bool tensor of shape `(batch, key)`, True = may be attended to, or None.

        Returns:
            Positive features `(batch, key_value_heads, key, features)`, at least float32.
        """
        logs = self._masked_logs(key, key_mask)
        return stable_exp(logs, _highest(logs))

    def _masked_logs(self, key, mask):
        logs = self._logs(key)
        if mask is None:
            return logs
        return ops.where(as_bool(mask, "value_mask")[:, None, :, None], logs, NOTHING)

    def recurrent_start(self, batch_size):
        """The memory of causal self-attention before the first position.

        Args:
            batch_size: Number of sentences, an integer or a scalar tensor.

        Returns:
            The dict of `LinearAttention.recurrent_start`, and in it `highest`
            `(batch, heads, 1, 1)`, the logarithm of what the sums were divided by.
        """
        state = super().recurrent_start(batch_size)
        summary = state["summary"][:, :, :1, :1]
        return {**state, "highest": ops.zeros_like(summary) + NOTHING}

    def remember(self, key, value, state, mask=None):
        """The state with one more key and value in it, divided by the largest feature so far.

        Args:
            key, value, state, mask: See `LinearAttention.remember`.

        Returns:
            The new state.
        """
        logs = self._masked_logs(key, mask)
        highest = ops.maximum(state["highest"], _highest(logs))
        shrink = ops.exp(state["highest"] - highest)  # (batch, heads, 1, 1)
        state = {
            **state,
            "summary": state["summary"] * shrink,
            "norm": state["norm"] * shrink[:, :, 0],
            "highest": highest,
        }
        return self._add(stable_exp(logs, highest), value, state, mask)

    def get_config(self):
        return {**super().get_config(), "num_features": self.num_features}


def _highest(logs):
    """The highest logarithm of each head, `(batch, heads, 1, 1)`; no gradient passes through."""
    return ops.stop_gradient(largest(logs, axis=(2, 3), keepdims=True))

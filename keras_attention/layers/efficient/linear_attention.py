"""Linear attention: a feature map in place of softmax."""

import keras
from keras import ops

from keras_attention.layers.multi_head.multi_head_attention import MultiHeadAttention
from keras_attention.ops import Masks, weighted_sum
from keras_attention.ops.efficient.linear import (
    divide_rows,
    elu_features,
    linear_attention,
    linear_weights,
)
from keras_attention.ops.fitting import as_bool
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class LinearAttention(MultiHeadAttention):
    """Multi-head attention in time linear in the length, by a feature map in place of softmax.

    `context_i = phi(q_i) sum_j phi(k_j) v_j^T / (phi(q_i) . sum_j phi(k_j))`, `phi(x) = elu(x) + 1`
    (Katharopoulos et al., 2020, equations 5 and 7), and `j <= i` where causal (equations 8 to 12).
    The sums over `j` are made once for all queries. The scores are not scaled, as in the paper.

    - Where the weights are asked for, where dropout is at work, where an `attention_mask` is given,
      or `query_positions` with a causal mask, the weights that this implies,
      `phi(q_i) . phi(k_j) / sum_n phi(q_i) . phi(k_n)`, are computed as one block: the same result
      in quadratic time.
    - Causal self-attention can also run as the paper's recurrent network, in a memory of constant
      size: `recurrent_start` and `recurrent_step`.
    - There is no place for a `bias` and none for a normaliser: no score of a query and a key is
      ever computed to which a number could be added. A position that rotates is fine.

    Another feature map is a subclass with other `query_features` and `key_features`.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys, and with that number of features.
        value_dim: Size of each head's values; `key_dim` if not given.
        use_bias: Whether the projections have biases.
        position: A `Position` that rotates, or None.
        dropout: The share of weights to set to zero in training, which then takes quadratic time.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `num_key_value_heads` and `parts` of `MultiHeadAttention`, the parts none that
            read weights; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

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
    >>> from keras_attention.layers import LinearAttention
    >>> x = keras.random.normal((2, 5, 7))
    >>> tuple(LinearAttention(num_heads=3, key_dim=4)(x, x, use_causal_mask=True).shape)
    (2, 5, 7)

    Reference:
        Katharopoulos et al., 2020, "Transformers are RNNs: Fast Autoregressive Transformers with
        Linear Attention".
    """

    _fixed_arguments = ("normalizer",)

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        use_bias=True,
        position=None,
        dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            num_heads,
            key_dim,
            value_dim=value_dim,
            use_bias=use_bias,
            position=position,
            normalizer="softmax",
            dropout=dropout,
            seed=seed,
            **kwargs,
        )
        self.num_features = key_dim
        if self._needs_weights or self._needs_logsumexp:
            raise ValueError(
                "Expected no position and no parts that read scores or weights: linear attention "
                f"has none. Received: position={self.position}, parts={self.parts}"
            )

    def query_features(self, query):
        """`phi` of the queries; a factor common to all features of a query makes no difference.

        Args:
            query: Float tensor of shape `(batch, heads, query, key_dim)`.

        Returns:
            Features that are not negative, `(batch, heads, query, features)`, at least float32.
        """
        return elu_features(query)

    def key_features(self, key, key_mask=None):
        """`phi` of the keys; a factor common to all keys makes no difference.

        Args:
            key: Float tensor of shape `(batch, key_value_heads, key, key_dim)`.
            key_mask: Bool tensor of shape `(batch, key)`, True = may be attended to, or None.

        Returns:
            Features that are not negative, `(batch, key_value_heads, key, features)`, at least
            float32.
        """
        return elu_features(key)

    def attend_heads(
        self, query, key, value, masks, bias, training, return_weights, query_positions
    ):
        """Attention of all heads, behind the projections; see `MultiHeadAttention`.

        Args:
            query, key, value, masks, bias, training, return_weights, query_positions: As there;
                `bias` is None.

        Returns:
            Pair of context `(batch, heads, query, value_dim)` and weights
            `(batch, heads, query, key)`, the weights None where they were not asked for.
        """
        _refuse_bias(bias)
        query = self.query_features(query)  # (batch, heads, query, features)
        key = self._repeat_heads(self.key_features(key, masks.key))  # (batch, heads, key, features)
        value = self._repeat_heads(value)
        drops = (training and self.dropout > 0) or not self._has_plain_weights
        # Sums over the past count from the first row, wherever the queries stand.
        by_pairs = masks.attention is not None or masks.query_positions is not None
        if return_weights or drops or by_pairs:
            mask = masks.dense(ops.shape(query)[2], ops.shape(key)[2], heads=True)
            weights = ops.cast(linear_weights(query, key, mask), self.compute_dtype)
            weights = self._drop(weights, training)
            return weighted_sum(weights, value), weights
        return linear_attention(query, key, value, masks.key, masks.causal), None

    def recurrent_start(self, batch_size):
        """The memory of causal self-attention before the first position (equations 16 and 17).

        Args:
            batch_size: Number of sentences, an integer or a scalar tensor.

        Returns:
            A dict of `summary` `(batch, heads, features, value_dim)` and `norm`
            `(batch, heads, features)`, both zero, and, if there is a `position`, of `position`
            `(batch,)`. Its size does not grow with the positions read.
        """
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        heads, features = self.num_key_value_heads, self.num_features
        state = {
            "summary": ops.zeros((batch_size, heads, features, self.value_dim), dtype=dtype),
            "norm": ops.zeros((batch_size, heads, features), dtype=dtype),
        }
        if self.position is not None:
            state["position"] = ops.zeros((batch_size,), dtype="int32")
        return state

    def recurrent_step(self, x, state):
        """The next position of causal self-attention, as a recurrent network (equations 18 to 20).

        Stepping through all positions of `x` gives the same as
        `layer(x, x, use_causal_mask=True)`.

        Args:
            x: Float tensor of shape `(batch, 1, query_dim)`.
            state: What `recurrent_start` or the step before returned.

        Returns:
            Context `(batch, 1, query_dim)`, and the new state.
        """
        positions = state.get("position")
        if positions is not None:
            positions = ops.expand_dims(positions, axis=-1)
        query = self.project_query(x, positions)  # (batch, heads, 1, key_dim)
        key, value = self.project_key(x, positions), self._project_value(x)
        if positions is not None:
            _refuse_bias(self.position.bias(query, positions, positions))
            state = {**state, "position": state["position"] + 1}
        state = self.remember(key, value, state)
        context = ops.cast(self._recall(self.query_features(query), state), value.dtype)
        for part in self.parts:
            context = part.change_context(context, x)
        return self.merge_heads(context), state

    def remember(self, key, value, state, mask=None):
        """The state with one more key and value in it, or several.

        Args:
            key: Float tensor of shape `(batch, key_value_heads, 1, key_dim)`.
            value: Float tensor of shape `(batch, key_value_heads, 1, value_dim)`.
            state: What `recurrent_start` or the step before returned.
            mask: Bool tensor of shape `(batch, 1)`, True = to be remembered, or None.

        Returns:
            The new state.
        """
        return self._add(self.key_features(key, mask), value, state, mask)

    def _add(self, features, value, state, mask=None):
        """Equations 18 and 19."""
        if mask is not None:
            features = ops.where(as_bool(mask, "mask")[:, None, :, None], features, 0.0)
        product = ops.matmul(ops.swapaxes(features, -2, -1), at_least_float32(value))
        norm = state["norm"] + ops.sum(features, axis=2)
        return {**state, "summary": state["summary"] + product, "norm": norm}

    def _recall(self, features, state):
        """Equation 20."""
        summary, norm = self._repeat_heads(state["summary"]), self._repeat_heads(state["norm"])
        norm = ops.matmul(features, ops.expand_dims(norm, axis=-1))  # (batch, heads, 1, 1)
        return divide_rows(ops.matmul(features, summary), norm)

    def empty_cache(self, batch_size, max_length, width):
        """That of a decoder: of constant size, whatever the `max_length`."""
        return self.recurrent_start(batch_size)

    def cache_length(self, cache):
        """None: the sums hold any number of positions."""
        return None

    def fill_cache(self, x, max_length, mask=None):
        """Reads the first positions in one pass; see `CausalSteps`."""
        batch, length, _ = ops.shape(x)
        if mask is None:
            mask = ops.ones((batch, length), dtype="bool")
        memory, masks = self.project_memory(x), Masks(key=mask, causal=True)
        context, _ = self.attend(x, memory, masks, return_weights=False)
        state = self.recurrent_start(batch)
        state = self.remember(memory["key"], memory["value"], state, mask)
        if self.position is not None:
            state = {**state, "position": ops.sum(ops.cast(mask, "int32"), axis=-1)}
        return context, state

    def step_cache(self, x, cache, positions, slots):
        """The next position, without weights; see `recurrent_step`."""
        context, cache = self.recurrent_step(x, cache)
        return context, None, cache


def _refuse_bias(bias):
    if bias is not None:
        raise ValueError(
            "Expected no bias: linear attention never computes the score of a query and a key, to "
            f"which it would be added. Received: bias of shape {tuple(bias.shape)}"
        )

"""Multi-head attention, and what its relatives share."""

import keras
from keras import ops

from keras_attention.layers.attention import Attention
from keras_attention.ops import (
    NO_MASKS,
    Masks,
    dot_product_scores,
    join_heads,
    repeat_heads,
    split_heads,
    weighted_sum,
)
from keras_attention.ops.blocked import blocked_attention, worth_blocking

# How many rows of weights `attention_scores` computes at once, for all heads.
QUERIES_AT_ONCE = 256


@keras.saving.register_keras_serializable("keras_attention")
class MultiHeadAttention(Attention):
    """Several scaled dot-product attentions side by side.

    `context = concat(head_1, ..., head_h) W_o`,
    `head_i = normalizer(q W_q_i (k W_k_i)^T / sqrt(key_dim)) v W_v_i`
    (Vaswani et al., 2017, section 3.2.2).

    - Fewer key and value heads than query heads, `num_key_value_heads`, make multi-query (one) and
      grouped-query attention: a decoder's cache shrinks by that factor.
    - A `position` tells queries and keys where they stand: `RotaryPosition`, `ALiBiPosition`,
      `ShawPosition`, `T5Position`, `TransformerXLPosition`.
    - `parts` add to it: `TalkingHeads`, `OutputGate`, `QueryKeyNorm`, `LearnedSinks`, or your own.

    Long inputs are computed a block of queries at a time where weights are not asked for: the same
    result in a small part of the memory. `attention_scores` gives the weights of chosen heads and
    queries where the whole block of weights would not fit.

    Unlike `keras.layers.MultiHeadAttention`, the weights are returned on every path; any normaliser
    can be used; a query that may attend to nothing has zero weights and a zero context, the bias of
    the output included.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        value_dim: Size of each head's values; `key_dim` if not given.
        num_key_value_heads: Number of key and value heads, a divisor of `num_heads`, which it is if
            not given.
        use_bias: Whether the projections have biases.
        position: A `Position`, or None.
        parts: `HeadPart`s, called in this order.
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        attention_mask: Bool tensor of shape `(batch, query, key)`, or
            `(batch, heads, query, key)`. True = may attend.
        bias: Float tensor that broadcasts to `(batch, heads, query, key)`, added to the scaled
            scores.
        query_mask, value_mask, key_mask, use_causal_mask, return_attention_scores, training: see
            `Attention`.

    Output:
        Context of shape `(batch, query, query_dim)`, or the pair of context and weights
        `(batch, heads, query, key)`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import MultiHeadAttention, RotaryPosition
    >>> layer = MultiHeadAttention(4, 6, num_key_value_heads=2, position=RotaryPosition())
    >>> x = keras.random.normal((2, 3, 7))
    >>> context, weights = layer(x, x, use_causal_mask=True, return_attention_scores=True)
    >>> tuple(context.shape), tuple(weights.shape)
    ((2, 3, 7), (2, 4, 3, 3))

    Reference:
        Vaswani et al., 2017, "Attention Is All You Need"; Shazeer, 2019, "Fast Transformer
        Decoding: One Write-Head is All You Need"; Ainslie et al., 2023, "GQA: Training Generalized
        Multi-Query Transformer Models from Multi-Head Checkpoints".
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        num_key_value_heads=None,
        use_bias=True,
        position=None,
        parts=(),
        normalizer="softmax",
        dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(normalizer=normalizer, dropout=dropout, seed=seed, **kwargs)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = key_dim if value_dim is None else value_dim
        self.num_key_value_heads = num_heads if num_key_value_heads is None else num_key_value_heads
        self.use_bias = use_bias
        self.position = position
        self.parts = list(parts)
        self.scale = key_dim**-0.5
        self._check_arguments()

    def _check_arguments(self):
        for name in ("num_heads", "key_dim", "value_dim", "num_key_value_heads"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"Expected `{name}` to be positive. Received: {name}={getattr(self, name)}"
                )
        if self.num_heads % self.num_key_value_heads:
            raise ValueError(
                "Expected `num_key_value_heads` to divide `num_heads`. Received: "
                f"num_heads={self.num_heads}, num_key_value_heads={self.num_key_value_heads}"
            )
        is_softmax = getattr(self.normalizer, "__name__", None) == "softmax"
        if any(part.needs_logsumexp for part in self.parts) and not is_softmax:
            raise ValueError(
                "Expected the softmax normalizer with a part that reads its log-sum-exp. "
                f"Received: normalizer={self.normalizer!r}, parts={self.parts}"
            )

    def build(self, query_shape, value_shape, key_shape=None):
        """Makes the projections, and builds position and parts.

        Args:
            query_shape: `(batch, query, query_dim)`.
            value_shape: `(batch, key, value_dim)`.
            key_shape: `(batch, key, key_dim)`; `value_shape` if not given.
        """
        key_shape = key_shape or value_shape
        heads, groups = self.num_heads, self.num_key_value_heads
        self._add_projection("query", query_shape[-1], heads * self.key_dim)
        self._add_projection("key", key_shape[-1], groups * self.key_dim)
        self._add_projection("value", value_shape[-1], groups * self.value_dim)
        self._add_projection("output", heads * self.value_dim, query_shape[-1])
        batch, query_length, key_length = query_shape[0], query_shape[1], key_shape[1]
        head_shapes = (
            (batch, heads, query_length, self.key_dim),
            (batch, groups, key_length, self.key_dim),
            (batch, groups, key_length, self.value_dim),
        )
        # Keras builds the nested layers of a saved model by themselves.
        if self.position is not None and not self.position.built:
            self.position.build(*head_shapes[:2])
        for part in self.parts:
            if not part.built:
                part.build(*head_shapes, query_shape)

    def _add_projection(self, name, rows, columns):
        kernel = self.add_weight(
            name=f"{name}_kernel", shape=(rows, columns), initializer="glorot_uniform"
        )
        setattr(self, f"{name}_kernel", kernel)
        bias = None
        if self.use_bias:
            bias = self.add_weight(name=f"{name}_bias", shape=(columns,), initializer="zeros")
        setattr(self, f"{name}_bias", bias)

    def _project(self, x, name):
        # Cast here: a decoder that steps calls this outside of Keras' autocast.
        x = ops.cast(x, self.compute_dtype)
        x = ops.matmul(x, ops.cast(getattr(self, f"{name}_kernel"), self.compute_dtype))
        bias = getattr(self, f"{name}_bias")
        return x if bias is None else x + ops.cast(bias, self.compute_dtype)

    def project_query(self, query, positions=None):
        """The heads' queries.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.
            positions: Int32 tensor of shape `(query,)` or `(batch, query)`; 0, 1, ... if not given.

        Returns:
            Float tensor of shape `(batch, heads, query, key_dim)`.
        """
        query = split_heads(self._project(query, "query"), self.num_heads, like=query)
        for part in self.parts:
            query = part.change_query(query)
        return self._rotate(query, positions)

    def project_key(self, key, positions=None):
        """The heads' keys.

        Args:
            key: Float tensor of shape `(batch, key, key_dim)`.
            positions: Int32 tensor of shape `(key,)` or `(batch, key)`; 0, 1, ... if not given.

        Returns:
            Float tensor of shape `(batch, key_value_heads, key, key_dim)`.
        """
        key = split_heads(self._project(key, "key"), self.num_key_value_heads, like=key)
        for part in self.parts:
            key = part.change_key(key)
        return self._rotate(key, positions)

    def _rotate(self, x, positions):
        if self.position is None:
            return x
        positions = ops.arange(ops.shape(x)[2], dtype="int32") if positions is None else positions
        return self.position.rotate(x, positions)

    def project_value(self, value):
        """The heads' values.

        Args:
            value: Float tensor of shape `(batch, key, value_dim)`.

        Returns:
            Float tensor of shape `(batch, key_value_heads, key, value_dim)`.
        """
        return split_heads(self._project(value, "value"), self.num_key_value_heads, like=value)

    def project_memory(self, value, key=None, positions=None):
        """The heads' keys and values, computed once for a memory.

        Args:
            value: Float tensor of shape `(batch, key, value_dim)`.
            key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
            positions: Int32 tensor of shape `(key,)` or `(batch, key)`; 0, 1, ... if not given.

        Returns:
            A dict of `key` `(batch, key_value_heads, key, key_dim)` and `value`
            `(batch, key_value_heads, key, value_dim)`.
        """
        key = self.project_key(value if key is None else key, positions)
        return {"key": key, "value": self.project_value(value)}

    def repeat_heads(self, x):
        """Keys or values with as many heads as the queries have.

        Args:
            x: Tensor of shape `(batch, key_value_heads, key, dim)`.

        Returns:
            Tensor of shape `(batch, heads, key, dim)`.
        """
        return repeat_heads(x, self.num_heads)

    def dense_mask(self, masks, query_positions, key_length):
        """All that rules positions out, as one block.

        Args:
            masks: `keras_attention.ops.Masks`.
            query_positions: Int32 tensor of shape `(query,)` or `(batch, query)`.
            key_length: Number of key positions.

        Returns:
            Bool tensor that broadcasts to `(batch, heads, query, key)`, or None.
        """
        return masks.dense(ops.shape(query_positions)[-1], key_length, heads=True)

    def rows(self, masks, query_positions, key_length):
        """Which queries may attend to anything at all.

        Args:
            masks: `keras_attention.ops.Masks`.
            query_positions: Int32 tensor of shape `(query,)` or `(batch, query)`.
            key_length: Number of key positions.

        Returns:
            Bool tensor that broadcasts to `(batch, query)`, or None where every query may.
        """
        return masks.rows(ops.shape(query_positions)[-1], key_length)

    def attend_heads(
        self, query, key, value, masks, bias, training, return_weights, query_positions
    ):
        """Attention of all heads, behind the projections; what a relative overrides.

        Args:
            query: Float tensor of shape `(batch, heads, query, key_dim)`, not scaled.
            key: Float tensor of shape `(batch, key_value_heads, key, key_dim)`; `repeat_heads`
                gives it as many heads as the query.
            value: Float tensor of shape `(batch, key_value_heads, key, value_dim)`.
            masks: `keras_attention.ops.Masks`.
            bias: Float tensor that broadcasts to `(batch, heads, query, key)`, or None.
            training: Whether to apply dropout.
            return_weights: Whether the weights are asked for.
            query_positions: Int32 tensor of shape `(query,)` or `(batch, query)`.

        Returns:
            Pair of context `(batch, heads, query, value_dim)` and weights
            `(batch, heads, query, key)`, the weights None where they were not asked for.
        """
        if not return_weights and self._in_blocks(query, key):
            return self._attend_in_blocks(query, key, value, masks, bias, training), None
        return self.attend_densely(query, key, value, masks, bias, training, query_positions)

    def attend_densely(self, query, key, value, masks, bias, training, query_positions):
        """Attention by the whole block of weights, with every normaliser, part and position.

        Args:
            query, key, value, masks, bias, training, query_positions: As in `attend_heads`.

        Returns:
            Pair of context `(batch, heads, query, value_dim)` and weights
            `(batch, heads, query, key)`.
        """
        scores = dot_product_scores(query, key, self.scale)  # (batch, heads, query, key)
        if bias is not None:
            scores = scores + ops.cast(bias, scores.dtype)
        for part in self.parts:
            scores = part.change_scores(scores)
        mask = self.dense_mask(masks, query_positions, ops.shape(scores)[3])
        weights = self._change_weights(self.weigh(scores, mask, training), scores, mask)
        context = weighted_sum(weights, value)
        if self.position is not None and self.position.needs_weights:
            key_positions = ops.arange(ops.shape(scores)[3], dtype="int32")
            context = context + self.position.values(weights, query_positions, key_positions)
        return context, weights

    def _change_weights(self, weights, scores, mask):
        for part in self.parts:
            weights = part.change_weights(weights)
            if part.needs_logsumexp:
                share = part.share(_logsumexp(scores, mask))
                weights = weights * ops.cast(ops.expand_dims(share, axis=-1), weights.dtype)
        # Heads that talk could let through what a mask of one head rules out.
        talked = mask is not None and any(part.needs_weights for part in self.parts)
        return ops.where(mask, weights, ops.zeros_like(weights)) if talked else weights

    @property
    def needs_weights(self):
        """Whether the position or a part reads the whole block of scores or weights."""
        parts = self.parts if self.position is None else [*self.parts, self.position]
        return any(part.needs_weights for part in parts)

    def _in_blocks(self, query, key):
        is_softmax = getattr(self.normalizer, "__name__", None) == "softmax"
        return is_softmax and not self.needs_weights and worth_blocking(query.shape, key.shape)

    def _attend_in_blocks(self, query, key, value, masks, bias, training):
        attention_mask = masks.attention
        if attention_mask is not None:
            attention_mask = Masks(attention=attention_mask).dense(None, None, heads=True)
        context, logsumexp = blocked_attention(
            query,
            self.repeat_heads(key),
            self.repeat_heads(value),
            key_mask=masks.key,
            attention_mask=attention_mask,
            bias=bias,
            causal=masks.causal,
            scale=self.scale,
            dropout=self.dropout if training else 0.0,
            seed=self.seed_generator if self.dropout > 0 else None,
        )
        for part in self.parts:
            if part.needs_logsumexp:
                share = ops.expand_dims(part.share(logsumexp), axis=-1)
                context = context * ops.cast(share, context.dtype)
        return context

    def attend(
        self,
        query,
        memory,
        masks=NO_MASKS,
        training=None,
        bias=None,
        return_weights=True,
        query_positions=None,
    ):
        """Attention of queries, not yet projected, to a memory that is.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.
            memory: What `project_memory` returned.
            masks: `keras_attention.ops.Masks`.
            training: Whether to apply dropout.
            bias: Float tensor that broadcasts to `(batch, heads, query, key)`, or None.
            return_weights: Whether the weights are asked for.
            query_positions: Int32 tensor of shape `(query,)`, which counts up by one, or
                `(batch, query)`; 0, 1, ... if not given.

        Returns:
            Pair of context `(batch, query, query_dim)` and weights `(batch, heads, query, key)`,
            the weights None where they were not asked for.
        """
        if query_positions is None:
            query_positions = ops.arange(ops.shape(query)[1], dtype="int32")
        key_length = ops.shape(memory["key"])[2]
        projected = self.project_query(query, query_positions)  # (batch, heads, query, key_dim)
        context, weights = self.attend_heads(
            projected,
            memory["key"],
            memory["value"],
            masks,
            self._with_position_bias(bias, projected, query_positions, key_length),
            training,
            return_weights,
            query_positions,
        )
        for part in self.parts:
            context = part.change_context(context, query)
        return self.merge_heads(context, self.rows(masks, query_positions, key_length)), weights

    def attention_scores(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        bias=None,
        heads=None,
        queries=None,
    ):
        """The weights of chosen heads and queries, where those of all would not fit.

        Only the chosen ones are kept; no more than `QUERIES_AT_ONCE` queries are computed at once.

        Args:
            query, value, key, query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
                bias: As in a call of the layer.
            heads: List of head numbers, all if not given.
            queries: List of query positions, all if not given.

        Returns:
            Weights of shape `(batch, heads, queries, key)`, the heads and queries in the order in
            which they were asked for, without dropout.
        """
        query, value = ops.convert_to_tensor(query), ops.convert_to_tensor(value)
        key = value if key is None else ops.convert_to_tensor(key)
        if not self.built:
            self.build(query.shape, value.shape, key.shape)
        masks = Masks(query_mask, value_mask, attention_mask, use_causal_mask).with_keys(key_mask)
        memory = self.project_memory(value, key)
        queries = _chosen("queries", queries, query.shape[1])
        heads = _chosen("heads", heads, self.num_heads)
        blocks = []
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            positions = ops.convert_to_tensor(queries[start : start + QUERIES_AT_ONCE], "int32")
            _, weights = self.attend(
                ops.take(query, positions, axis=1),
                memory,
                masks.at(positions, key.shape[1]),
                bias=_rows_of(bias, positions),
                # With a batch axis: only positions without gaps may do without.
                query_positions=ops.expand_dims(positions, axis=0),
            )
            blocks.append(ops.take(weights, heads, axis=1))
        return ops.concatenate(blocks, axis=2)

    def _with_position_bias(self, bias, query, query_positions, key_length):
        if self.position is None:
            return bias
        key_positions = ops.arange(key_length, dtype="int32")
        of_position = self.position.bias(query, query_positions, key_positions)
        if bias is None or of_position is None:
            return of_position if bias is None else bias
        return ops.cast(bias, of_position.dtype) + of_position

    def merge_heads(self, context, rows=None):
        """The heads' contexts, joined and projected.

        Args:
            context: Float tensor of shape `(batch, heads, query, value_dim)`.
            rows: Bool tensor that broadcasts to `(batch, query)`, or None; where it is False the
                result is zero.

        Returns:
            Float tensor of shape `(batch, query, query_dim)`.
        """
        merged = self._project(join_heads(context), "output")
        if rows is None:
            return merged
        return ops.where(ops.expand_dims(rows, axis=-1), merged, ops.zeros_like(merged))

    def start(self, memory):
        """The state before the first step: the position, where there is one to know.

        Args:
            memory: What `project_memory` returned.

        Returns:
            A dict of `position`, an int32 tensor of shape `(batch,)`, or an empty one.
        """
        if self.position is None:
            return {}
        return {"position": ops.zeros(ops.shape(memory["key"])[:1], dtype="int32")}

    def step(self, query, memory, masks=NO_MASKS, state=None, training=None):
        """Attention of the next query position; see `Attention.step`.

        Args:
            query: Float tensor of shape `(batch, 1, query_dim)`.
            memory: What `project_memory` returned.
            masks: `keras_attention.ops.Masks` for this one position; never `causal`.
            state: What `start` or the step before returned.
            training: Whether to apply dropout.

        Returns:
            Context `(batch, 1, query_dim)`, weights `(batch, heads, 1, key)`, and the new state.
        """
        if not state:
            return *self.attend(query, memory, masks, training), state
        positions = state["position"]
        context, weights = self.attend(
            query, memory, masks, training, query_positions=ops.expand_dims(positions, axis=-1)
        )
        return context, weights, {**state, "position": positions + 1}

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        return_attention_scores=False,
        training=None,
        bias=None,
    ):
        """Attends from every query position at once; see the class."""
        masks = Masks(query_mask, value_mask, attention_mask, use_causal_mask).with_keys(key_mask)
        context, weights = self.attend(
            query,
            self.project_memory(value, key),
            masks,
            training,
            bias=bias,
            return_weights=return_attention_scores,
        )
        return (context, weights) if return_attention_scores else context

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        """The shape of the context.

        Args:
            query_shape: `(batch, query, query_dim)`.
            value_shape: Not needed.
            key_shape: Not needed.

        Returns:
            `(batch, query, query_dim)`.
        """
        return tuple(query_shape)

    def compute_output_spec(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        return_attention_scores=False,
        training=None,
        bias=None,
    ):
        """The symbolic context, and weights where `return_attention_scores`; see `call`."""
        context = keras.KerasTensor(query.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return context
        shape = (query.shape[0], self.num_heads, query.shape[1], value.shape[1])
        return context, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        """The arguments that make this layer again."""
        config = {
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "num_key_value_heads": self.num_key_value_heads,
            "use_bias": self.use_bias,
            "position": keras.saving.serialize_keras_object(self.position),
            "parts": [keras.saving.serialize_keras_object(part) for part in self.parts],
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        """A layer made from what `get_config` returned.

        Args:
            config: A dict.

        Returns:
            A layer of this class.
        """
        nested = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("position", "parts")
            if config.get(name) is not None
        }
        return cls(**{**config, **nested})


def _chosen(name, numbers, size):
    """A list of numbers below `size`; all of them for None."""
    numbers = list(range(size)) if numbers is None else list(numbers)
    if not numbers or not all(0 <= number < size for number in numbers):
        raise ValueError(
            f"Expected `{name}` to hold numbers from 0 to {size - 1}. Received: {name}={numbers}"
        )
    return numbers


def _rows_of(bias, positions):
    """The rows of a bias that belong to chosen queries."""
    if bias is None or bias.shape[-2] == 1:
        return bias
    return ops.take(bias, positions, axis=-2)


def _logsumexp(scores, mask):
    """`(batch, heads, query)`, the lowest number where nothing is allowed."""
    if mask is not None:
        scores = ops.where(mask, scores, -1e30)
    return ops.logsumexp(scores, axis=-1)

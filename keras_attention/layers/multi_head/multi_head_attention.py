"""Multi-head attention, and what its relatives share."""

from contextlib import contextmanager
from dataclasses import replace
from math import prod

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count, standardize_output_shape
from keras_attention.layers.base.attention import Attention, same_batch, with_batch
from keras_attention.layers.base.causal_steps import CausalHeadSteps
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.layers.base.nested import build_once
from keras_attention.layers.base.subclasses import overridden_after
from keras_attention.layers.multi_head.attention_scores import attention_scores, masks_of_call
from keras_attention.layers.multi_head.keras_weights import copy_weights
from keras_attention.layers.multi_head.named import get_parts, get_position
from keras_attention.ops import (
    NO_MASKS,
    Masks,
    dot_product_scores,
    join_heads,
    normalizers,
    repeat_heads,
    split_heads,
    weighted_sum,
)
from keras_attention.ops.dense.blocked import WORTH_SCORES, blocked_attention, worth_blocking
from keras_attention.ops.dense.fused import can_fuse, fused_attention
from keras_attention.ops.dense.projection import project
from keras_attention.ops.fitting import check_fits, fit_bias

# What says that a subclass is not softmax of dot products, and the methods that make it so.
HOOKS = {
    "_has_dot_product_scores": ("score", "_attend_densely"),
    "_has_plain_weights": ("_weigh", "_drop"),
    "_has_plain_heads": (
        "project_query",
        "project_key",
        "_project_value",
        "_repeat_heads",
        "merge_heads",
        "attend_heads",
    ),
}


@keras.saving.register_keras_serializable("keras_attention")
class MultiHeadAttention(WithKernels, CausalHeadSteps, Attention):
    """Several scaled dot-product attentions side by side.

    `context = concat(head_1, ..., head_h) W_o`,
    `head_i = normalizer(q W_q_i (k W_k_i)^T / sqrt(key_dim)) v W_v_i`
    (Vaswani et al., 2017, section 3.2.2).

    - Fewer key and value heads than query heads, `num_key_value_heads`, make multi-query (one) and
      grouped-query attention: a decoder's cache shrinks by that factor.
    - A `position` tells queries and keys where they stand: `RotaryPosition`, `ALiBiPosition`,
      `ShawPosition`, `T5Position`, `TransformerXLPosition`.
    - A subclass with a `score` of its own is that attention with several heads. It may override
      `project_query`, `project_key` and `score`, which are the hooks for subclasses.
    - `parts` add to it: `TalkingHeads`, `OutputGate`, `QueryKeyNorm`, `LearnedSinks`, or your own.

    Long inputs are computed a block of queries at a time where weights are not asked for: the same
    result in a small part of the memory. Without bias, dropout and sinks it is a fused kernel of
    the backend where there is one (cuDNN's on JAX with a GPU and half precision, SDPA on Torch,
    on a CPU or with CUDA).
    `attention_scores` gives the weights of chosen heads and queries where the whole block of
    weights would not fit.

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
        position: A `Position`, None, or one of the names "rotary", "alibi", "t5" and
            "transformer_xl".
        parts: List of `HeadPart`s, called in this order, or of the names "talking_heads",
            "output_gate", "query_key_norm" and "learned_sinks".
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        output_shape: Size of the context, or a tuple of sizes; that of the query if not given.
        activity_regularizer: Regularizer of what each of the projections gives, as in Keras' own
            layer, or None. It counts in calls of the layer, not in steps of a decoder.
        **kwargs: `kernel_initializer`, "glorot_uniform" if not given, and `kernel_regularizer`,
            `kernel_constraint`, `bias_initializer`, `bias_regularizer`, `bias_constraint` of all
            projections; `attention_axes` of `Attention`; `name`, `dtype`, `trainable` of
            `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        attention_mask: Bool tensor of shape `(batch, query, key)`, or
            `(batch, heads, query, key)`. True = may attend.
        bias: Float tensor that broadcasts to `(batch, heads, query, key)`, added to the scores;
            with several `attention_axes` it may also have all axes of the weights.
        query_positions: Int32 tensor of shape `(query,)`, which counts up by one, or
            `(batch, query)`: where the queries stand, the keys standing at 0, 1, ...; 0, 1, ... too
            if not given. `position` and `use_causal_mask` go by it (see `SegmentMemory`).
        query_mask, value_mask, key_mask, use_causal_mask, return_attention_scores, training: see
            `Attention`.

    Output:
        Context of shape `(batch, query, query_dim)`, or the pair of context and weights
        `(batch, heads, query, key)`.

    `set_weights_from` takes the weights of `keras.layers.MultiHeadAttention` or
    `keras.layers.GroupQueryAttention`, for which this layer stands in: the outputs are the same.

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

    _fixed_inputs = ("query", "value", "key")
    # Fused kernels and blocks compute softmax of dot products. A subclass that overrides one of
    # `HOOKS` has False here, and is computed by the full matrix of weights.
    _has_dot_product_scores = True
    _has_plain_weights = True
    _has_plain_heads = True
    _old_names = {
        **Attention._old_names,
        "attend_densely": "_attend_densely",
        "project_value": "_project_value",
        "repeat_heads": "_repeat_heads",
        "rows": "_valid_queries",
    }

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for attribute, hooks in HOOKS.items():
            if overridden_after(cls, attribute, hooks):
                setattr(cls, attribute, False)

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
        output_shape=None,
        activity_regularizer=None,
        **kwargs,
    ):
        super().__init__(normalizer=normalizer, dropout=dropout, seed=seed, **kwargs)
        self.num_heads = check_count("num_heads", num_heads)
        self.key_dim = check_count("key_dim", key_dim)
        self.value_dim = self.key_dim if value_dim is None else check_count("value_dim", value_dim)
        self.num_key_value_heads = (
            self.num_heads
            if num_key_value_heads is None
            else check_count("num_key_value_heads", num_key_value_heads)
        )
        self.use_bias = use_bias
        self.position = get_position(position)
        self.parts = get_parts(parts)
        # Not under their own names: Keras reads the shapes of a model's layers by the one, and
        # regularizes the outputs of a layer by the other.
        self._output_shape = standardize_output_shape(output_shape)
        self._projection_regularizer = keras.regularizers.get(activity_regularizer)
        self._rows_of_example = None
        if self.num_heads % self.num_key_value_heads:
            raise ValueError(
                "Expected `num_key_value_heads` to divide `num_heads`. Received: "
                f"num_heads={self.num_heads}, num_key_value_heads={self.num_key_value_heads}"
            )
        if self.position is not None:
            self.position.check_parts(self.parts)
            self._goes_by_order = True
        self._head_axis = (self.num_heads,)
        self.scale = self.key_dim**-0.5
        # By identity: a custom function may have the same name.
        is_softmax = self.normalizer is normalizers.softmax
        self._needs_logsumexp = any(part.needs_logsumexp for part in self.parts)
        if self._needs_logsumexp and not is_softmax:
            raise ValueError(
                "Expected the softmax normalizer with a part that reads its log-sum-exp. "
                f"Received: normalizer={self.normalizer!r}, parts={self.parts}"
            )
        # Whether the position or a part reads the full matrix of scores or weights.
        self._needs_weights = any(part.needs_weights for part in self.parts) or (
            self.position is not None and self.position.needs_weights
        )
        # Whether the fused kernel and the blocks give the same as the full matrix of weights.
        self._is_plain = (
            is_softmax
            and self._has_dot_product_scores
            and self._has_plain_weights
            and not self._needs_weights
        )

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = key_shape or value_shape
        heads, groups = self.num_heads, self.num_key_value_heads
        self._add_projection("query", query_shape[-1], heads * self.key_dim)
        self._add_projection("key", key_shape[-1], groups * self.key_dim)
        self._add_projection("value", value_shape[-1], groups * self.value_dim)
        output_dim = prod(self._output_shape or query_shape[-1:])
        self._add_projection("output", heads * self.value_dim, output_dim)
        batch, query_length, key_length = query_shape[0], query_shape[1], key_shape[1]
        head_shapes = (
            (batch, heads, query_length, self.key_dim),
            (batch, groups, key_length, self.key_dim),
            (batch, groups, key_length, self.value_dim),
        )
        if self.position is not None:
            build_once(self.position, self, *head_shapes)
        for part in self.parts:
            build_once(part, self, *head_shapes, query_shape)

    def _add_projection(self, name, rows, columns):
        setattr(self, f"{name}_kernel", self.add_kernel(f"{name}_kernel", (rows, columns)))
        bias = self.add_bias(f"{name}_bias", (columns,)) if self.use_bias else None
        setattr(self, f"{name}_bias", bias)

    def set_weights_from(self, layer):
        """Takes the weights of one of Keras' own multi-head layers, whose outputs it then gives.

        Args:
            layer: A built `keras.layers.MultiHeadAttention` or `GroupQueryAttention`, with the
                same heads, sizes, biases and `attention_axes`. The gate of one with `use_gate` is
                an `OutputGate`, and the window of one with `sliding_window=n` that of
                `SlidingWindowAttention(..., window=(n - 1, n - 1))`.

        Raises:
            ValueError: If it is another layer, or this one computes something else: with another
                normalizer or score, a position, or other parts.

        Example:

        >>> import keras
        >>> from keras_attention.layers import MultiHeadAttention
        >>> x = keras.random.normal((2, 3, 7))
        >>> theirs, ours = keras.layers.MultiHeadAttention(2, 5), MultiHeadAttention(2, 5)
        >>> expected = theirs(x, x)
        >>> ours.set_weights_from(theirs)
        >>> bool(keras.ops.all(keras.ops.abs(ours(x, x) - expected) < 1e-5))
        True
        """
        copy_weights(layer, self)

    @contextmanager
    def _regularized_projections(self, rows_of_example=1):
        """Within it the `activity_regularizer` counts; a step of a decoder must not add losses.

        Its loss is that of an example, which has so many rows of the batch, as in Keras. The
        outermost call counts.
        """
        outer = self._rows_of_example
        if self._projection_regularizer is not None and outer is None:
            self._rows_of_example = rows_of_example
        try:
            yield
        finally:
            self._rows_of_example = outer

    def _project(self, x, name):
        # Cast here: a decoder that steps calls this outside of Keras' autocast.
        x = ops.cast(x, self.compute_dtype)
        kernel = ops.cast(getattr(self, f"{name}_kernel"), self.compute_dtype)
        bias = getattr(self, f"{name}_bias")
        bias = None if bias is None else ops.cast(bias, self.compute_dtype)
        projected = project(x, kernel, bias)
        if self._rows_of_example is not None:
            loss = self._projection_regularizer(projected)
            rows = ops.cast(ops.shape(projected)[0], loss.dtype)
            of_example = ops.cast(self._rows_of_example, loss.dtype)
            self.add_loss(ops.divide_no_nan(loss * of_example, rows))
        return projected

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
        return query if self.position is None else self._rotate(query, positions)

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
        return key if self.position is None else self._rotate(key, positions)

    def _rotate(self, x, positions):
        positions = ops.arange(ops.shape(x)[2], dtype="int32") if positions is None else positions
        return self.position.rotate(x, positions)

    def _project_value(self, value):
        """`(batch, key, value_dim)` to `(batch, key_value_heads, key, value_dim)`."""
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
        return {"key": key, "value": self._project_value(value)}

    def _repeat_heads(self, x):
        """Keys or values with as many heads as the queries have."""
        return repeat_heads(x, self.num_heads)

    def score(self, query, key):
        """How well each query goes with each key; what another kind of score overrides.

        A layer with a score of its own always computes all scores.

        Args:
            query: Float tensor of shape `(batch, heads, query, key_dim)`, not scaled.
            key: Float tensor of shape `(batch, key_value_heads, key, key_dim)`;
                `keras_attention.ops.repeat_heads` gives it as many heads as the query.

        Returns:
            Scores of shape `(batch, heads, query, key)`, here `query . key / sqrt(key_dim)`.
        """
        return dot_product_scores(query, key, self.scale)

    def attend_heads(
        self, query, key, value, masks, bias, training, return_weights, query_positions
    ):
        """Attention of all heads, behind the projections.

        Args:
            query: Float tensor of shape `(batch, heads, query, key_dim)`, not scaled.
            key: Float tensor of shape `(batch, key_value_heads, key, key_dim)`.
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
        lengths = query.shape[2], key.shape[2]
        # Where JAX exports, a length that is not known is no None but a name.
        are_known = isinstance(lengths[0], int) and isinstance(lengths[1], int)
        if self._is_plain and not return_weights and are_known and prod(lengths) >= WORTH_SCORES:
            drops = training and self.dropout > 0
            # A kernel would round a bias to half precision, and says nothing of sums nor drops.
            for_kernel = replace(masks, query=None)
            takes_kernel = bias is None and not drops and not self._needs_logsumexp
            if takes_kernel and can_fuse(query, key, value, for_kernel):
                key, value = self._repeat_heads(key), self._repeat_heads(value)
                return fused_attention(query, key, value, for_kernel, self.scale), None
            if worth_blocking(query.shape, key.shape):
                return self._attend_in_blocks(query, key, value, masks, bias, training), None
        return self._attend_densely(query, key, value, masks, bias, training, query_positions)

    def _attend_in_blocks(self, query, key, value, masks, bias, training):
        # Causal blocks count from the first row: queries that stand elsewhere have a mask instead.
        elsewhere = masks.causal and masks.query_positions is not None
        given = replace(masks, query=None, key=None, causal=elsewhere)
        attention_mask = given.dense(ops.shape(query)[2], ops.shape(key)[2], heads=True)
        context, logsumexp = blocked_attention(
            query,
            self._repeat_heads(key),
            self._repeat_heads(value),
            key_mask=masks.key,
            attention_mask=attention_mask,
            bias=bias,
            causal=masks.causal and not elsewhere,
            scale=self.scale,
            dropout=self.dropout if training else 0.0,
            seed=self.seed_generator if self.dropout > 0 else None,
        )
        for part in self.parts:
            if part.needs_logsumexp:
                share = ops.expand_dims(part.share(logsumexp), axis=-1)
                context = context * ops.cast(share, context.dtype)
        return context

    def _attend_densely(self, query, key, value, masks, bias, training, query_positions):
        """Attention by the full matrix of weights, with every normalizer, part and position."""
        scores = self.score(query, key)  # (batch, heads, query, key)
        if bias is not None:
            scores = scores + ops.cast(bias, scores.dtype)
        for part in self.parts:
            scores = part.change_scores(scores)
        mask = masks.dense(*ops.shape(scores)[2:], heads=True)
        weights = self._weigh(scores, mask, training)
        if self.parts:
            weights = self._change_weights(weights, scores, mask)
        context = weighted_sum(weights, value)
        reads_weights = self.position is not None and self.position.needs_weights
        if reads_weights and 0 not in tuple(scores.shape):
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
            masks: `keras_attention.ops.Masks`; `causal` goes by `query_positions`.
            training: Whether to apply dropout.
            bias: Float tensor that broadcasts to `(batch, heads, query, key)`, or None.
            return_weights: Whether the weights are asked for.
            query_positions: Int32 tensor of shape `(query,)`, which counts up by one, or
                `(batch, query)`; 0, 1, ... if not given.

        Returns:
            Pair of context `(batch, query, query_dim)` and weights `(batch, heads, query, key)`,
            the weights None where they were not asked for.

        Raises:
            ValueError: If a mask or the bias does not fit the lengths, as far as these are known.
        """
        shape = self._scores_shape(query, memory)
        batch, _, query_length, key_length = shape
        masks = masks.fitted(shape)
        if bias is not None:
            bias = fit_bias(bias, shape)
        if query_positions is None:
            query_positions = ops.arange(query_length, dtype="int32")
        else:
            whole = (batch, query_length)[-len(query_positions.shape) :]
            check_fits("query_positions", query_positions, whole)
            masks = replace(masks, query_positions=query_positions if masks.causal else None)
        projected = self.project_query(query, query_positions)  # (batch, heads, query, key_dim)
        if self.position is not None:
            bias = self._with_position_bias(bias, projected, query_positions, key_length)
        context, weights = self.attend_heads(
            projected,
            memory["key"],
            memory["value"],
            masks,
            bias,
            training,
            return_weights,
            query_positions,
        )
        for part in self.parts:
            context = part.change_context(context, query)
        valid_queries = self._valid_queries(masks, query_positions, key_length)
        return self.merge_heads(context, valid_queries), weights

    def _scores_shape(self, query, memory):
        """`(batch, heads, query, key)`, each an integer where it is known, or a scalar tensor."""
        batch, queries, _ = ops.shape(query)
        return batch, self.num_heads, queries, ops.shape(memory["key"])[2]

    def _valid_queries(self, masks, query_positions, key_length):
        """Which queries may attend to anything at all: `(batch, query)`, or None for every one."""
        return masks.rows(ops.shape(query_positions)[-1], key_length)

    def _with_position_bias(self, bias, query, query_positions, key_length):
        # Without queries or keys there are no distances either; a length may be a tensor.
        lengths = query_positions.shape[-1], key_length
        if any(isinstance(length, int) and length == 0 for length in lengths):
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
            Float tensor of shape `(batch, query, query_dim)`, or with the axes of `output_shape`.
        """
        merged = self._project(join_heads(context), "output")
        if rows is not None:
            merged = ops.where(ops.expand_dims(rows, axis=-1), merged, 0.0)
        if self._output_shape is None or len(self._output_shape) == 1:
            return merged
        return ops.reshape(merged, (*ops.shape(merged)[:2], *self._output_shape))

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
        query_positions=None,
        heads=None,
        queries=None,
    ):
        """The weights of chosen heads and queries, where those of all would not fit.

        Args:
            query, value, key, query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
                bias, query_positions: As in a call of the layer, Keras' implicit masks included.
            heads: List of head numbers, all if not given.
            queries: List of query positions, all if not given.

        Returns:
            Weights of shape `(batch, heads, queries, key)`, the heads and queries in the order in
            which they were asked for, without dropout.

        Raises:
            ValueError: If a head or a query is not there, or a mask or the bias does not fit.
        """
        masks = masks_of_call(
            (query, value, key), (query_mask, value_mask, key_mask), attention_mask, use_causal_mask
        )
        self._check_call(query, value, key, use_causal_mask=use_causal_mask)
        query, value = ops.convert_to_tensor(query), ops.convert_to_tensor(value)
        if len(query.shape) > 3:
            raise ValueError(
                "Expected `query` of shape (batch, query, query_dim); with more axes, call the "
                "layer with `return_attention_scores`. "
                f"Received: query.shape={tuple(query.shape)}"
            )
        if query_positions is not None:
            query_positions = ops.cast(query_positions, "int32")
        key = value if key is None else ops.convert_to_tensor(key)
        if not self.built:
            self.build(query.shape, value.shape, key.shape)
        query, value, key = same_batch(query, value, key)
        memory = self.project_memory(value, key)
        return attention_scores(self, query, memory, masks, bias, query_positions, heads, queries)

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
        query_positions=None,
    ):
        if len(query.shape) > 3:
            axes = self._axes(len(query.shape), query_positions is not None)
            tensors, positions = (query, value, key), (query_mask, value_mask, key_mask)
            options = {"use_causal_mask": use_causal_mask, "training": training}
            options["bias"] = axes.fold_bias(bias, query, value)
            options["query_positions"] = axes.fold_query_positions(query_positions, query)
            with self._regularized_projections(axes.rows_of_example(query)):
                return self._call_along_axes(
                    tensors, positions, attention_mask, return_attention_scores, **options
                )
        if query_positions is not None:
            query_positions = ops.cast(query_positions, "int32")
        query, value, key = same_batch(query, value, key)
        masks = Masks(query_mask, value_mask, attention_mask, use_causal_mask)
        if key_mask is not None:
            masks = masks.with_keys(key_mask)
        with self._regularized_projections():
            context, weights = self.attend(
                query,
                self.project_memory(value, key),
                masks,
                training,
                bias=bias,
                return_weights=return_attention_scores,
                query_positions=query_positions,
            )
        return (context, weights) if return_attention_scores else context

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        shape = with_batch(query_shape, value_shape)
        return (*shape[:-1], *(self._output_shape or query_shape[-1:]))

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
        query_positions=None,
    ):
        shape = self.compute_output_shape(query.shape, value.shape)
        context = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return context
        axes, query_shape = self._axes(len(query.shape)), with_batch(query.shape, value.shape)
        shape = axes.weights_shape(query_shape, value.shape, self._head_axis)
        return context, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        config = self._arguments(
            num_heads=self.num_heads,
            key_dim=self.key_dim,
            value_dim=self.value_dim,
            num_key_value_heads=self.num_key_value_heads,
            use_bias=self.use_bias,
            position=keras.saving.serialize_keras_object(self.position),
            parts=[keras.saving.serialize_keras_object(part) for part in self.parts],
            output_shape=self._output_shape,
            activity_regularizer=keras.regularizers.serialize(self._projection_regularizer),
        )
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        nested = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("position", "parts")
            if config.get(name) is not None
        }
        return cls(**{**config, **nested})


def _logsumexp(scores, mask):
    """`(batch, heads, query)`, the lowest number where nothing is allowed."""
    if mask is not None:
        scores = ops.where(mask, scores, -1e30)
    return ops.logsumexp(scores, axis=-1)

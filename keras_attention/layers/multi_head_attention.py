"""Multi-head attention, and what its relatives share."""

from dataclasses import replace

import keras
from keras import ops

from keras_attention.layers.attention import same_batch, with_batch
from keras_attention.layers.attention_scores import attention_scores, masks_of_call
from keras_attention.layers.nested import overrides
from keras_attention.layers.projected_heads import ProjectedHeads
from keras_attention.ops import (
    NO_MASKS,
    Masks,
    dot_product_scores,
    normalizers,
    weighted_sum,
)
from keras_attention.ops.blocked import blocked_attention, worth_blocking
from keras_attention.ops.fitting import check_fits, fit_bias
from keras_attention.ops.fused import can_fuse, fused_attention


@keras.saving.register_keras_serializable("keras_attention")
class MultiHeadAttention(ProjectedHeads):
    """Several scaled dot-product attentions side by side.

    `context = concat(head_1, ..., head_h) W_o`,
    `head_i = normalizer(q W_q_i (k W_k_i)^T / sqrt(key_dim)) v W_v_i`
    (Vaswani et al., 2017, section 3.2.2).

    - Fewer key and value heads than query heads, `num_key_value_heads`, make multi-query (one) and
      grouped-query attention: a decoder's cache shrinks by that factor.
    - A `position` tells queries and keys where they stand: `RotaryPosition`, `ALiBiPosition`,
      `ShawPosition`, `T5Position`, `TransformerXLPosition`.
    - A subclass with a `score` of its own is that attention with several heads.
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
        super().__init__(
            num_heads,
            key_dim,
            value_dim,
            num_key_value_heads,
            use_bias,
            position,
            parts,
            output_shape,
            activity_regularizer,
            normalizer=normalizer,
            dropout=dropout,
            seed=seed,
            **kwargs,
        )
        self.scale = key_dim**-0.5
        if any(part.needs_logsumexp for part in self.parts) and not self._is_softmax:
            raise ValueError(
                "Expected the softmax normalizer with a part that reads its log-sum-exp. "
                f"Received: normalizer={self.normalizer!r}, parts={self.parts}"
            )

    @property
    def _is_softmax(self):
        # By identity: a function of one's own may have the same name.
        return self.normalizer is normalizers.softmax

    def score(self, query, key):
        """How well each query goes with each key; what another kind of score overrides.

        A layer with a score of its own always computes the whole block of scores.

        Args:
            query: Float tensor of shape `(batch, heads, query, key_dim)`, not scaled.
            key: Float tensor of shape `(batch, key_value_heads, key, key_dim)`; `repeat_heads`
                gives it as many heads as the query.

        Returns:
            Scores of shape `(batch, heads, query, key)`, here `query . key / sqrt(key_dim)`.
        """
        return dot_product_scores(query, key, self.scale)

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
        if not return_weights and self._is_plain:
            if self._is_fused(query, key, value, masks, bias, training):
                return self._attend_fused(query, key, value, masks), None
            if worth_blocking(query.shape, key.shape):
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
        scores = self.score(query, key)  # (batch, heads, query, key)
        if bias is not None:
            scores = scores + ops.cast(bias, scores.dtype)
        for part in self.parts:
            scores = part.change_scores(scores)
        mask = masks.dense(*ops.shape(scores)[2:], heads=True)
        weights = self._change_weights(self.weigh(scores, mask, training), scores, mask)
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

    @property
    def is_scaled_dot_product(self):
        """Whether its heads are projected, scored and joined as in the paper."""
        projections = "project_query", "project_key", "project_value", "repeat_heads", "merge_heads"
        attends = "score", "weigh", "drop", "attend_heads", "attend_densely"
        return not overrides(self, MultiHeadAttention, *projections, *attends)

    @property
    def _is_plain(self):
        # Softmax of dot products: the cheap ways ask none of the methods that say otherwise.
        asked = overrides(self, MultiHeadAttention, "score", "weigh", "drop", "attend_densely")
        return self._is_softmax and not asked and not self.needs_weights

    def _is_fused(self, query, key, value, masks, bias, training):
        # A kernel would round a bias to half precision, and says nothing of sums nor drops.
        drops = training and self.dropout > 0
        more = bias is not None or drops or any(part.needs_logsumexp for part in self.parts)
        return not more and can_fuse(query, key, value, replace(masks, query=None))

    def _attend_fused(self, query, key, value, masks):
        key, value = self.repeat_heads(key), self.repeat_heads(value)
        return fused_attention(query, key, value, replace(masks, query=None), self.scale)

    def _attend_in_blocks(self, query, key, value, masks, bias, training):
        # Causal blocks count from the first row: queries that stand elsewhere have a mask instead.
        elsewhere = masks.causal and masks.query_positions is not None
        given = replace(masks, query=None, key=None, causal=elsewhere)
        attention_mask = given.dense(ops.shape(query)[2], ops.shape(key)[2], heads=True)
        context, logsumexp = blocked_attention(
            query,
            self.repeat_heads(key),
            self.repeat_heads(value),
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
        shape = self.scores_shape(query, memory)
        batch, _, query_length, key_length = shape
        masks, bias = masks.fitted(shape), fit_bias(bias, shape)
        if query_positions is None:
            query_positions = ops.arange(query_length, dtype="int32")
        else:
            whole = (batch, query_length)[-len(query_positions.shape) :]
            check_fits("query_positions", query_positions, whole)
            masks = replace(masks, query_positions=query_positions if masks.causal else None)
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

    def scores_shape(self, query, memory):
        """The sizes of all scores together, which masks and biases have to fit.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.
            memory: What `project_memory` returned.

        Returns:
            `(batch, heads, query, key)`, each an integer where it is known, or a scalar tensor.
        """
        batch, queries, _ = ops.shape(query)
        return batch, self.num_heads, queries, ops.shape(memory["key"])[2]

    def _with_position_bias(self, bias, query, query_positions, key_length):
        # Without queries or keys there are no distances either; a length may be a tensor.
        lengths = query_positions.shape[-1], key_length
        nothing = any(isinstance(length, int) and length == 0 for length in lengths)
        if self.position is None or nothing:
            return bias
        key_positions = ops.arange(key_length, dtype="int32")
        of_position = self.position.bias(query, query_positions, key_positions)
        if bias is None or of_position is None:
            return of_position if bias is None else bias
        return ops.cast(bias, of_position.dtype) + of_position

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
        """Attends from every query position at once; see the class."""
        if len(query.shape) > 3:
            axes = self._axes(len(query.shape), query_positions is not None)
            tensors, positions = (query, value, key), (query_mask, value_mask, key_mask)
            options = {"use_causal_mask": use_causal_mask, "training": training}
            options["bias"] = axes.fold_bias(bias, query, value)
            options["query_positions"] = axes.fold_query_positions(query_positions, query)
            with self.regularized_projections(axes.rows_of_example(query)):
                return self._call_along_axes(
                    tensors, positions, attention_mask, return_attention_scores, **options
                )
        if query_positions is not None:
            query_positions = ops.cast(query_positions, "int32")
        query, value, key = same_batch(query, value, key)
        masks = Masks(query_mask, value_mask, attention_mask, use_causal_mask).with_keys(key_mask)
        with self.regularized_projections():
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
        """The shape of the context.

        Args:
            query_shape: `(batch, query, query_dim)`.
            value_shape: `(batch, key, value_dim)`.
            key_shape: Not needed.

        Returns:
            `(batch, query, query_dim)`, or with the sizes of `output_shape` last.
        """
        shape = with_batch(query_shape, value_shape)
        return (*shape[:-1], *self._output_axes(query_shape))

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
        """The symbolic context, and weights where `return_attention_scores`; see `call`."""
        shape = self.compute_output_shape(query.shape, value.shape)
        context = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return context
        axes, query_shape = self._axes(len(query.shape)), with_batch(query.shape, value.shape)
        shape = axes.weights_shape(query_shape, value.shape, self._head_axis)
        return context, keras.KerasTensor(shape, dtype=self.compute_dtype)


def _logsumexp(scores, mask):
    """`(batch, heads, query)`, the lowest number where nothing is allowed."""
    if mask is not None:
        scores = ops.where(mask, scores, -1e30)
    return ops.logsumexp(scores, axis=-1)

"""Multi-head attention in a sparse pattern."""

from dataclasses import replace

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import get_object
from keras_attention.layers.multi_head.multi_head_attention import MultiHeadAttention
from keras_attention.layers.sparse.pattern import Pattern
from keras_attention.ops import NO_MASKS
from keras_attention.ops.fitting import as_bool


@keras.saving.register_keras_serializable("keras_attention")
class PatternAttention(MultiHeadAttention):
    """Multi-head attention of each position to those that a pattern allows, and to no other.

    Equal to `MultiHeadAttention` with the pattern as its mask, and cheaper at length: patterns know
    how to compute only what they allow. The other masks, `use_causal_mask`, grouped heads, rotary
    positions and biases of position, learned sinks, dropout and every normaliser work on the cheap
    path.

    What needs the whole `(query, key)` block is computed with it, with the same result: returned
    weights, `attention_mask`, `bias`, `query_positions`, steps of a decoder (one row of it),
    positions and parts that read all weights (Shaw's vectors for values, talking heads), and a
    subclass with a `score` of its own.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        pattern: A `Pattern`: `SlidingWindow`, `Strided`, `Fixed`, `BlockSparse` or your own.
        **kwargs: The other arguments of `MultiHeadAttention`.

    Call arguments and output: those of `MultiHeadAttention`. Query `i` stands beside key `i`, as in
    self-attention; their numbers need not be equal.

    Example:

    >>> import keras
    >>> from keras_attention.layers import PatternAttention, Strided
    >>> layer, x = PatternAttention(2, 5, Strided(3)), keras.random.normal((2, 31, 7))
    >>> tuple(layer(x, x, use_causal_mask=True).shape)
    (2, 31, 7)
    """

    _goes_by_order = True
    # A subclass for one class of patterns takes its arguments, and has them as attributes.
    _pattern_class = None

    def __init__(self, num_heads, key_dim, pattern, **kwargs):
        super().__init__(num_heads, key_dim, **kwargs)
        self.pattern = get_object("pattern", pattern, Pattern, optional=False)
        if self._pattern_class is not None:
            for name, setting in self.pattern.get_config().items():
                setattr(self, name, setting)

    @property
    def counts_from_start(self):
        """As the pattern does; see `Pattern`."""
        return self.pattern.counts_from_start

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
        """Attention of queries, not yet projected; see `MultiHeadAttention.attend`."""
        masks = masks.fitted(self._scores_shape(query, memory))  # before the pattern joins them
        needs_block = return_weights or bias is not None or masks.attention is not None
        needs_block = needs_block or not self._has_dot_product_scores
        if needs_block or query_positions is not None or self._needs_weights:
            masks = self._with_pattern(masks, query, memory, query_positions)
            rest = training, bias, return_weights, query_positions
            return super().attend(query, memory, masks, *rest)

        def weigh(scores, mask):
            weights = self._weigh(scores, mask, training)
            return self._change_weights(weights, scores, mask) if self.parts else weights

        context, rows = self.pattern.attend(
            self.project_query(query),
            memory["key"],
            memory["value"],
            masks,
            self.scale,
            weigh=weigh,
            bias=None if self.position is None else self.position.bias,
            training=bool(training),
        )
        for part in self.parts:
            context = part.change_context(context, query)
        return self.merge_heads(context, rows), None

    def _with_pattern(self, masks, query, memory, query_positions):
        """The masks, and the pattern in `attention`."""
        if query_positions is None:
            query_positions = ops.arange(ops.shape(query)[1], dtype="int32")
        key_positions = ops.arange(ops.shape(memory["key"])[2], dtype="int32")
        mask = self.pattern.allowed(ops.expand_dims(query_positions, axis=-1), key_positions)
        if masks.attention is not None:
            of_heads = len(masks.attention.shape) == 4 and len(mask.shape) == 3
            mask = ops.expand_dims(mask, axis=1) if of_heads else mask
            mask = ops.logical_and(mask, as_bool(masks.attention, "attention_mask"))
        return replace(masks, attention=mask)  # (query, key), or with batch and heads before

    def start(self, memory):
        """The state before the first step.

        Args:
            memory: What `project_memory` returned.

        Returns:
            A dict of `position`, an int32 tensor of shape `(batch,)`.
        """
        return {"position": ops.zeros(ops.shape(memory["key"])[:1], dtype="int32")}

    def get_config(self):
        own = self._arguments(pattern=keras.saving.serialize_keras_object(self.pattern))
        if self._pattern_class is not None:
            own = self.pattern.get_config()
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        if "pattern" not in config:  # a preset, which makes it from its own arguments
            return super().from_config(config)
        pattern = keras.saving.deserialize_keras_object(config["pattern"])
        return super().from_config({**config, "pattern": pattern})

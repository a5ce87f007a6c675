"""The base class of sparse patterns."""

from keras_attention.ops.sparse.pattern_call import PatternCall, pattern_mask


class Pattern:
    """Which query attends to which key, by their positions alone.

    `allowed` is the whole definition, and all that a pattern of one's own needs, with `get_config`
    where it has arguments. It is then computed densely: `attend` is where a pattern computes only
    what it allows. Both give the same.

    Positions of queries and keys are those in their own sequences: query `i` stands beside key `i`,
    as in self-attention. A pattern is not causal by itself; `use_causal_mask` makes it so.

    A model with a pattern of one's own can be saved where the class is registered, as in the
    example; the process that loads it registers it too.

    Example:

    >>> import keras
    >>> from keras_attention.layers import Pattern, PatternAttention
    >>> @keras.saving.register_keras_serializable("my_patterns")
    ... class EvenKeys(Pattern):
    ...     def allowed(self, query_positions, key_positions):
    ...         return (key_positions % 2 == 0) & (query_positions >= 0)
    >>> layer, x = PatternAttention(2, 5, EvenKeys()), keras.random.normal((1, 3, 7))
    >>> _, weights = layer(x, x, return_attention_scores=True)
    >>> float(weights[0, 0, 0, 1])
    0.0
    """

    # Whether it matters how far from the first position a position stands, and not only how far
    # positions stand from each other. True is always right: see `TransformerEncoder`.
    counts_from_start = True

    def allowed(self, query_positions, key_positions):
        """The definition.

        Args:
            query_positions: Int32 tensor of positions.
            key_positions: Int32 tensor of positions, which broadcasts against them.

        Returns:
            Bool tensor of the shape to which both broadcast, True = may attend.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `allowed`.")

    def mask(self, query_length, key_length):
        """The pattern as a mask, for a picture or a layer that takes none.

        Args:
            query_length: Number of query positions, an integer or a scalar tensor.
            key_length: Number of key positions, likewise.

        Returns:
            Bool tensor of shape `(1, query, key)`.
        """
        return pattern_mask(self.allowed, query_length, key_length)

    def attend(self, query, key, value, masks, scale, weigh, bias=None, training=False):
        """Attention of all heads under the pattern.

        Args:
            query: Float tensor of shape `(batch, heads, query, key_dim)`, not scaled.
            key: Float tensor of shape `(batch, key_value_heads, key, key_dim)`.
            value: Float tensor of shape `(batch, key_value_heads, key, value_dim)`.
            masks: `keras_attention.ops.Masks`.
            scale: A number that multiplies the scores.
            weigh: Function `(scores, mask) -> weights` over the last axis of
                `(batch, heads, query, some keys)`.
            bias: Function `(query, query_positions, key_positions)` of what is added to the scores,
                as `Position.bias`, or None.
            training: Whether gradients will be asked for, and dropout applied.

        Returns:
            Pair of context `(batch, heads, query, value_dim)` and which queries may attend to
            anything, a bool tensor that broadcasts to `(batch, query)`.
        """
        call = PatternCall(query, key, value, self.allowed, masks, scale, weigh, bias)
        return call.result(*call.dense_rows(), return_rows=True)

    def _reach(self):
        """How far a plain window reaches, the positions before and after; None for the others."""
        return None

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

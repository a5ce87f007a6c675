"""Luong's local attention with monotonic alignment, local-m."""

import keras
from keras import ops

from keras_attention.layers.alignment.choice_attention import ChoiceAttention
from keras_attention.layers.base.argument_checks import check_count
from keras_attention.ops import NO_MASKS, weighted_sum
from keras_attention.ops.choices import positions_in_window


@keras.saving.register_keras_serializable("keras_attention")
class LocalAttention(ChoiceAttention):
    """Attention within a window around the query's own position: Luong's local-m.

    `weights = normalizer(score(h_t, h_s))` over the positions `s` in `[p_t - D, p_t + D]`,
    `p_t = t` (Luong et al., 2015, section 3.2, "monotonic alignment", with equation 7 as the
    normaliser). The Gaussian of equation 10 belongs to local-p, `PredictiveLocalAttention`.

    What lies outside the source is ignored, as in the paper: a window that crosses an end has fewer
    positions. A query whose window misses the source altogether, because the target is longer by
    more than `D`, has zero weights and a zero context.

    Positions count from 0, padding included, as in the causal mask: sentences begin at the first
    position. The scores of the whole source are computed and those outside the window ruled out,
    which is exact and not cheaper than global attention.

    Args:
        attention: The `Attention` that gives the scores; see `ChoiceAttention`.
        window: `D`, the number of positions to each side of the query's own.
        normalizer: Name or function that turns scores into weights, inside the window.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query, value, key, query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores, training: see `Attention`; the sizes are those that the inner
            attention takes.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`.

    Raises:
        ValueError: If the window is negative, or as in `ChoiceAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import LocalAttention, LuongAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> layer = LocalAttention(LuongAttention("general"), window=1)
    >>> _, weights = layer(query, memory, return_attention_scores=True)
    >>> [bool(weight > 0) for weight in weights[0, 2]]
    [False, True, True, True, False]

    Reference:
        Luong, Pham and Manning, 2015, "Effective Approaches to Attention-based Neural Machine
        Translation".
    """

    _goes_by_order = True

    def __init__(self, attention, window, normalizer="softmax", dropout=0.0, seed=None, **kwargs):
        super().__init__(attention, normalizer=normalizer, dropout=dropout, seed=seed, **kwargs)
        window = check_count("window", window, lowest=0)
        self.window = window

    def attend(self, query, memory, masks=NO_MASKS, training=None):
        """Attention of queries at the positions 0, 1, ...

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.
            memory: What `project_memory` returned.
            masks: `keras_attention.ops.Masks`.
            training: Whether to apply dropout.

        Returns:
            Pair of context `(batch, query, value_dim)` and weights `(batch, query, key)`.
        """
        positions = ops.expand_dims(ops.arange(ops.shape(query)[1], dtype="int32"), axis=0)
        return self._attend_at(positions, query, memory, masks, training)

    def _attend_at(self, positions, query, memory, masks, training):
        scores = self.score(self.project_query(query), memory["key"])  # (batch, query, key)
        _, query_length, key_length = ops.shape(scores)
        key_positions = ops.expand_dims(ops.arange(key_length, dtype="int32"), axis=0)
        allowed = positions_in_window(positions, key_positions, self.window)
        mask = masks.dense(query_length, key_length)
        if mask is not None:
            allowed = ops.logical_and(allowed, mask)
        weights = self._weigh(scores, allowed, training)
        return weighted_sum(weights, memory["value"]), weights

    def start(self, memory):
        """The state before the first step: position 0.

        Args:
            memory: What `project_memory` returned.

        Returns:
            A dict of `position`, an int32 tensor of shape `(batch,)`.
        """
        return {"position": ops.zeros(ops.shape(memory["value"])[:1], dtype="int32")}

    def step(self, query, memory, masks=NO_MASKS, state=None, training=None):
        """Attention of the query at the state's position.

        Args:
            query: Float tensor of shape `(batch, 1, query_dim)`.
            memory: What `project_memory` returned.
            masks: `keras_attention.ops.Masks` for this one position; never `causal`.
            state: What `start` or the step before returned.
            training: Whether to apply dropout.

        Returns:
            Context `(batch, 1, value_dim)`, weights `(batch, 1, key)`, and the new state.
        """
        position = state["position"]
        context, weights = self._attend_at(
            ops.expand_dims(position, axis=1), query, memory, masks, training
        )
        return context, weights, {"position": position + 1}

    def get_config(self):
        return {**super().get_config(), "window": self.window}

"""The base of layers that take their scores from another attention and choose by themselves."""

import keras

from keras_attention.layers.base.attention import Attention
from keras_attention.layers.base.nested import build_once
from keras_attention.ops import normalizers

# Where an attention has its own, its scores are not all there is to it.
BEYOND_THE_SCORE = ("project_memory", "_weigh", "attend", "start", "step")


@keras.saving.register_keras_serializable("keras_attention")
class ChoiceAttention(Attention):
    """Attention that takes its scores from any other single-head attention.

    `context = choose(attention.score(query, key), mask) value`. By itself it
    chooses as any attention does: by its normaliser and dropout. A new way to choose overrides
    `attend`.

    The inner attention gives its weights, its projections and its score. Its own normaliser and
    dropout would do nothing, and so must be the default ones. Its weights keep its own dtype; what
    is computed with them is in the compute dtype of this layer.

    Args:
        attention: An `Attention` that differs from the others by its score alone, such as
            `BahdanauAttention` or `LuongAttention`.
        normalizer: Name or function that turns scores into weights.
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
        ValueError: If `attention` is no attention, has a normaliser or dropout of its own, several
            heads, a choice of its own, or a state from step to step.

    Example:

    >>> import keras
    >>> from keras_attention.layers import ChoiceAttention, LuongAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> layer = ChoiceAttention(LuongAttention("general"), normalizer="sparsemax")
    >>> tuple(layer(query, memory).shape)
    (2, 3, 11)
    """

    def __init__(self, attention, normalizer="softmax", dropout=0.0, seed=None, **kwargs):
        super().__init__(normalizer=normalizer, dropout=dropout, seed=seed, **kwargs)
        _check_inner(attention)
        self.attention = attention

    @property
    def _fixed_inputs(self):
        return self.attention._fixed_inputs

    @property
    def _multiplies_inputs(self):
        return self.attention._multiplies_inputs

    @property
    def _goes_by_order(self):
        return self.attention._goes_by_order

    @property
    def counts_from_start(self):
        """As the inner attention does."""
        return self.attention.counts_from_start

    def build(self, query_shape, value_shape, key_shape=None):
        build_once(self.attention, self, query_shape, value_shape, key_shape)

    def project_query(self, query):
        """The query as the inner attention's `score` takes it.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.

        Returns:
            Float tensor of shape `(batch, query, ...)`.
        """
        return self.attention.project_query(query)

    def project_key(self, key):
        """The key as the inner attention's `score` takes it.

        Args:
            key: Float tensor of shape `(batch, key, key_dim)`.

        Returns:
            Float tensor of shape `(batch, key, ...)`.
        """
        return self.attention.project_key(key)

    def score(self, query, key):
        """The inner attention's scores.

        Args:
            query: Projected queries, `(batch, query, ...)`.
            key: Projected keys, `(batch, key, ...)`.

        Returns:
            Scores of shape `(batch, query, key)`.
        """
        return self.attention.score(query, key)

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        return self.attention.compute_output_shape(query_shape, value_shape, key_shape)

    def get_config(self):
        attention = keras.saving.serialize_keras_object(self.attention)
        return {**super().get_config(), "attention": attention}

    @classmethod
    def from_config(cls, config):
        attention = keras.saving.deserialize_keras_object(config["attention"])
        return cls(**{**config, "attention": attention})


def _check_inner(attention):
    if not isinstance(attention, Attention):
        raise ValueError(
            f"Expected `attention` to be an attention layer. Received: attention={attention!r}"
        )
    own = [
        name
        for name in BEYOND_THE_SCORE
        if getattr(type(attention), name) is not getattr(Attention, name)
    ]
    if own:
        raise ValueError(
            "Expected `attention` to be a single-head attention that differs from others by its "
            f"score alone. Received: attention={attention!r}, which has its own "
            f"{', '.join(name.lstrip('_') for name in own)}"
        )
    if attention.normalizer is not normalizers.softmax or attention.dropout:
        raise ValueError(
            "Expected `attention` to have the default normalizer and dropout: give them to "
            f"the outer layer. Received: attention.normalizer={_name(attention.normalizer)}, "
            f"attention.dropout={attention.dropout}"
        )


def _name(function):
    """As it is called; a partial function, say, has no name of its own."""
    return getattr(function, "__name__", repr(function))

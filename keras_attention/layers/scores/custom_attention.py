"""Attention with a scoring function of one's own."""

import keras

from keras_attention.layers.base.attention import Attention
from keras_attention.ops.precision import at_least_float32
from keras_attention.ops.registered import registered_name


@keras.saving.register_keras_serializable("keras_attention")
class CustomAttention(Attention):
    """Attention whose score is a function of your own: a new score in ten lines.

    `context = normalizer(score(query, key)) value`. Masks, normaliser, dropout, stepping, saving
    and export are those of every attention here.

    The function has no weights. A score that learns is a subclass of `Attention` with a method
    `score`, its weights made in `build`, and what depends on the query or the key alone in
    `project_query` and `project_key`, so that a decoder computes it once for a sentence.

    A model with this layer can be saved where the function is registered, as in the example; the
    process that loads it registers it too.

    Args:
        score: Function `(query, key) -> scores` of `keras.ops`, from `(batch, query, query_dim)`
            and `(batch, key, key_dim)`, both at least float32, to `(batch, query, key)`; or the
            name under which it is registered.
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores, training: see `Attention`.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`.

    Raises:
        ValueError: If `score` is no function and no registered name, if it does not return one
            score for each query and key, or if it is to be saved and is not registered.

    Example:

    >>> import keras
    >>> from keras import ops
    >>> from keras_attention.layers import CustomAttention
    >>> @keras.saving.register_keras_serializable("my_scores")
    ... def distance(query, key):
    ...     difference = ops.expand_dims(query, 2) - ops.expand_dims(key, 1)
    ...     return -ops.sum(ops.square(difference), axis=-1)
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 7))
    >>> tuple(CustomAttention(distance)(query, memory).shape)
    (2, 3, 7)
    """

    def __init__(self, score, normalizer="softmax", dropout=0.0, seed=None, **kwargs):
        super().__init__(normalizer=normalizer, dropout=dropout, seed=seed, **kwargs)
        self.score_function = _function(score)  # `score` itself is the method

    def score(self, query, key):
        """What the function says.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.
            key: Float tensor of shape `(batch, key, key_dim)`.

        Returns:
            Scores of shape `(batch, query, key)`.
        """
        scores = self.score_function(at_least_float32(query), at_least_float32(key))
        expected = (query.shape[0], query.shape[1], key.shape[1])
        if not _may_be(tuple(scores.shape), expected):
            raise ValueError(
                f"Expected `score` to return scores of shape (batch, query, key) = {expected}. "
                f"Received: shape={tuple(scores.shape)}"
            )
        return scores

    def get_config(self):
        return {**super().get_config(), "score": registered_name(self.score_function, "score")}


def _function(score):
    function = keras.saving.get_registered_object(score) if isinstance(score, str) else score
    if not callable(function) or isinstance(function, (type, keras.layers.Layer)):
        raise ValueError(
            "Expected `score` to be a function or the name of a registered one; a layer with "
            f"weights is a subclass of `Attention`. Received: score={score!r}"
        )
    return function


def _may_be(shape, expected):
    """Whether a shape is as expected, where both are known."""
    return len(shape) == len(expected) and all(
        size is None or other is None or size == other
        for size, other in zip(shape, expected, strict=True)
    )

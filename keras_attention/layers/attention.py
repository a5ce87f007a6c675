"""The base class of all attention layers: mask, normaliser, dropout and sum."""

import keras
from keras import ops

from keras_attention.ops import causal_mask, combine_masks, normalizers, weighted_sum


@keras.saving.register_keras_serializable("keras_attention")
class Attention(keras.layers.Layer):
    """Base class: `context = dropout(normalizer(score(query, key), mask)) value`.

    A new attention implements `score`, and where it owns projections `project_query` and
    `project_key`, with their weights made in `build`. Everything else is here: the call signature,
    that of `keras.layers.MultiHeadAttention`; masks, Keras' implicit ones included; the weights,
    which are exactly what multiplied the values.

    What depends on the memory alone is in `project_key`, so that a decoder computes it once for a
    sentence and then steps with `attend`:

    ```python
    projected_key = layer.project_key(memory)
    context, weights = layer.attend(query, memory, projected_key, mask)
    ```

    A query that may attend to nothing has zero weights and a zero context.

    Args:
        normalizer: Name or function that turns scores into weights: "softmax", "sparsemax",
            "entmax15", "hardmax" or "sigmoid" (see `keras_attention.ops.normalizers`).
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        query_mask: Bool tensor of shape `(batch, query)`. True = a real position. The context of
            the others is zero.
        value_mask: Bool tensor of shape `(batch, key)`. True = may be attended to.
        key_mask: Bool tensor of shape `(batch, key)`, combined with `value_mask`.
        attention_mask: Bool tensor of shape `(batch, query, key)`. True = may attend.
        use_causal_mask: Whether position `i` is kept from attending to positions after `i`.
        return_attention_scores: Whether to return the weights too.
        training: Whether to apply dropout.

    Output:
        Context of shape `(batch, query, value_dim)`, or the pair of context and weights, the
        weights of shape `(batch, query, key)`, in the layer's compute dtype. The context carries
        the query's Keras mask on.
    """

    def __init__(self, normalizer="softmax", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= dropout < 1:
            raise ValueError(f"Expected 0 <= dropout < 1. Received: dropout={dropout}")
        self.normalizer = normalizers.get(normalizer)
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, query_shape, value_shape, key_shape=None):
        """Makes the weights; the base class has none.

        Args:
            query_shape: `(batch, query, query_dim)`.
            value_shape: `(batch, key, value_dim)`.
            key_shape: `(batch, key, key_dim)`; `value_shape` if not given.
        """

    def project_query(self, query):
        """The query as `score` takes it.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.

        Returns:
            Float tensor of shape `(batch, query, ...)`; here the query itself.
        """
        return query

    def project_key(self, key):
        """The key as `score` takes it, computed once for a memory.

        Args:
            key: Float tensor of shape `(batch, key, key_dim)`.

        Returns:
            Float tensor of shape `(batch, key, ...)`; here the key itself.
        """
        return key

    def score(self, query, key):
        """How well each query goes with each key.

        Args:
            query: Projected queries, `(batch, query, ...)`.
            key: Projected keys, `(batch, key, ...)`.

        Returns:
            Scores of shape `(batch, query, key)`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `score`.")

    def attend(self, query, value, projected_key, mask=None, training=None):
        """Attention of a query, not yet projected, to a memory that is.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.
            value: Float tensor of shape `(batch, key, value_dim)`.
            projected_key: What `project_key` returned.
            mask: Bool tensor that broadcasts to `(batch, query, key)`, True = may attend, or None.
            training: Whether to apply dropout.

        Returns:
            Pair of context `(batch, query, value_dim)` and weights `(batch, query, key)`.
        """
        scores = self.score(self.project_query(query), projected_key)  # (batch, query, key)
        weights = ops.cast(self.normalizer(scores, mask), self.compute_dtype)
        if training and self.dropout > 0:
            weights = keras.random.dropout(weights, self.dropout, seed=self.seed_generator)
        return weighted_sum(weights, value), weights

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
    ):
        """Attends from every query position at once; see the class."""
        key = value if key is None else key
        causal = None
        if use_causal_mask:
            causal = causal_mask(ops.shape(query)[1], ops.shape(key)[1])
        mask = combine_masks(query_mask, value_mask, attention_mask, causal)
        mask = combine_masks(key_mask=key_mask, attention_mask=mask)  # (batch, query, key)
        context, weights = self.attend(query, value, self.project_key(key), mask, training)
        return (context, weights) if return_attention_scores else context

    def compute_mask(self, inputs, previous_mask=None):
        """The context's mask is the query's.

        Args:
            inputs: The query.
            previous_mask: The query's Keras mask, or None.

        Returns:
            `previous_mask`.
        """
        return previous_mask

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        """The shape of the context.

        Args:
            query_shape: `(batch, query, query_dim)`.
            value_shape: `(batch, key, value_dim)`.
            key_shape: Not needed.

        Returns:
            `(batch, query, value_dim)`.
        """
        return (*query_shape[:-1], value_shape[-1])

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
    ):
        """The symbolic context, and weights where `return_attention_scores`; see `call`."""
        shape = self.compute_output_shape(query.shape, value.shape)
        context = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return context
        shape = (*query.shape[:-1], value.shape[1])
        return context, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        """The arguments that make this layer again."""
        config = {
            "normalizer": normalizers.serialize(self.normalizer),
            "dropout": self.dropout,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}

"""The base class of all attention layers: mask, normaliser, dropout and sum."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_dropout, standardize_axes
from keras_attention.layers.base.attention_axes import AttentionAxes
from keras_attention.layers.base.call_checks import (
    CheckedCall,
    check_attention_inputs,
    check_attention_masks,
)
from keras_attention.layers.base.causal_steps import CausalSteps
from keras_attention.layers.base.subclasses import keep_old_names
from keras_attention.ops import NO_MASKS, Masks, normalizers, weighted_sum


@keras.saving.register_keras_serializable("keras_attention")
class Attention(CausalSteps, CheckedCall, keras.layers.Layer):
    """Base class: `context = dropout(normalizer(score(query, key), mask)) value`.

    It has three hooks for subclasses. A new attention implements `score`, and where it owns
    projections `project_query` and `project_key`, with their weights made in `build`. Everything
    else is here: the call signature, that of `keras.layers.MultiHeadAttention`; masks, Keras'
    implicit ones included; the weights, which are exactly what multiplied the values.

    What depends on the memory alone is in `project_memory`, so that a decoder computes it once for
    a sentence and then steps, one query position at a time:

    ```python
    memory = layer.project_memory(values)
    state = layer.start(memory)
    context, weights, state = layer.step(query, memory, masks, state)
    ```

    In the self-attention of a decoder the memory grows from step to step: see `empty_cache`,
    `fill_cache` and `step_cache`, and `cannot_step` where a layer has none of them.

    A query that may attend to nothing has zero weights and a zero context.

    Args:
        normalizer: Name or function that turns scores into weights: "softmax", "sparsemax",
            "entmax15", "hardmax" or "sigmoid" (see `keras_attention.ops.normalizers`).
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        attention_axes: The axes that are attended along where inputs have more than three, such as
            `(batch, height, width, channels)`: an integer, a list or tuple, or all between batch
            and features if not given, as in `keras.layers.MultiHeadAttention`. The others count as
            further rows of the batch. An attention that goes by the order of positions needs one
            axis, and so does a causal mask.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`. A single row of queries is for all
            rows of values, and a single one of values for all of queries.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        query_mask: Bool tensor of shape `(batch, query)`, or lists. True = a real position. The
            context of the others is zero. Masks may also hold zeros and ones; other numbers are
            refused.
        value_mask: Bool tensor of shape `(batch, key)`. True = may be attended to.
        key_mask: Bool tensor of shape `(batch, key)`, combined with `value_mask`.
        attention_mask: Bool tensor of shape `(batch, query, key)`. True = may attend.
        use_causal_mask: Whether position `i` is kept from attending to positions after `i`.
        return_attention_scores: Whether to return the weights too.
        training: Whether to apply dropout.

    Output:
        Context of shape `(batch, query, value_dim)`, or the pair of context and weights, the
        weights of shape `(batch, query, key)`, in the layer's compute dtype. The context carries
        the query's Keras mask on. With more axes, the context has those of the query, and the
        weights those of query and key.

    Raises:
        ValueError: If an input has another number of axes or another width than at the first call,
            if key and value or the batches differ in length, or a mask is of another shape or has
            other numbers than 0 and 1. Of masks that are not known before the run, floats are
            refused.
    """

    # Inputs whose size the weights fix, and whether query and key must have the same size.
    _fixed_inputs = ()
    _multiplies_inputs = False
    # Whether it matters which position stands beside which.
    _goes_by_order = False
    # Whether it matters how far from the first position of all a position stands, so that contexts
    # change where padding is put in front.
    counts_from_start = False
    # Arguments of a base class that a subclass sets by itself and does not take.
    _fixed_arguments = ()
    # What stands between batch and queries in the shape of the weights.
    _head_axis = ()
    # Methods that had another name before 0.2.
    _old_names = {"weigh": "_weigh", "drop": "_drop"}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        keep_old_names(cls, cls._old_names)

    def __init__(self, normalizer="softmax", dropout=0.0, seed=None, attention_axes=None, **kwargs):
        super().__init__(**kwargs)
        dropout = check_dropout(dropout)
        self.normalizer = normalizers.get(normalizer)
        self.dropout = dropout
        self.seed = seed
        self.attention_axes = standardize_axes(attention_axes)
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

    def project_memory(self, value, key=None):
        """All that depends on the memory alone, computed once for a memory.

        Args:
            value: Float tensor of shape `(batch, key, value_dim)`.
            key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.

        Returns:
            A dict of tensors that all start with the batch axis; here `key`, as `project_key`
            returns it, and `value`.
        """
        return {"key": self.project_key(value if key is None else key), "value": value}

    def _weigh(self, scores, mask=None, training=None):
        """From scores to weights in the layer's compute dtype: the normalizer, then dropout.

        `mask` is bool and broadcasts to the scores `(batch, query, key)`, or is None.
        """
        return self._drop(ops.cast(self.normalizer(scores, mask), self.compute_dtype), training)

    def _drop(self, weights, training=None):
        """Dropout: a fraction of the weights zero and the others larger where `training`."""
        if training and self.dropout > 0:
            return keras.random.dropout(weights, self.dropout, seed=self.seed_generator)
        return weights

    def attend(self, query, memory, masks=NO_MASKS, training=None):
        """Attention of queries, not yet projected, to a memory that is.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.
            memory: What `project_memory` returned.
            masks: `keras_attention.ops.Masks`.
            training: Whether to apply dropout.

        Returns:
            Pair of context `(batch, query, value_dim)` and weights `(batch, query, key)`.
        """
        scores = self.score(self.project_query(query), memory["key"])  # (batch, query, key)
        mask = masks.dense(ops.shape(scores)[1], ops.shape(scores)[2])
        weights = self._weigh(scores, mask, training)
        return weighted_sum(weights, memory["value"]), weights

    def start(self, memory):
        """The state before the first step; none for an attention that looks at each query alone.

        Args:
            memory: What `project_memory` returned.

        Returns:
            A dict of tensors that all start with the batch axis; here an empty one.
        """
        return {}

    def step(self, query, memory, masks=NO_MASKS, state=None, training=None):
        """Attention of the next query position.

        Stepping through all positions gives the same as `attend` over them at once.

        Args:
            query: Float tensor of shape `(batch, 1, query_dim)`.
            memory: What `project_memory` returned.
            masks: `keras_attention.ops.Masks` for this one position; never `causal`.
            state: What `start` or the step before returned.
            training: Whether to apply dropout.

        Returns:
            Context `(batch, 1, value_dim)`, weights `(batch, 1, key)`, and the new state.
        """
        return *self.attend(query, memory, masks, training), state

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
        if len(query.shape) > 3:
            tensors, positions = (query, value, key), (query_mask, value_mask, key_mask)
            options = {"use_causal_mask": use_causal_mask, "training": training}
            return self._call_along_axes(
                tensors, positions, attention_mask, return_attention_scores, **options
            )
        query, value, key = same_batch(query, value, key)
        masks = Masks(query_mask, value_mask, attention_mask, use_causal_mask)
        if key_mask is not None:
            masks = masks.with_keys(key_mask)
        memory = self.project_memory(value, key)
        context, weights = self.attend(query, memory, masks, training)
        return (context, weights) if return_attention_scores else context

    def _call_along_axes(self, tensors, positions, attention_mask, return_scores, **options):
        """Folds the axes of inputs that have more than three, and unfolds those of the outputs."""
        axes, (query, value, key) = self._axes(len(tensors[0].shape)), tensors
        masks = (
            axes.fold_positions(mask, x)
            for mask, x in zip(
                positions, (query, value, value if key is None else key), strict=True
            )
        )
        outputs = self.call(
            *map(axes.fold, tensors),
            *masks,
            attention_mask=axes.fold_mask(attention_mask, query, value),
            return_attention_scores=return_scores,
            **options,
        )
        if not return_scores:
            return axes.unfold(outputs, query)
        context, weights = outputs
        return axes.unfold(context, query), axes.unfold_weights(weights, query, value)

    def _axes(self, rank, use_causal_mask=False):
        return AttentionAxes(self.attention_axes, rank, self._goes_by_order or use_causal_mask)

    def _check_call(
        self,
        query=None,
        value=None,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        use_causal_mask=False,
        *others,
        **options,
    ):
        tensors = {"query": query, "value": value, "key": key}
        positions = {"query_mask": query_mask, "value_mask": value_mask, "key_mask": key_mask}
        check_attention_inputs(self, tensors)
        if query is None or value is None:  # Keras says what is missing
            return
        has_axes = len(query.shape) > 3 or self.attention_axes is not None
        masks = [query_mask, value_mask, key_mask, attention_mask]
        if has_axes or [mask for mask in masks if mask is not None]:
            axes = self._axes(len(query.shape), use_causal_mask)
            check_attention_masks(axes, tensors, positions, attention_mask, self._head_axis)

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
        return (*with_batch(query_shape, value_shape)[:-1], value_shape[-1])

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
        shape = self.compute_output_shape(query.shape, value.shape)
        context = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return context
        query_shape = with_batch(query.shape, value.shape)
        shape = self._axes(len(query.shape)).weights_shape(query_shape, value.shape)
        return context, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        config = self._arguments(
            normalizer=self.normalizer,
            dropout=self.dropout,
            seed=self.seed,
            attention_axes=self.attention_axes,
        )
        if "normalizer" in config:
            config["normalizer"] = normalizers.serialize(self.normalizer)
        return {**super().get_config(), **config}

    def _arguments(self, **config):
        """Arguments for a configuration, without those that a subclass does not take."""
        return {name: x for name, x in config.items() if name not in self._fixed_arguments}


keep_old_names(Attention, Attention._old_names)


def same_batch(query, value, key=None):
    """Queries, values and keys of one batch: a single row stands for all rows of the others.

    Repeated here, as TensorFlow's products go wrong where batches are not the same.

    Args:
        query: Tensor of shape `(batch, query, query_dim)`.
        value: Tensor of shape `(batch, key, value_dim)`.
        key: Tensor of shape `(batch, key, key_dim)`, or None.

    Returns:
        The three.
    """
    if query.shape[0] == 1 and value.shape[0] != 1:
        return _repeated(query, value), value, key
    if value.shape[0] == 1 and query.shape[0] != 1:
        return query, _repeated(value, query), None if key is None else _repeated(key, query)
    return query, value, key


def _repeated(x, like):
    return ops.broadcast_to(x, (ops.shape(like)[0], *ops.shape(x)[1:]))


def with_batch(query_shape, value_shape):
    """The shape of queries that `same_batch` returns.

    Args:
        query_shape: `(batch, query, query_dim)`.
        value_shape: `(batch, key, value_dim)`.

    Returns:
        A tuple.
    """
    batch = value_shape[0] if query_shape[0] == 1 else query_shape[0]
    return (batch, *query_shape[1:])

"""The heads of multi-head attention: projected, and joined again."""

from contextlib import contextmanager
from math import prod

import keras
from keras import ops

from keras_attention.layers.attention import Attention
from keras_attention.layers.causal_steps import CausalHeadSteps
from keras_attention.layers.keras_weights import copy_weights
from keras_attention.layers.kernels import WithKernels
from keras_attention.layers.named import get_parts, get_position
from keras_attention.layers.nested import build_once
from keras_attention.layers.number_checks import as_python, check_count
from keras_attention.ops import join_heads, repeat_heads, split_heads
from keras_attention.ops.projection import project


@keras.saving.register_keras_serializable("keras_attention")
class ProjectedHeads(WithKernels, CausalHeadSteps, Attention):
    """Queries, keys and values of several heads, and their contexts joined again.

    `q_i = q W_q_i`, `k_i = k W_k_i`, `v_i = v W_v_i`, `context = concat(head_1, ..., head_h) W_o`
    (Vaswani et al., 2017, section 3.2.2). It owns the weights of `MultiHeadAttention`, which says
    how heads attend, and what the arguments are.

    Args:
        num_heads, key_dim, value_dim, num_key_value_heads, use_bias, position, parts, output_shape,
            activity_regularizer: see `MultiHeadAttention`.
        **kwargs: The arguments of `Attention`.
    """

    _fixed_inputs = ("query", "value", "key")

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        num_key_value_heads=None,
        use_bias=True,
        position=None,
        parts=(),
        output_shape=None,
        activity_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = key_dim if value_dim is None else value_dim
        self.num_key_value_heads = num_heads if num_key_value_heads is None else num_key_value_heads
        self.use_bias = use_bias
        self.position = get_position(position)
        self.parts = get_parts(parts)
        # Not under their own names: Keras reads the shapes of a model's layers by the one, and
        # regularizes the outputs of a layer by the other.
        self._output_shape = _standardize_output_shape(output_shape)
        self._projection_regularizer = keras.regularizers.get(activity_regularizer)
        self._rows_of_example = None
        self._check_arguments()

    def _check_arguments(self):
        for name in ("num_heads", "key_dim", "value_dim", "num_key_value_heads"):
            setattr(self, name, check_count(name, getattr(self, name)))
        if self.num_heads % self.num_key_value_heads:
            raise ValueError(
                "Expected `num_key_value_heads` to divide `num_heads`. Received: "
                f"num_heads={self.num_heads}, num_key_value_heads={self.num_key_value_heads}"
            )
        if self.position is not None:
            self.position.check_parts(self.parts)

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
        output_dim = prod(self._output_axes(query_shape))
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

    def _output_axes(self, query_shape):
        return (query_shape[-1],) if self._output_shape is None else self._output_shape

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
    def regularized_projections(self, rows_of_example=1):
        """Within it the `activity_regularizer` counts; a step of a decoder must not add losses.

        Args:
            rows_of_example: How many rows of the batch belong to each example. The regularizer's
                loss is that of an example, as in Keras. The outermost call counts.
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

    @property
    def _head_axis(self):
        return (self.num_heads,)

    @property
    def _goes_by_order(self):
        return self.position is not None

    @property
    def needs_weights(self):
        """Whether the position or a part reads the whole block of scores or weights."""
        parts = self.parts if self.position is None else [*self.parts, self.position]
        return any(part.needs_weights for part in parts)

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
            "output_shape": self._output_shape,
            "activity_regularizer": keras.regularizers.serialize(self._projection_regularizer),
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


def _standardize_output_shape(output_shape):
    if output_shape is None:
        return None
    sizes = as_python(output_shape)
    sizes = sizes if isinstance(sizes, (list, tuple)) else (sizes,)
    if not sizes or not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(
            "Expected `output_shape` to be a positive integer, a list or tuple of them, or None. "
            f"Received: output_shape={output_shape!r}"
        )
    return tuple(sizes)

"""Memory-compressed attention: keys and values sub-sampled by a strided convolution."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.multi_head.multi_head_attention import MultiHeadAttention
from keras_attention.ops import Masks
from keras_attention.ops.fitting import as_bool


@keras.saving.register_keras_serializable("keras_attention")
class MemoryCompressedAttention(MultiHeadAttention):
    """Multi-head attention to keys and values that a strided convolution has made fewer.

    `head_i = normalizer(q_i conv(k_i)^T / sqrt(key_dim)) conv(v_i)` (Liu et al., 2018, section
    4.2.3), with `q_i`, `k_i`, `v_i` the projected heads and `conv` a convolution of `stride`
    positions every `stride` positions, learned for keys and for values, with a kernel for each
    head. Time and memory shrink by the factor `stride`.

    **The weights are those of windows**, `(batch, heads, query, ceil(key / stride))`: window `w`
    holds positions `w stride` to `(w + 1) stride - 1`.

    - Masked keys and values are set to zero before the convolution. A window may be attended to if
      any of its positions may.
    - Causal: position `i` attends to the windows that end at or before `i`. The first `stride - 1`
      positions have none and their context is zero, where other implementations add a key that
      always is there; a residual connection around the layer carries them.
    - An `attention_mask` is refused, as a window cannot be ruled out in part; so is a `bias`, and
      a position that makes one. A position that rotates is fine.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        stride: Positions to a window; 3 in the paper.
        value_dim: Size of each head's values; `key_dim` if not given.
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `num_key_value_heads`, `use_bias`, `position` and `parts` of
            `MultiHeadAttention`; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        query_mask, value_mask, key_mask, use_causal_mask, return_attention_scores, training: see
            `Attention`.

    Output:
        Context of shape `(batch, query, query_dim)`, or the pair of context and weights
        `(batch, heads, query, ceil(key / stride))`.

    Raises:
        ValueError: If an explicit mask or a bias is given.

    Example:

    >>> import keras
    >>> from keras_attention.layers import MemoryCompressedAttention
    >>> x = keras.random.normal((2, 11, 7))
    >>> layer = MemoryCompressedAttention(num_heads=3, key_dim=4)
    >>> context, weights = layer(x, x, return_attention_scores=True)
    >>> tuple(context.shape), tuple(weights.shape)
    ((2, 11, 7), (2, 3, 11, 4))

    Reference:
        Liu et al., 2018, "Generating Wikipedia by Summarizing Long Sequences".
    """

    _goes_by_order = True
    counts_from_start = True

    def __init__(
        self,
        num_heads,
        key_dim,
        stride=3,
        value_dim=None,
        normalizer="softmax",
        dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            num_heads,
            key_dim,
            value_dim=value_dim,
            normalizer=normalizer,
            dropout=dropout,
            seed=seed,
            **kwargs,
        )
        stride = check_count("stride", stride)
        if self.position is not None and self.position.needs_weights:
            raise ValueError(
                "Expected a position that rotates: a window stands at no one position. "
                f"Received: position={self.position}"
            )
        self.stride = stride

    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        self._add_convolution("key_convolution", self.key_dim)
        self._add_convolution("value_convolution", self.value_dim)

    def _add_convolution(self, name, dim):
        heads, rows = self.num_key_value_heads, self.stride * dim
        # The fan-in keeps the scale of the keys, so that scores start as without compression.
        kernel = self.add_kernel(f"{name}_kernel", (heads, rows, dim), rows)
        bias = None
        if self.use_bias:
            bias = self.add_bias(f"{name}_bias", (heads, 1, dim))
        setattr(self, name, (kernel, bias))

    def _valid_queries(self, masks, query_positions, key_length):
        masks = self._window_masks(masks, ops.shape(query_positions)[-1], key_length)
        return super()._valid_queries(masks, query_positions, self._windows(key_length))

    def attend_heads(
        self, query, key, value, masks, bias, training, return_weights, query_positions
    ):
        """Attention of all heads, behind the projections; see `MultiHeadAttention`.

        Args:
            query, key, value, masks, bias, training, return_weights, query_positions: As there;
                `masks` have no explicit one, and `bias` is None.

        Returns:
            Pair of context `(batch, heads, query, value_dim)` and weights
            `(batch, heads, query, ceil(key / stride))`, the weights None where they were not asked
            for.
        """
        _refuse(attention_mask=masks.attention, bias=bias)
        return super().attend_heads(
            query,
            self._compress(key, masks.key, *self.key_convolution),
            self._compress(value, masks.key, *self.value_convolution),
            self._window_masks(masks, ops.shape(query)[2], ops.shape(key)[2]),
            None,
            training,
            return_weights,
            query_positions,
        )

    def _windows(self, length):
        return (length + self.stride - 1) // self.stride

    def _compress(self, x, mask, kernel, bias):
        """The convolution: `(batch, key_value_heads, key, dim)` to `(..., windows, dim)`."""
        if mask is not None:
            mask = as_bool(mask, "value_mask")[:, None, :, None]
            x = ops.where(mask, x, ops.zeros_like(x))
        batch, heads, length, dim = ops.shape(x)
        windows = self._windows(length)
        x = ops.pad(x, ((0, 0), (0, 0), (0, windows * self.stride - length), (0, 0)))
        x = ops.reshape(x, (batch, heads, windows, self.stride * dim))
        x = ops.einsum("bhwr,hrd->bhwd", x, ops.cast(kernel, x.dtype))
        return x if bias is None else x + ops.cast(bias, x.dtype)

    def step_cache(self, x, cache, positions, slots):
        """The next position, without weights: those of windows are none of positions."""
        context, _, cache = super().step_cache(x, cache, positions, slots)
        return context, None, cache

    def _window_masks(self, masks, query_length, key_length):
        """What the masks of positions say of windows."""
        windows = self._windows(key_length)
        key, causal = masks.key, None
        if key is not None:
            key = ops.cast(as_bool(key, "value_mask"), "int32")
            key = ops.pad(key, ((0, 0), (0, windows * self.stride - key_length)))
            key = ops.reshape(key, (ops.shape(key)[0], windows, self.stride))
            key = ops.any(ops.cast(key, "bool"), axis=-1)  # (batch, windows)
        if masks.causal:
            stand = masks.query_positions
            stand = ops.arange(query_length, dtype="int32") if stand is None else stand
            ends = (ops.arange(windows, dtype="int32") + 1) * self.stride - 1
            causal = ops.expand_dims(stand, axis=-1) >= ends  # ([batch,] query, windows)
        return Masks(query=masks.query, key=key, attention=causal)

    def compute_output_spec(self, query, value, *arguments, **options):
        spec = super().compute_output_spec(query, value, *arguments, **options)
        if not isinstance(spec, tuple):
            return spec
        context, weights = spec
        length = weights.shape[-1]
        shape = (*weights.shape[:-1], None if length is None else self._windows(length))
        return context, keras.KerasTensor(shape, dtype=weights.dtype)

    def get_config(self):
        return {**super().get_config(), "stride": self.stride}


def _refuse(**given):
    for name, tensor in given.items():
        if tensor is not None:
            raise ValueError(
                f"Expected no `{name}`: a window holds several positions, and nothing can be said "
                f"of a query and one of them. Received: {name} of shape {tuple(ops.shape(tensor))}"
            )

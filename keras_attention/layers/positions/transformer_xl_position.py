"""Transformer-XL's relative positions."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import as_python, check_count
from keras_attention.layers.positions.position import Position
from keras_attention.ops.positions import rotate, sinusoid_frequencies, sinusoids
from keras_attention.ops.precision import at_least_float32
from keras_attention.ops.relative_positions import (
    counts_without_gaps,
    relative_line,
    relative_shift,
)


@keras.saving.register_keras_serializable("keras_attention")
class TransformerXLPosition(Position):
    """Sinusoids of the distance that queries attend to, beside the content.

    `score_ij = (q_i . k_j + q_i . W R_{i-j} + u . k_j + v . W R_{i-j}) / sqrt(key_dim)`, the terms
    (a), (b), (c) and (d) of Dai et al., 2019, section 3.3: `R` are sinusoids, `W` projects them
    for each head, `u` is a bias for contents and `v` one for distances.

    `u` is the bias of the query's projection, which `MultiHeadAttention` has where `use_bias`:
    `q_i` then comes with `u` in it, and (a) and (c) are one product. This layer adds `(q_i + c) .
    W R_{i-j}`, the terms (b) and (d), with a learned `c` that stands for `v - u`.

    Distances between positions that count without gaps are laid out by the relative shift (appendix
    B). Other positions, as at a step of a decoder, turn queries and keys as rotary positions do,
    which gives the same at `heads` times the cost.

    Together with `SegmentMemory` it is Transformer-XL's attention.

    Args:
        dim: Size of the sinusoids; the size of all heads' keys together if not given.
        base: About a sixth of the sinusoids' longest wave length.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import MultiHeadAttention, TransformerXLPosition
    >>> x = keras.random.normal((2, 3, 7))
    >>> tuple(MultiHeadAttention(5, 11, position=TransformerXLPosition())(x, x).shape)
    (2, 3, 7)

    Reference:
        Dai et al., 2019, "Transformer-XL: Attentive Language Models Beyond a Fixed-Length Context".
    """

    def __init__(self, dim=None, base=10000.0, **kwargs):
        super().__init__(**kwargs)
        if dim is not None:
            dim = check_count("dim", dim)
        base = as_python(base)
        if base <= 1:
            raise ValueError(f"Expected `base` above 1. Received: base={base}")
        self.dim = dim
        self.base = base

    def build(self, query_shape, key_shape, value_shape):
        heads, key_dim = query_shape[1], query_shape[-1]
        dim = self.dim or heads * key_dim
        self.kernel = self.add_weight(
            name="kernel",
            shape=(dim, heads * key_dim),
            initializer="glorot_uniform",
            autocast=False,
        )
        self.position_bias = self.add_weight(
            name="position_bias", shape=(heads, key_dim), initializer="zeros", autocast=False
        )

    def bias(self, query, query_positions, key_positions):
        """The terms (b) and (d); see `Position.bias`."""
        query = at_least_float32(query)
        query = query + ops.cast(ops.expand_dims(self.position_bias, axis=1), query.dtype)
        query = query * query.shape[-1] ** -0.5
        if counts_without_gaps(query_positions, key_positions):
            return self._shifted(query, relative_line(query_positions, key_positions))
        return self._turned(query, query_positions, key_positions)

    def _heads_kernel(self, query):
        """`W` as `(heads, dim, key_dim)`."""
        kernel = ops.reshape(self.kernel, (-1, query.shape[1], query.shape[3]))
        return ops.cast(ops.transpose(kernel, (1, 0, 2)), query.dtype)

    def _shifted(self, query, line):
        """The `query + key - 1` distances are projected, multiplied and then shifted."""
        dtype = keras.backend.standardize_dtype(query.dtype)
        sines = sinusoids(-line, self.kernel.shape[0], self.base, dtype)  # (line, dim)
        # One product and not one for each head, which would broadcast: see `ops.project`.
        keys = ops.matmul(sines, ops.cast(self.kernel, query.dtype))  # (line, heads * key_dim)
        keys = ops.reshape(keys, (-1, query.shape[1], query.shape[3]))
        keys = ops.swapaxes(keys, 0, 1)  # (heads, line, key_dim)
        return relative_shift(ops.einsum("bhqd,hld->bhql", query, keys))

    def _turned(self, query, query_positions, key_positions):
        """`W^T q` turned by `i` meets the vector of zeros and ones turned by `j`.

        Their product is that of `W^T q` and the sines and cosines of `i - j`, by the addition
        theorems.
        """
        frequencies = sinusoid_frequencies(self.kernel.shape[0], self.base)
        # The smaller the angles, the more exact: positions count from the first query.
        origin = query_positions[..., :1]
        queries = rotate(self._halves(query), query_positions - origin, frequencies)
        zeros = ops.zeros((1, 1, ops.shape(key_positions)[-1], len(frequencies)), query.dtype)
        start = ops.concatenate([zeros, zeros + 1.0], axis=-1)
        keys = rotate(start, key_positions - origin, frequencies)  # (batch or 1, 1, key, dim)
        return ops.matmul(queries, ops.swapaxes(keys, 2, 3))

    def _halves(self, query):
        """`W^T q`, what multiplies sines before what multiplies cosines, as many of these."""
        back = ops.einsum("bhqd,hed->bhqe", query, self._heads_kernel(query))
        sines, cosines = back[..., 0::2], back[..., 1::2]
        if sines.shape[-1] > cosines.shape[-1]:
            cosines = ops.concatenate([cosines, ops.zeros_like(sines[..., :1])], axis=-1)
        return ops.concatenate([sines, cosines], axis=-1)  # (batch, heads, query, dim)

    def get_config(self):
        return {**super().get_config(), "dim": self.dim, "base": self.base}

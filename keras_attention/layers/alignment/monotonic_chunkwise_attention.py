"""Monotonic chunkwise attention (MoChA): soft attention to the keys just before a hard stop."""

import keras

from keras_attention.layers.alignment.monotonic_attention import MonotonicAttention
from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.base.nested import build_once
from keras_attention.ops.monotonic import chunkwise_weights
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class MonotonicChunkwiseAttention(MonotonicAttention):
    """Monotonic attention that looks back at a chunk of keys (Chiu and Raffel, 2018).

    The walk of `MonotonicAttention` stops at a key `t_i`, and the weights are the softmax of other
    energies `u_ij` over the `w` keys that end there (algorithm 1). In training it stops at each key
    `k` with `alpha_ik`, and the weights are (section 2.3)

        beta_ij = sum_{k = j}^{j+w-1} alpha_ik exp(u_ij) / sum_{l = k-w+1}^{k} exp(u_il)

    Here every chunk has a softmax of its own, which is the same and cannot overflow. Everything
    about the walk, `training` above all, is said in `MonotonicAttention`. The state is the walk's,
    `alpha`. With `chunk_size=1` this is `MonotonicAttention`.

    Args:
        attention: Attention layer that gives the energies of the walk. Another one of the same
            configuration, with weights of its own, gives the `u_ij`.
        chunk_size: Number of keys in a chunk, `w`; there are fewer at the beginning. 2 to 8 in the
            paper.
        noise: Standard deviation of the Gaussian noise added to the energies of the walk in
            training.
        initial_offset: The first value of `r`, which is learned.
        dropout: The share of weights to set to zero in training; the walk keeps them all.
        seed: Integer that makes noise and dropout repeatable.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores: see `MonotonicAttention`. A masked key in a chunk has no
            weight, and no other key takes its place.
        training: Whether the walk is soft.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`. The weights of a query sum to one or less.

    Raises:
        ValueError: If `attention` is more than a score: see `ChoiceAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import BahdanauAttention, MonotonicChunkwiseAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> attention = MonotonicChunkwiseAttention(BahdanauAttention(13), chunk_size=2)
    >>> tuple(attention(query, memory, training=True).shape)
    (2, 3, 11)

    Reference:
        Chiu and Raffel, 2018, "Monotonic Chunkwise Attention".
    """

    def __init__(
        self,
        attention,
        chunk_size,
        noise=0.0,
        initial_offset=-4.0,
        dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            attention,
            noise=noise,
            initial_offset=initial_offset,
            dropout=dropout,
            seed=seed,
            **kwargs,
        )
        chunk_size = check_count("chunk_size", chunk_size)
        self.chunk_size = chunk_size
        config = attention.get_config()
        name = f"{config['name']}_chunk"
        self.chunk_attention = type(attention).from_config({**config, "name": name})

    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        build_once(self.chunk_attention, self, query_shape, value_shape, key_shape)

    def project_memory(self, value, key=None):
        """All that depends on the memory alone, computed once for a memory.

        Args:
            value: Float tensor of shape `(batch, key, value_dim)`.
            key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.

        Returns:
            A dict of tensors: `key`, `chunk_key` and `value`.
        """
        chunk_key = self.chunk_attention.project_key(value if key is None else key)
        return {**super().project_memory(value, key), "chunk_key": chunk_key}

    def spread(self, alignments, query, memory, mask, training=None):
        """The weight of each stop, spread over the chunk that ends there.

        Args:
            alignments: Float tensor of shape `(batch, query, key)`.
            query: Float tensor of shape `(batch, query, query_dim)`, not projected.
            memory: What `project_memory` returned.
            mask: Bool tensor of shape `(batch, query, key)`, True = may attend.
            training: Not needed.

        Returns:
            Weights of shape `(batch, query, key)`.
        """
        query = self.chunk_attention.project_query(query)
        energies = at_least_float32(self.chunk_attention.score(query, memory["chunk_key"]))
        return chunkwise_weights(alignments, energies, self.chunk_size, mask)

    def get_config(self):
        return {**super().get_config(), "chunk_size": self.chunk_size}

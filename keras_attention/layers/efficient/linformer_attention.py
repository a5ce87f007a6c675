"""Linformer attention: keys and values projected along their length."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.multi_head.multi_head_attention import MultiHeadAttention
from keras_attention.ops import Masks
from keras_attention.ops.dense.projection import project
from keras_attention.ops.fitting import as_bool
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class LinformerAttention(MultiHeadAttention):
    """Multi-head attention to a fixed number of learned mixtures of the keys.

    `head_i = normalizer(q W_q_i (E k W_k_i)^T / sqrt(key_dim)) F v W_v_i` (Wang et al., 2020,
    equation 7), with `E` and `F` of shape `(projected_length, max_length)`, one pair for all heads
    (the paper's headwise sharing). Time and memory are linear in the length. A key of position `j`
    goes through column `j` of `E`: shorter inputs use the first columns.

    **The weights are those of the projected positions**, `(batch, heads, query,
    projected_length)`: they are what multiplies the projected values, and do not say how much each
    word counts. Each projected key is made of all positions, and so

    - masked keys and values are set to zero before they are projected: padding might as well not be
      there. The projected positions themselves are never masked, unless a sentence has no key;
    - `use_causal_mask` and `attention_mask` are refused: no position can be kept from one query
      and not from another;
    - a `bias` and a position that makes one are refused; a position that rotates is fine.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        max_length: The largest number of keys.
        projected_length: The number of projected keys.
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `value_dim`, `num_key_value_heads`, `use_bias`, `position` and `parts` of
            `MultiHeadAttention`; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor of shape `(batch, query, query_dim)`.
        value: Float tensor of shape `(batch, key, value_dim)`.
        key: Float tensor of shape `(batch, key, key_dim)`; `value` if not given.
        query_mask, value_mask, key_mask, return_attention_scores, training: see `Attention`.

    Output:
        Context of shape `(batch, query, query_dim)`, or the pair of context and weights
        `(batch, heads, query, projected_length)`.

    Raises:
        ValueError: If there are more than `max_length` keys, a causal or explicit mask, or a bias.

    Example:

    >>> import keras
    >>> from keras_attention.layers import LinformerAttention
    >>> layer = LinformerAttention(num_heads=3, key_dim=4, max_length=64, projected_length=8)
    >>> x = keras.random.normal((2, 50, 7))
    >>> context, weights = layer(x, x, return_attention_scores=True)
    >>> tuple(context.shape), tuple(weights.shape)
    ((2, 50, 7), (2, 3, 50, 8))

    Reference:
        Wang et al., 2020, "Linformer: Self-Attention with Linear Complexity".
    """

    _goes_by_order = True
    counts_from_start = True
    cannot_step = "each of its projected keys is made of all positions, later ones included"

    def __init__(
        self,
        num_heads,
        key_dim,
        max_length,
        projected_length,
        normalizer="softmax",
        dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            num_heads, key_dim, normalizer=normalizer, dropout=dropout, seed=seed, **kwargs
        )
        max_length = check_count("max_length", max_length)
        projected_length = check_count("projected_length", projected_length)
        if self.position is not None and self.position.needs_weights:
            raise ValueError(
                "Expected a position that rotates: projected keys stand at no position. "
                f"Received: position={self.position}"
            )
        self.max_length = max_length
        self.projected_length = projected_length

    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        for name in ("key_mixture", "value_mixture"):
            weight = self.add_weight(
                name=name,
                shape=(self.projected_length, self.max_length),
                # Mixtures of as many independent keys are then as large as the keys.
                initializer=keras.initializers.RandomNormal(stddev=self.max_length**-0.5),
            )
            setattr(self, name, weight)

    def attend_heads(
        self, query, key, value, masks, bias, training, return_weights, query_positions
    ):
        """Attention of all heads, behind the projections; see `MultiHeadAttention`.

        Args:
            query, key, value, masks, bias, training, return_weights, query_positions: As there;
                `masks` are neither causal nor explicit, and `bias` is None.

        Returns:
            Pair of context `(batch, heads, query, value_dim)` and weights
            `(batch, heads, query, projected_length)`, the weights None where they were not asked
            for.
        """
        self._refuse_call(key, masks, bias)
        return super().attend_heads(
            query,
            self._mix(self.key_mixture, key, masks.key),
            self._mix(self.value_mixture, value, masks.key),
            self._projected_masks(masks),
            None,
            training,
            return_weights,
            query_positions,
        )

    def _refuse_call(self, key, masks, bias):
        received = {"use_causal_mask": masks.causal or None}
        for name, tensor in (("attention_mask", masks.attention), ("bias", bias)):
            received[name] = None if tensor is None else f"of shape {tuple(ops.shape(tensor))}"
        for name, given in received.items():
            if given is not None:
                raise ValueError(
                    f"Expected no `{name}`: each projected key is made of all positions, so that "
                    "nothing can be said of a query and one position. "
                    f"Received: {name} {given}"
                )
        length = key.shape[2]
        if length is not None and length > self.max_length:
            raise ValueError(
                f"Expected at most {self.max_length} keys, `max_length`. Received: {length} keys"
            )

    def _mix(self, mixture, x, mask):
        """`E` times the keys, or `F` times the values: `(batch, heads, projected_length, dim)`."""
        if mask is not None:
            mask = as_bool(mask, "value_mask")[:, None, :, None]
            x = ops.where(mask, x, ops.zeros_like(x))
        mixture = at_least_float32(mixture)[:, : ops.shape(x)[2]]
        # Not `matmul(mixture, x)`, a batched product that broadcasts: see `ops.project`.
        columns = ops.swapaxes(at_least_float32(x), 2, 3)  # (batch, heads, dim, key)
        mixed = ops.swapaxes(project(columns, ops.transpose(mixture)), 2, 3)
        return ops.cast(mixed, x.dtype)

    def _projected_masks(self, masks):
        """The projected keys are all there, or, where a sentence has no key, none."""
        if masks.key is None:
            return masks
        some = ops.any(as_bool(masks.key, "value_mask"), axis=-1, keepdims=True)  # (batch, 1)
        return Masks(query=masks.query, key=ops.repeat(some, self.projected_length, axis=1))

    def compute_output_spec(self, query, value, *arguments, **options):
        spec = super().compute_output_spec(query, value, *arguments, **options)
        if not isinstance(spec, tuple):
            return spec
        context, weights = spec
        shape = (*weights.shape[:-1], self.projected_length)
        return context, keras.KerasTensor(shape, dtype=weights.dtype)

    def get_config(self):
        config = {"max_length": self.max_length, "projected_length": self.projected_length}
        return {**super().get_config(), **config}

"""Luong's local attention with predictive alignment, local-p."""

import keras
from keras import ops

from keras_attention.layers.alignment.choice_attention import ChoiceAttention
from keras_attention.layers.base.argument_checks import check_count, check_number
from keras_attention.layers.base.building import add_scaled_weight
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.layers.base.refusals import Refusal
from keras_attention.ops import NO_MASKS, weighted_sum
from keras_attention.ops.choices import gaussian, positions_in_window, real_positions
from keras_attention.ops.precision import at_least_float32


@keras.saving.register_keras_serializable("keras_attention")
class PredictiveLocalAttention(WithKernels, ChoiceAttention):
    """Attention within a window around a predicted position: Luong's local-p.

    - `p_t = S sigmoid(v_p^T tanh(W_p h_t))` (Luong et al., 2015, equation 9),
    - `weights(s) = align(h_t, h_s) exp(-(s - p_t)^2 / (2 sigma^2))` over the positions `s` in
      `[p_t - D, p_t + D]`, `sigma = D / 2` (equation 10).

    `align` is the normaliser inside the window, and the Gaussian comes after it, as in the paper:
    the weights of a query sum to less than one. `W_p` and `v_p` learn through the Gaussian alone.

    `S` is the number of source positions that `value_mask` and `key_mask` leave to a sentence, and
    `s = 0, 1, ...` counts these, so that padding, on whichever side, moves nothing. The prediction
    is computed in float32 also where the layer computes in half precision, which could not tell the
    positions of a long source apart. The scores of the whole source are computed and those outside
    the window ruled out, which is exact and not cheaper than global attention.

    Args:
        attention: The `Attention` that gives the scores; see `ChoiceAttention`.
        window: `D`, how far to each side of the predicted position to look.
        units: Rows of `W_p`; the size of the query if not given.
        normalizer: Name or function that turns scores into weights, inside the window.
        dropout: The share of weights to set to zero in training.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `kernel_initializer`, `bias_initializer`, and the regularizers and constraints of
            a Keras layer; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query, value, key, query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores, training: see `Attention`; the sizes are those that the inner
            attention takes. `attention_mask` and `use_causal_mask` do not change `S`.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`.

    Raises:
        ValueError: If the window or the units are not positive, or as in `ChoiceAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import LuongAttention, PredictiveLocalAttention
    >>> query, memory = keras.random.normal((2, 3, 7)), keras.random.normal((2, 5, 11))
    >>> layer = PredictiveLocalAttention(LuongAttention("general"), window=2)
    >>> tuple(layer(query, memory).shape)
    (2, 3, 11)

    Reference:
        Luong, Pham and Manning, 2015, "Effective Approaches to Attention-based Neural Machine
        Translation".
    """

    _goes_by_order = True
    cannot_step = "the positions it predicts depend on the number of all, later ones included"

    def __init__(
        self,
        attention,
        window,
        units=None,
        normalizer="softmax",
        dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(attention, normalizer=normalizer, dropout=dropout, seed=seed, **kwargs)
        window = check_number("window", window)
        if units is not None:
            units = check_count("units", units)
        self.window = window
        self.units = units
        self.refusal = Refusal(self, name="refusal")

    @property
    def _fixed_inputs(self):
        return ("query", *super()._fixed_inputs)

    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        query_dim = query_shape[-1]
        units = self.units or query_dim
        self.position_kernel = self.add_kernel(
            "position_kernel", (query_dim, units), query_dim, autocast=False
        )
        self.position_v = add_scaled_weight(self, "position_v", (units, 1), units, autocast=False)

    def predict_positions(self, query, lengths):
        """`p_t`, equation 9.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.
            lengths: `S`, a float tensor of shape `(batch, 1)` or `(1, 1)`.

        Returns:
            Float tensor of shape `(batch, query)`, at least float32.
        """
        query = at_least_float32(query)
        hidden = ops.tanh(ops.matmul(query, self.position_kernel))  # (batch, query, units)
        shares = ops.squeeze(ops.sigmoid(ops.matmul(hidden, self.position_v)), axis=-1)
        return lengths * shares  # (batch, query)

    def attend(self, query, memory, masks=NO_MASKS, training=None):
        """Attention of queries, each around the position it predicts.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.
            memory: What `project_memory` returned.
            masks: `keras_attention.ops.Masks`.
            training: Whether to apply dropout.

        Returns:
            Pair of context `(batch, query, value_dim)` and weights `(batch, query, key)`.
        """
        scores = at_least_float32(self.score(self.project_query(query), memory["key"]))
        _, query_length, key_length = ops.shape(scores)
        dtype = keras.backend.standardize_dtype(scores.dtype)
        positions, lengths = real_positions(masks.key, key_length, dtype)
        centers = ops.cast(self.predict_positions(query, lengths), dtype)
        allowed = positions_in_window(centers, positions, self.window)  # (batch, query, key)
        mask = masks.dense(query_length, key_length)
        if mask is not None:
            allowed = ops.logical_and(allowed, mask)
        bell = gaussian(centers, positions, self.window / 2)
        weights = ops.cast(self.normalizer(scores, allowed) * bell, self.compute_dtype)
        weights = self._drop(weights, training)
        return weighted_sum(weights, memory["value"]), weights

    def get_config(self):
        return {**super().get_config(), "window": self.window, "units": self.units}

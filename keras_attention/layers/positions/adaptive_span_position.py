"""A span of attention that each head learns."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import (
    as_python,
    check_count,
    check_number,
    get_object,
)
from keras_attention.layers.base.nested import build_once
from keras_attention.layers.positions.position import Position
from keras_attention.ops.precision import at_least_float32
from keras_attention.ops.relative_positions import relative_positions

# Added to the scores beyond the span: finite, and far below every score.
BEYOND = -1e30


@keras.saving.register_keras_serializable("keras_attention")
class AdaptiveSpanPosition(Position):
    """How far each head looks, learned: weights fade to zero at the end of its span.

    `weights_ij = m_z(|i - j|) exp(s_ij) / sum_n m_z(|i - n|) exp(s_in)`,
    `m_z(x) = min(max((ramp + z - x) / ramp, 0), 1)`, `z = max_span * span`, with a `span` between 0
    and 1 for each head (Sukhbaatar et al., 2019). It is `softmax(s_ij + log m_z(|i - j|))`, and so
    a position that makes a bias. `span_penalty` times the mean of the `z` is added to the loss.
    `AdaptiveSpanAttention` is multi-head attention with this position, in a window of `max_span`.

    Args:
        max_span: The longest span `z`, in positions.
        ramp: Over how many positions behind its end a span fades.
        initial_span: The share of `max_span` at the start.
        span_penalty: The weight of the spans in the loss, per position.
        position: Another `Position` beside it, or None.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Raises:
        ValueError: In multi-head attention with a part that reads scores or weights.

    Example:

    >>> import keras
    >>> from keras_attention.layers import AdaptiveSpanPosition, MultiHeadAttention
    >>> x = keras.random.normal((2, 3, 7))
    >>> layer = MultiHeadAttention(5, 11, position=AdaptiveSpanPosition(max_span=64))
    >>> tuple(layer(x, x, use_causal_mask=True).shape)
    (2, 3, 7)

    Reference:
        Sukhbaatar et al., 2019, "Adaptive Attention Span in Transformers".
    """

    def __init__(
        self, max_span, ramp=32, initial_span=0.0, span_penalty=2e-6, position=None, **kwargs
    ):
        super().__init__(**kwargs)
        max_span = check_count("max_span", max_span)
        ramp = check_number("ramp", ramp)
        if ramp < 1:
            raise ValueError(f"Expected `ramp` of at least 1. Received: ramp={ramp}")
        initial_span = as_python(initial_span)
        if not 0 <= initial_span <= 1:
            raise ValueError(
                "Expected `initial_span`, a share of `max_span`, between 0 and 1. "
                f"Received: initial_span={initial_span}"
            )
        span_penalty = check_number("span_penalty", span_penalty, zero=True)
        self.max_span = max_span
        self.ramp = ramp
        self.initial_span = initial_span
        self.span_penalty = span_penalty
        self.position = get_object("position", position, Position)

    @property
    def needs_weights(self):
        """Whether the other position's `values` is to be called."""
        return self.position is not None and self.position.needs_weights

    def check_parts(self, parts):
        """Refuses parts that read scores or weights.

        Where heads mix their scores or weights, a head would attend to what lies beyond its own
        span, or lose what lies within it to the span of another.

        Args:
            parts: List of `HeadPart`s.

        Raises:
            ValueError: If there is one.
        """
        if any(part.needs_weights for part in parts):
            raise ValueError(
                "Expected no part that reads scores or weights beside spans, each of which is for "
                f"the scores of one head alone. Received: parts={parts}"
            )
        if self.position is not None:
            self.position.check_parts(parts)

    def build(self, query_shape, key_shape, value_shape):
        self.span = self.add_weight(
            name="span",
            shape=(query_shape[1],),
            initializer=keras.initializers.Constant(self.initial_span),
            constraint=_between_zero_and_one,
            regularizer=self._penalty,
            autocast=False,
        )
        if self.position is not None:
            build_once(self.position, self, query_shape, key_shape, value_shape)

    def _penalty(self, span):
        return self.span_penalty * self.max_span * ops.mean(span)

    def spans(self):
        """How far each head looks, in positions.

        Returns:
            Float tensor of shape `(heads,)`.
        """
        return self.max_span * ops.convert_to_tensor(self.span)

    def rotate(self, x, positions):
        """As the other position does; see `Position.rotate`."""
        return x if self.position is None else self.position.rotate(x, positions)

    def bias(self, query, query_positions, key_positions):
        """`log m_z(|i - j|)`, and the other position's bias; see `Position.bias`."""
        distance = ops.abs(relative_positions(query_positions, key_positions))
        spans = at_least_float32(self.spans())
        distance = ops.cast(ops.expand_dims(distance, axis=1), spans.dtype)
        faded = (self.ramp + spans[:, None, None] - distance) / self.ramp
        inside = faded > 0.0  # (1 or batch, heads, query, key)
        bias = ops.where(inside, ops.log(ops.clip(ops.where(inside, faded, 1.0), 0.0, 1.0)), BEYOND)
        other = None
        if self.position is not None:
            other = self.position.bias(query, query_positions, key_positions)
        return bias if other is None else bias + ops.cast(other, bias.dtype)

    def values(self, weights, query_positions, key_positions):
        """As the other position does; see `Position.values`."""
        return self.position.values(weights, query_positions, key_positions)

    def get_config(self):
        config = {
            "max_span": self.max_span,
            "ramp": self.ramp,
            "initial_span": self.initial_span,
            "span_penalty": self.span_penalty,
            "position": keras.saving.serialize_keras_object(self.position),
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        position = keras.saving.deserialize_keras_object(config["position"])
        return cls(**{**config, "position": position})


def _between_zero_and_one(span):
    return ops.clip(span, 0.0, 1.0)

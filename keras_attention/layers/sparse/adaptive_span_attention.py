"""Attention whose heads learn how far they look."""

import keras
from keras import ops

from keras_attention.layers.multi_head.named import get_position
from keras_attention.layers.positions.adaptive_span_position import BEYOND, AdaptiveSpanPosition
from keras_attention.layers.sparse.pattern_attention import PatternAttention
from keras_attention.layers.sparse.sliding_window import SlidingWindow


@keras.saving.register_keras_serializable("keras_attention")
class AdaptiveSpanAttention(PatternAttention):
    """Multi-head attention in which each head learns its span.

    `weights_ij = m_z(|i - j|) exp(s_ij) / sum_n m_z(|i - n|) exp(s_in)`,
    `m_z(x) = min(max((ramp + z - x) / ramp, 0), 1)` (Sukhbaatar et al., 2019, section 2.2), where
    `z` between 0 and `max_span` is learned for each head, the sums go over `|i - n| <= max_span`,
    and `s_ij` are the scaled products. `span_penalty` times the mean of the `z` is added to the
    loss, so that a head looks no farther than it gains by.

    The paper is about causal attention, where `i - j` is never negative. Without a causal mask the
    span is the same to both sides. Unlike there, a position attends to itself too, and relative
    position vectors are a choice, `position`. As in a sliding window, time and memory are linear in
    the length, by `max_span`; they do not shrink further as the spans do, since a compiled program
    cannot depend on a weight. A head in whose span no key may be attended to adds nothing.

    Args:
        num_heads: Number of query heads.
        key_dim: Size of each head's queries and keys.
        max_span: The longest span, in positions.
        ramp: Over how many positions behind its end a span fades; 32 in the paper.
        initial_span: The share of `max_span` at the start.
        span_penalty: The weight of the spans in the loss, per position.
        **kwargs: `position`, `parts`, `value_dim`, `num_key_value_heads`, `use_bias`, `dropout` and
            `seed` of `MultiHeadAttention`, the parts none that read weights; `name`, `dtype`,
            `trainable` of `keras.layers.Layer`.

    Call arguments and output: those of `MultiHeadAttention`.

    Example:

    >>> import keras
    >>> from keras_attention.layers import AdaptiveSpanAttention
    >>> x = keras.random.normal((2, 31, 7))
    >>> layer = AdaptiveSpanAttention(num_heads=3, key_dim=4, max_span=16, initial_span=0.5)
    >>> tuple(layer(x, x, use_causal_mask=True).shape), [float(span) for span in layer.spans()]
    ((2, 31, 7), [8.0, 8.0, 8.0])

    Reference:
        Sukhbaatar et al., 2019, "Adaptive Attention Span in Transformers".
    """

    _fixed_arguments = ("normalizer", "pattern")

    def __init__(
        self,
        num_heads,
        key_dim,
        max_span,
        ramp=32,
        initial_span=0.0,
        span_penalty=2e-6,
        position=None,
        **kwargs,
    ):
        super().__init__(
            num_heads,
            key_dim,
            SlidingWindow((max_span, max_span)),
            position=AdaptiveSpanPosition(
                max_span, ramp, initial_span, span_penalty, get_position(position)
            ),
            normalizer="softmax",
            **kwargs,
        )
        self.max_span = self.position.max_span
        self.ramp = self.position.ramp
        self.initial_span = self.position.initial_span
        self.span_penalty = self.position.span_penalty

    def spans(self):
        """How far each head looks, in positions.

        Returns:
            Float tensor of shape `(heads,)`.
        """
        return self.position.spans()

    def _weigh(self, scores, mask=None, training=None):
        """From scores to weights; zero beyond the span, also where nothing is left.

        Args:
            scores: Float tensor of shape `(batch, heads, query, key)`.
            mask: Bool tensor that broadcasts to the scores, True = may attend, or None.
            training: Whether to apply dropout.

        Returns:
            Weights of the shape of `scores`, in the layer's compute dtype.
        """
        inside = scores > BEYOND / 2
        mask = inside if mask is None else ops.logical_and(inside, mask)
        return super()._weigh(scores, mask, training)

    def get_config(self):
        return {
            **super().get_config(),
            "max_span": self.max_span,
            "ramp": self.ramp,
            "initial_span": self.initial_span,
            "span_penalty": self.span_penalty,
            "position": keras.saving.serialize_keras_object(self.position.position),
        }

"""Transformer encoder."""

import keras
from keras import ops

from keras_attention.decoding.arguments import positive_integer, share
from keras_attention.layers.base.argument_checks import get_object
from keras_attention.layers.base.call_checks import CheckedCall, check_masked_input
from keras_attention.layers.base.rematerialized import RematerializedByParts
from keras_attention.layers.multi_head.named import POSITIONS
from keras_attention.layers.positions import SinusoidalPosition
from keras_attention.models.self_attentions import (
    check_attention,
    restore_attention,
    standardize_attention,
)
from keras_attention.models.transformer_blocks import (
    EmbeddedPosition,
    TransformerBlock,
    check_settings,
    make_norm,
)
from keras_attention.ops.fitting import as_bool
from keras_attention.ops.masks import leading_padding, rolled

NAMED = {**POSITIONS, "sinusoidal": SinusoidalPosition}


@keras.saving.register_keras_serializable("keras_attention")
class TransformerEncoder(RematerializedByParts, CheckedCall, keras.layers.Layer):
    """Annotations of a source sequence by a stack of self-attention blocks.

    Its width is that of its input: token embeddings, or frames of features projected by
    `Seq2Seq`.

    Args:
        num_layers: int. Blocks.
        num_heads: int. Heads of each attention; divides the width.
        feed_forward_units: int. Inner width of the feed-forward networks.
        norm: `"pre"`, which trains without warm-up and ends in a norm of its own, or `"post"`, as
            in Vaswani et al.
        activation: `"relu"`, `"gelu"` or `"swiglu"`; see `FeedForward`.
        dropout: float in [0, 1). Share of features dropped from the embedded input and from what
            each attention and feed-forward network adds.
        attention_dropout: float in [0, 1). Share of attention weights dropped.
        num_key_value_heads: int. Key and value heads, `num_heads` if None.
        position: layer that adds positions to embeddings, such as `SinusoidalPosition()`, the
            default, or `LearnedPosition(...)`; or a position inside the attention of every block,
            such as `RotaryPosition()`, `ALiBiPosition()`, `T5Position()`; or one of the names
            `"sinusoidal"`, `"rotary"`, `"alibi"`, `"t5"`, `"transformer_xl"`.
        attention: the self-attention of every block. None is `MultiHeadAttention`, made from the
            arguments above, as are those with a name: `"sliding_window"` (32 positions to each
            side), `"strided"`, `"fixed"`, `"linear"`, `"performer"`, `"talking_heads"`,
            `"output_gate"`, `"query_key_norm"`, `"learned_sinks"`, `"sparsemax"`, `"entmax15"`,
            `"sigmoid"`. Or a layer of `keras_attention.layers` that is not built, such as
            `SlidingWindowAttention(4, 32, window=16)`, whose contexts are as wide as its input:
            every block has its own, made from the layer's configuration, with the heads, position,
            dropout and dtype of that; `attention_dropout` and `num_key_value_heads` are refused
            beside it. Linear attention takes no position that adds to scores, such as `"alibi"`.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: float tensor `(batch, source, width)`.
        mask: bool tensor `(batch, source)`, `True` at real positions. Positions that are added to
            the input, and blocks of sparse attention, count from the first real one, so that
            padding may stand on either side.
        training: bool. Whether dropout is active.

    Output:
        Float tensor `(batch, source, width)`.

    Example:

    >>> encoder = keras_attention.models.TransformerEncoder(2, 4, 16)
    >>> tuple(encoder(np.ones((2, 7, 8), "float32")).shape)
    (2, 7, 8)

    Reference:
        Vaswani et al., 2017, "Attention Is All You Need", section 3.1.
    """

    def __init__(
        self,
        num_layers,
        num_heads,
        feed_forward_units,
        norm="pre",
        activation="relu",
        dropout=0.0,
        attention_dropout=0.0,
        num_key_value_heads=None,
        position=None,
        attention=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_layers = positive_integer("num_layers", num_layers)
        self.num_heads = positive_integer("num_heads", num_heads)
        self.feed_forward_units = positive_integer("feed_forward_units", feed_forward_units)
        self.norm = norm
        self.activation = activation
        self.dropout = share("dropout", dropout)
        self.attention_dropout = share("attention_dropout", attention_dropout)
        self.num_key_value_heads = _key_value_heads(num_key_value_heads, self.num_heads)
        if position is None:
            position = SinusoidalPosition(dtype=self.dtype_policy)
        position = get_object("position", position, keras.layers.Layer, NAMED, optional=False)
        # Plain data, or a position inside attention, which every block has of its own, would be
        # taken for a layer of this one.
        self._position = keras.saving.serialize_keras_object(position)
        self._attention = standardize_attention(attention)
        check_settings(self.settings)
        cross = getattr(self, "cross", False)  # a decoder's
        check_attention(self._attention, self.settings, position, cross)
        self.embedded = EmbeddedPosition(
            position, dropout, dtype=self.dtype_policy, name="embedded"
        )
        self.blocks = [
            self._make_block(dtype=self.dtype_policy, name=f"block_{index}")
            for index in range(self.num_layers)
        ]
        self.last_norm = make_norm(self.dtype_policy) if norm == "pre" else None
        self.supports_masking = True

    def _make_block(self, **kwargs):
        return TransformerBlock(self.settings, self._attention, **kwargs)

    @property
    def attention(self):
        """The attention that was given: None, its name, or a layer like it, not built."""
        return restore_attention(self._attention)

    @property
    def position(self):
        """The position that was given, or one inside attention like it, without its weights."""
        own = self.embedded.position
        return keras.saving.deserialize_keras_object(self._position) if own is None else own

    @property
    def settings(self):
        """The arguments as plain data."""
        return {
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "feed_forward_units": self.feed_forward_units,
            "norm": self.norm,
            "activation": self.activation,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "num_key_value_heads": self.num_key_value_heads,
            "position": self._position,
        }

    def build(self, inputs_shape):
        self._build(tuple(inputs_shape))

    def _build(self, inputs_shape, values_shape=None):
        self.embedded.build(inputs_shape)
        for block in self.blocks:
            block.build(inputs_shape, values_shape)
        if self.last_norm is not None:
            self.last_norm.build(inputs_shape)

    def call(self, inputs, mask=None, training=None):
        if mask is None:
            return self._annotate(inputs, None, 0, training)
        # Positions count from the first real one: sources may be padded on the left.
        if not self.blocks[0].self_attention.counts_from_start:
            start = -leading_padding(mask) if self.embedded.adds else 0
            return self._annotate(inputs, mask, start, training)
        everywhere = ops.ones(ops.shape(inputs)[:2], dtype="bool")
        mask = ops.logical_and(as_bool(mask, "mask"), everywhere)
        padding = leading_padding(mask)
        inputs, mask = rolled(inputs, padding), rolled(mask, padding)
        return rolled(self._annotate(inputs, mask, 0, training), -padding)

    def _annotate(self, inputs, mask, start, training):
        x = self.embedded(inputs, start=start, training=training)
        for block in self.blocks:
            x = block(x, mask=mask, training=training)
        return self._finish(x)

    def _finish(self, x):
        return x if self.last_norm is None else self.last_norm(x)

    def _check_call(self, inputs=None, mask=None, *others, **options):
        axes = ("batch", "source", "width")
        check_masked_input(self, "inputs", inputs, axes, ("mask", mask))

    def compute_output_shape(self, inputs_shape):
        return tuple(inputs_shape)

    def get_config(self):
        return {**super().get_config(), **self.settings, "attention": self._attention}

    @classmethod
    def from_config(cls, config):
        position = keras.saving.deserialize_keras_object(config["position"])
        return cls(**{**config, "position": position})


def _key_value_heads(number, num_heads):
    """`number` of heads as an int, or None, or a ValueError."""
    if number is None:
        return None
    number = positive_integer("num_key_value_heads", number)
    if num_heads % number:
        raise ValueError(
            "`num_key_value_heads` is expected to divide `num_heads`. "
            f"Received: num_key_value_heads={number}, num_heads={num_heads}"
        )
    return number

"""The self-attentions of a Transformer that have a name, and how each block gets its own."""

from functools import partial

import keras

from keras_attention.layers import (
    Attention,
    FixedAttention,
    LinearAttention,
    MultiHeadAttention,
    PerformerAttention,
    Position,
    SlidingWindowAttention,
    StridedAttention,
)
from keras_attention.layers.base.argument_checks import get_object

# Each takes `num_heads`, `key_dim` and options of `MultiHeadAttention`. The sizes suit sentences:
# 32 positions to each side, and blocks and strides near the square root of a hundred.
SELF_ATTENTIONS = {
    "sliding_window": partial(SlidingWindowAttention, window=64),
    "strided": partial(StridedAttention, stride=8),
    "fixed": partial(FixedAttention, block_length=8),
    "linear": LinearAttention,
    "performer": PerformerAttention,
    "talking_heads": partial(MultiHeadAttention, parts=["talking_heads"]),
    "output_gate": partial(MultiHeadAttention, parts=["output_gate"]),
    "query_key_norm": partial(MultiHeadAttention, parts=["query_key_norm"]),
    "learned_sinks": partial(MultiHeadAttention, parts=["learned_sinks"]),
    "sparsemax": partial(MultiHeadAttention, normalizer="sparsemax"),
    "entmax15": partial(MultiHeadAttention, normalizer="entmax15"),
    "sigmoid": partial(MultiHeadAttention, normalizer="sigmoid"),
}


def standardize_attention(attention):
    """The argument `attention` of a Transformer as plain data.

    Args:
        attention: None, a name of `SELF_ATTENTIONS`, an `Attention`, or its serialized
            configuration.

    Returns:
        None, the name, or the serialized configuration.

    Raises:
        ValueError: it is something else.
    """
    if attention is None or (isinstance(attention, str) and attention in SELF_ATTENTIONS):
        return attention
    layer = get_object("attention", attention, Attention, SELF_ATTENTIONS)
    serialized = keras.saving.serialize_keras_object(layer)
    serialized.pop("build_config", None)  # of the layer that was given; those of blocks are new
    return serialized


def restore_attention(attention, **config):
    """A new layer from a serialized configuration.

    Args:
        attention: as `standardize_attention` returned it, or None or a name, which are returned.
        **config: arguments to take the place of those in the configuration.
    """
    if attention is None or isinstance(attention, str):
        return attention
    return keras.saving.deserialize_keras_object(
        {**attention, "config": {**attention["config"], **config}}
    )


def check_attention(attention, settings, position, cross=False):
    """Raises ValueError for arguments of a Transformer that its self-attention has no use for.

    Args:
        attention: as `standardize_attention` returned it.
        settings: dict, the arguments of a `TransformerEncoder`.
        position: the position of a Transformer.
        cross: bool. Whether blocks have cross-attention, which has dropout and heads from
            `settings`, too.
    """
    layer = restore_attention(attention)
    if isinstance(layer, Attention):
        name, own = type(layer).__name__, getattr(layer, "position", None)
        if isinstance(position, Position):
            raise ValueError(
                "Expected a position inside attention to be an argument of `attention`, as that is "
                f"a layer. Received: position={position}, attention={name}"
            )
        ignored = {} if cross else {"attention_dropout": 0, "num_key_value_heads": None}
        for argument, default in ignored.items():
            if settings[argument] != default:
                raise ValueError(
                    f"Expected no `{argument}` beside an `attention` that is a layer, which has "
                    "its own dropout and heads. Received: "
                    f"{argument}={settings[argument]}, attention={name}"
                )
        position = own
    if isinstance(position, Position) and _adds_to_scores(position) and not has_scores(layer):
        name = layer if isinstance(layer, str) else type(layer).__name__
        raise ValueError(
            "Expected a `position` that changes no scores beside linear attention, which has none: "
            "one that is added to embeddings, or rotates, such as `RotaryPosition`. "
            f"Received: position={type(position).__name__}, attention={name}"
        )


def has_scores(attention):
    """Whether a self-attention computes scores of queries and keys, to which a position may add.

    Args:
        attention: None, a name of `SELF_ATTENTIONS`, or an `Attention`.
    """
    if isinstance(attention, str):
        make = SELF_ATTENTIONS[attention]
        return not issubclass(getattr(make, "func", make), LinearAttention)
    return not isinstance(attention, LinearAttention)


def _adds_to_scores(position):
    return position.needs_weights or type(position).bias is not Position.bias


def check_steps(attention):
    """Raises ValueError for a self-attention that cannot decode step by step.

    Args:
        attention: as `standardize_attention` returned it.
    """
    layer = restore_attention(attention)
    if isinstance(layer, Attention) and layer.cannot_step is not None:
        name = type(layer).__name__
        raise ValueError(
            "Expected an `attention` that decodes step by step. "
            f"Received: attention={name}, which cannot: {layer.cannot_step}"
        )


def check_context(attention, inputs_shape):
    """Raises ValueError for a self-attention whose context is not as wide as its input.

    Args:
        attention: `Attention`.
        inputs_shape: tuple, `(batch, length, width)`.
    """
    width = attention.compute_output_shape(inputs_shape, inputs_shape)[len(inputs_shape) - 1 :]
    if width != tuple(inputs_shape[-1:]):
        raise ValueError(
            f"Expected an `attention` with contexts as wide as its input, {inputs_shape[-1]}. "
            f"Received: attention={type(attention).__name__} with contexts of {width[0]}"
        )


def make_self_attention(attention, settings, width, position, dtype):
    """The self-attention of one block.

    Args:
        attention: as `standardize_attention` returned it.
        settings: dict, the arguments of a `TransformerEncoder`.
        width: int. Features of a position.
        position: a `Position` of the block's own, or None.
        dtype: dtype policy of an attention that is not a layer, which has its own.

    Returns:
        An `Attention` that is not built.
    """
    name = "self_attention"
    if isinstance(attention, dict):
        return restore_attention(attention, name=name)
    make = MultiHeadAttention if attention is None else SELF_ATTENTIONS[attention]
    return make_heads(make, settings, width, name, dtype, position)


def make_heads(make, settings, width, name, dtype, position=None):
    """Multi-head attention as wide as its input.

    Args:
        make: `MultiHeadAttention`, or a value of `SELF_ATTENTIONS`.
        settings, width, dtype, position: see `make_self_attention`.
        name: str.
    """
    num_heads = settings["num_heads"]
    if width % num_heads:
        raise ValueError(
            "The width of a Transformer must be a multiple of `num_heads`. "
            f"Received: width={width}, num_heads={num_heads}"
        )
    return make(
        num_heads,
        width // num_heads,
        num_key_value_heads=settings["num_key_value_heads"],
        position=position,
        dropout=settings["attention_dropout"],
        dtype=dtype,
        name=name,
    )

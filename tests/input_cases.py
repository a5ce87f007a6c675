"""The layers with one input, for the checklist of `tests/input_checks.py`."""

import keras
from input_checks import InputCase

from keras_attention.layers import (
    AttentionPooling,
    ChannelAttention,
    ConvolutionalBlockAttention,
    HierarchicalAttention,
    MultiHeadAttention,
    ResidualAttention,
    SpatialAttention,
    SqueezeExcite,
)


def recurrent(units, dtype=None):
    """The paper's encoder."""
    gru = keras.layers.GRU(units, return_sequences=True, dtype=dtype)
    return keras.layers.Bidirectional(gru, dtype=dtype)


def attention_pooling(**options):
    return AttentionPooling(17, **options)


def hierarchical_attention(**options):
    return HierarchicalAttention(17, **options)


def hierarchical_attention_encoders(**options):
    dtype = options.get("dtype")
    return HierarchicalAttention(17, recurrent(11, dtype), recurrent(13, dtype), **options)


def squeeze_excite(**options):
    return SqueezeExcite(**{"ratio": 2, **options})


def channel_attention(**options):
    return ChannelAttention(**{"ratio": 2, **options})


def spatial_attention(**options):
    return SpatialAttention(**{"kernel_size": 5, **options})


def convolutional_block_attention(**options):
    return ConvolutionalBlockAttention(**{"ratio": 2, "kernel_size": 5, **options})


def residual(norm):
    def make(**options):
        attention = MultiHeadAttention(2, 5, dtype=options.get("dtype"))
        return ResidualAttention(attention, **{"norm": norm, **options})

    return make


def channels_first(make):
    return lambda **options: make(**{"data_format": "channels_first", **options})


RESIDUAL = {"dropout": 0.25, "epsilon": 0.01, "seed": 31}
POOLING = {"normalizer": "sparsemax", "dropout": 0.25, "seed": 31}
GATES = {"use_bias": True, "data_format": "channels_first"}
MAPS = {
    "squeeze_excite": (squeeze_excite, {**GATES, "ratio": 3}),
    "channel_attention": (channel_attention, {**GATES, "ratio": 3}),
    "spatial_attention": (spatial_attention, {**GATES, "kernel_size": (3, 5)}),
    "convolutional_block_attention": (
        convolutional_block_attention,
        {**GATES, "ratio": 3, "kernel_size": (3, 5)},
    ),
}
CASES = {
    "attention_pooling": InputCase(
        attention_pooling, (5, 7), (11, 7), keeps_positions=False, options=POOLING
    ),
    "hierarchical_attention": InputCase(
        hierarchical_attention, (3, 5, 7), (5, 11, 7), keeps_positions=False, options=POOLING
    ),
    "hierarchical_attention_encoders": InputCase(
        hierarchical_attention_encoders,
        (3, 5, 7),
        (5, 11, 7),
        keeps_positions=False,
        options=POOLING,
    ),
    **{
        f"residual_{norm}": InputCase(
            residual(norm),
            (5, 7),
            (11, 7),
            keeps_positions=True,
            self_attention=True,
            adds_input=True,
            options={**RESIDUAL, "norm": norm},
        )
        for norm in ("pre", "post")
    },
    **{
        name: InputCase(make, (11, 13, 7), (17, 5, 7), keeps_positions=True, options=options)
        for name, (make, options) in MAPS.items()
    },
    **{
        f"{name}_channels_first": InputCase(
            channels_first(make),
            (7, 11, 13),
            (7, 17, 5),
            keeps_positions=True,
            channels_first=True,
            options=options,
        )
        for name, (make, options) in MAPS.items()
    },
}

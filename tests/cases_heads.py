"""Multi-head attention with its variants and parts."""

import numpy as np
from layer_checks import LayerCase, to_numpy

from keras_attention import layers

HEADS, KEY_DIM, HEAD_VALUE_DIM = 6, 5, 3


def projected(layer, name, x, heads):
    """What a projection of the layer makes of `x`, in NumPy, with the heads second."""
    kernel, bias = getattr(layer, f"{name}_kernel"), getattr(layer, f"{name}_bias")
    x = x @ to_numpy(kernel) + (0.0 if bias is None else to_numpy(bias))
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)  # (batch, heads, length, dim)


def joined(layer, context):
    """The output of the layer from the contexts of its heads, in NumPy."""
    context = context.swapaxes(1, 2).reshape(context.shape[0], context.shape[2], -1)
    return projected(layer, "output", context, 1)[:, 0]


def multiply(layer, weights, value):
    """The context of a multi-head layer from its weights, in NumPy."""
    heads, groups = layer.num_heads, layer.num_key_value_heads
    value = projected(layer, "value", value, groups).repeat(heads // groups, axis=1)
    return joined(layer, np.einsum("bhqk,bhkd->bhqd", weights, value))


def head_case(layer=layers.MultiHeadAttention, heads=HEADS, key_dim=KEY_DIM, **settings):
    """A case of a multi-head layer; parts and positions are given as functions that make them."""
    leaves = {name: settings.pop(name, {}) for name in ("refuses", "leaves_out")}
    rest = {
        name: settings.pop(name)
        for name in ("self_attention", "causal", "weights_of_keys", "multiply", "options")
        if name in settings
    }

    def make(**options):
        given = {
            name: setting() if callable(setting) else setting for name, setting in settings.items()
        }
        return layer(num_heads=heads, key_dim=key_dim, **given, **options)

    return LayerCase(
        make, query_dim=7, key_dim=11, heads=heads, **{"multiply": multiply, **leaves, **rest}
    )


CASES = {
    "multi_head": head_case(value_dim=HEAD_VALUE_DIM),
    "multi_head_without_bias": head_case(use_bias=False),
    "multi_query": head_case(num_key_value_heads=1),
    "grouped_query": head_case(num_key_value_heads=2, value_dim=HEAD_VALUE_DIM),
    "talking_heads": head_case(parts=lambda: [layers.TalkingHeads()]),
    "gated_output": head_case(
        parts=lambda: [layers.OutputGate()],
        leaves_out={
            "weights_are_what_was_multiplied": "the output gate comes after the weighted sum"
        },
    ),
    "query_key_norm": head_case(parts=lambda: [layers.QueryKeyNorm()]),
    "learned_sinks": head_case(
        parts=lambda: [layers.LearnedSinks()],
        options={"dropout": 0.25, "seed": 31},
    ),
    "all_parts": head_case(
        parts=lambda: [
            layers.QueryKeyNorm(),
            layers.TalkingHeads(),
            layers.LearnedSinks(),
            layers.OutputGate(),
        ],
        num_key_value_heads=2,
        options={"dropout": 0.25, "seed": 31},
        leaves_out={"weights_are_what_was_multiplied": "checked for each extension alone"},
    ),
}

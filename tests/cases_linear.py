"""Multi-head attention of cheaper algebra."""

import numpy as np
from cases_heads import head_case, joined, projected
from layer_checks import to_numpy

from keras_attention.layers.efficient.linear_attention import LinearAttention
from keras_attention.layers.efficient.linformer_attention import LinformerAttention
from keras_attention.layers.efficient.memory_compressed_attention import MemoryCompressedAttention
from keras_attention.layers.efficient.performer_attention import PerformerAttention
from keras_attention.layers.positions import RotaryPosition
from keras_attention.layers.sparse.adaptive_span_attention import AdaptiveSpanAttention

OPTIONS = {"dropout": 0.25, "seed": 31}
OF_ALL = "each projected key is made of all"
OF_WINDOWS = "Expected no `attention_mask`: a window holds several"


def randomized(layer, query, value, key=None):
    """The layer with all trained weights random, biases too."""
    layer.build(query.shape, value.shape, None if key is None else key.shape)
    generator = np.random.default_rng(307)
    for weight in layer.trainable_weights:
        weight.assign(generator.normal(size=weight.shape) * 0.4)
    return layer


def multiply_mixed(layer, weights, value):
    """Linformer's context from its weights, in NumPy: `F` mixes the positions of the values."""
    value = projected(layer, "value", value, layer.num_heads)
    mixture = to_numpy(layer.value_mixture)[:, : value.shape[2]]
    value = np.einsum("pk,bhkd->bhpd", mixture, value)
    return joined(layer, np.einsum("bhqp,bhpd->bhqd", weights, value))


def convolved(layer, name, x):
    """A strided convolution of `(batch, heads, length, dim)` by the layer's kernel, in NumPy."""
    kernel, bias = (to_numpy(weight) for weight in getattr(layer, f"{name}_convolution"))
    batch, heads, length, dim = x.shape
    windows = -(-length // layer.stride)
    result = np.zeros((batch, heads, windows, dim)) + bias
    for head, window, offset in np.ndindex(heads, windows, layer.stride):
        if window * layer.stride + offset < length:
            of_offset = kernel[head, offset * dim : (offset + 1) * dim]
            result[:, head, window] += x[:, head, window * layer.stride + offset] @ of_offset
    return result


def multiply_compressed(layer, weights, value):
    """The context of memory-compressed attention from its weights, in NumPy."""
    value = convolved(layer, "value", projected(layer, "value", value, layer.num_heads))
    return joined(layer, np.einsum("bhqw,bhwd->bhqd", weights, value))


CASES = {
    "linear": head_case(LinearAttention, value_dim=3, options=OPTIONS),
    "linear_grouped": head_case(
        LinearAttention, num_key_value_heads=2, use_bias=False, options=OPTIONS
    ),
    "linear_rotary": head_case(
        LinearAttention, key_dim=10, position=RotaryPosition, options=OPTIONS
    ),
    "performer": head_case(
        PerformerAttention,
        num_features=17,
        value_dim=3,
        options=OPTIONS,
        leaves_out={"fit_step": "random features are not trained; another test checks them"},
    ),
    "linformer": head_case(
        LinformerAttention,
        max_length=157,
        projected_length=2,
        multiply=multiply_mixed,
        weights_of_keys=False,
        refuses={
            "causal": f"Expected no `use_causal_mask`: {OF_ALL}",
            "explicit_mask": f"Expected no `attention_mask`: {OF_ALL}",
            "all_masks": f"Expected no `use_causal_mask`: {OF_ALL}",
        },
    ),
    "memory_compressed": head_case(
        MemoryCompressedAttention,
        stride=2,
        value_dim=3,
        multiply=multiply_compressed,
        weights_of_keys=False,
        refuses={"explicit_mask": OF_WINDOWS, "all_masks": OF_WINDOWS},
    ),
    "adaptive_span": head_case(
        AdaptiveSpanAttention, max_span=7, ramp=3, initial_span=0.3, options=OPTIONS
    ),
    "adaptive_span_rotary": head_case(
        AdaptiveSpanAttention,
        key_dim=10,
        max_span=7,
        ramp=3,
        initial_span=0.3,
        position=RotaryPosition,
        options=OPTIONS,
    ),
}

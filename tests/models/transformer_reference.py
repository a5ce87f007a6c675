"""Stacks of Transformer blocks in NumPy, from the equations of Vaswani et al., 2017."""

import numpy as np
from keras.ops import convert_to_numpy as value


def stack(layer, x, allowed, values=None, values_allowed=None):
    """What an encoder, or a decoder that reads `values`, makes of its embedded input.

    Args:
        layer: `TransformerEncoder` or `TransformerDecoder`, built, with sinusoidal positions.
        x: array `(batch, length, width)`.
        allowed: bool array that broadcasts to `(batch, length, length)`.
        values: array `(batch, source, width)`, or None.
        values_allowed: bool array that broadcasts to `(batch, length, source)`.
    """
    x = x + sinusoids(*x.shape[1:])
    for block in layer.blocks:
        for around, function in sublayers(block, allowed, values, values_allowed):
            if layer.norm == "pre":
                x = x + function(normed(x, around.normalization))
            else:
                x = normed(x + function(x), around.normalization)
    return normed(x, layer.last_norm) if layer.norm == "pre" else x


def sublayers(block, allowed, values, values_allowed):
    """Yields what stands around each part of a block, and the part as a function."""
    yield block.around_self, lambda x: attended(x, x, block.self_attention, allowed)
    if values is not None:
        cross = block.cross_attention
        yield block.around_cross, lambda x: attended(x, values, cross, values_allowed)
    yield block.around_feed_forward, lambda x: fed(x, block.feed_forward)


def sinusoids(length, width):
    """Section 3.5."""
    rates = 10000.0 ** (-np.arange(0, width, 2) / width)
    angles = np.arange(length)[:, None] * rates
    found = np.zeros((length, width))
    found[:, 0::2], found[:, 1::2] = np.sin(angles), np.cos(angles)
    return found


def normed(x, layer):
    """Layer normalisation of the last axis (Ba et al., 2016, equation 4)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return centred / deviation * value(layer.gamma) + value(layer.beta)


def attended(x, memory, layer, allowed):
    """Multi-head attention, section 3.2.2."""
    query, key, val = (
        source @ value(getattr(layer, f"{name}_kernel")) + value(getattr(layer, f"{name}_bias"))
        for name, source in (("query", x), ("key", memory), ("value", memory))
    )
    allowed = np.broadcast_to(allowed, (len(x), x.shape[1], memory.shape[1]))
    context, size = np.zeros_like(query), query.shape[-1] // layer.num_heads
    for row, head in np.ndindex(len(x), layer.num_heads):
        at = slice(size * head, size * (head + 1))
        scores = query[row, :, at] @ key[row, :, at].T / np.sqrt(size)
        weights = np.exp(scores) * allowed[row]
        context[row, :, at] = weights / weights.sum(axis=-1, keepdims=True) @ val[row, :, at]
    return context @ value(layer.output_kernel) + value(layer.output_bias)


def fed(x, layer):
    """Equation 2."""
    inner = np.maximum(x @ value(layer.inner.kernel) + value(layer.inner.bias), 0)
    return inner @ value(layer.outer.kernel) + value(layer.outer.bias)

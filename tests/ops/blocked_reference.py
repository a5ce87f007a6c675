"""Dense attention and its gradients in NumPy, row by row from the definitions."""

import keras
import numpy as np
from keras import ops

from keras_attention.ops.dense.blocked import blocked_attention

BATCH, HEADS, QUERY, KEY, DIM, VALUE_DIM = 2, 3, 11, 7, 5, 13
SHAPE = BATCH, HEADS, QUERY, KEY


def arrays(bias_shape=(1, HEADS, QUERY, KEY)):
    """Query, key, value and bias."""
    generator = np.random.default_rng(103)
    shapes = [(BATCH, HEADS, *sizes) for sizes in ((QUERY, DIM), (KEY, DIM), (KEY, VALUE_DIM))]
    return [generator.normal(size=shape).astype("float32") for shape in (*shapes, bias_shape)]


def random_mask(shape, seed=109):
    """Mostly True; some rows of a large mask may attend to nothing."""
    return np.random.default_rng(seed).random(shape) < 0.6


def _allowed(shape, key_mask, attention_mask, causal):
    allowed = np.ones(shape, bool)
    if key_mask is not None:
        allowed &= key_mask[:, None, None, :]
    if attention_mask is not None:
        allowed &= attention_mask
    if causal:
        allowed &= np.tril(np.ones(shape[-2:], bool))
    return allowed


def _weights(query, key, bias, scale, **masks):
    """Softmax over the allowed keys of each row, and the logarithm of its denominator."""
    scores = np.zeros((*query.shape[:3], key.shape[2]))
    for batch, head in np.ndindex(scores.shape[:2]):
        scores[batch, head] = query[batch, head].astype("float64") @ key[batch, head].T
    scores = (1.0 if scale is None else scale) * scores + bias
    allowed = _allowed(scores.shape, **masks)
    weights, logsumexp = np.zeros(scores.shape), np.full(scores.shape[:3], np.finfo("float32").min)
    for place in np.ndindex(scores.shape[:3]):
        row = scores[place][allowed[place]]
        if row.size:
            top = row.max()
            logsumexp[place] = top + np.log(np.exp(row - top).sum())
            weights[place][allowed[place]] = np.exp(row - top) / np.exp(row - top).sum()
    return weights, logsumexp


def reference(
    query,
    key,
    value,
    bias=0.0,
    key_mask=None,
    attention_mask=None,
    causal=False,
    scale=None,
    kept=1.0,
):
    """Context and logsumexp; `kept` is 0 or 1 / (1 - rate)."""
    masks = {"key_mask": key_mask, "attention_mask": attention_mask, "causal": causal}
    weights, logsumexp = _weights(query, key, bias, scale, **masks)
    return (weights * kept) @ value, logsumexp


def reference_gradients(
    query,
    key,
    value,
    bias=None,
    key_mask=None,
    attention_mask=None,
    causal=False,
    scale=None,
    kept=1.0,
):
    """The gradients of `weighted_total`, from the Jacobian of each row's softmax."""
    masks = {"key_mask": key_mask, "attention_mask": attention_mask, "causal": causal}
    weights, _ = _weights(query, key, 0.0 if bias is None else bias, scale, **masks)
    of_context, of_logsumexp = upstream(query.shape, value.shape)
    of_weights = kept * (of_context @ value.swapaxes(-2, -1))
    of_scores = np.zeros(weights.shape)
    for place in np.ndindex(weights.shape[:3]):
        row = weights[place]
        jacobian = np.diag(row) - np.outer(row, row)
        of_scores[place] = jacobian @ of_weights[place] + of_logsumexp[place] * row
    factor = 1.0 if scale is None else scale
    result = [
        factor * of_scores @ key,
        factor * of_scores.swapaxes(-2, -1) @ query,
        (weights * kept).swapaxes(-2, -1) @ of_context,
    ]
    if bias is not None:
        axes = tuple(axis for axis, size in enumerate(bias.shape) if size == 1)
        result.append(of_scores.sum(axis=axes, keepdims=True))
    return result


def upstream(query_shape, value_shape):
    """A direction for the context and one for the logsumexp."""
    generator = np.random.default_rng(113)
    of_context = generator.normal(size=(*query_shape[:3], value_shape[-1]))
    return of_context, generator.normal(size=query_shape[:3])


def total_and_values(inputs, directions=None, key_mask=None, wrap=None, **options):
    """One number made of context and logsumexp, and both of them.

    `key_mask` may be a function of the key, `wrap` a function of the attention that returns one.
    """
    query, key, value, *bias = inputs
    directions = directions or upstream(query.shape, value.shape)

    def attend(query, key, value):
        options["key_mask"] = key_mask(key) if callable(key_mask) else key_mask
        return blocked_attention(query, key, value, bias=bias[0] if bias else None, **options)

    results = (wrap(attend) if wrap else attend)(query, key, value)
    parts = [ops.sum(x * ops.cast(y, x.dtype)) for x, y in zip(results, directions, strict=True)]
    return parts[0] + parts[1], results


def values_and_gradients(inputs, **options):
    """Context and logsumexp, and the gradients of `total_and_values`, on whichever backend runs."""
    inputs = [ops.convert_to_tensor(array) for array in inputs]
    if keras.backend.backend() == "jax":
        import jax

        differentiate = jax.value_and_grad(total_and_values, has_aux=True)
        (_, values), gradients = differentiate(inputs, **options)
        return values, gradients
    if keras.backend.backend() == "torch":
        import torch

        inputs = [x.detach().requires_grad_() for x in inputs]
        total, values = total_and_values(inputs, **options)
        return values, list(torch.autograd.grad(total, inputs))
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total, values = total_and_values(inputs, **options)
    return values, tape.gradient(total, inputs)

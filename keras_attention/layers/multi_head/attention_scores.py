"""The weights of some heads and queries of a multi-head layer, where those of all would not fit."""

from keras import ops

from keras_attention.ops import Masks
from keras_attention.ops.fitting import fit_bias
from keras_attention.ops.masks import rows_at

# How many rows of weights are computed at once, for all heads.
QUERIES_AT_ONCE = 256


def attention_scores(
    layer, query, memory, masks, bias=None, query_positions=None, heads=None, queries=None
):
    """The weights of chosen heads and queries; no others are kept.

    Args:
        layer: A `MultiHeadAttention`, built.
        query: Float tensor of shape `(batch, query, query_dim)`.
        memory: What `layer.project_memory` returned.
        masks: `keras_attention.ops.Masks` of all queries.
        bias: Float tensor that broadcasts to `(batch, heads, query, key)`, or None.
        query_positions: Int32 tensor of shape `(query,)` or `(batch, query)`; 0, 1, ... if None.
        heads: List of head numbers, all if not given.
        queries: List of the numbers of queries, all if not given.

    Returns:
        Weights of shape `(batch, heads, queries, key)`, the heads and queries in the order in which
        they were asked for, without dropout.

    Raises:
        ValueError: If a head or a query is not there, or a mask or the bias does not fit.
    """
    heads = _chosen("heads", heads, layer.num_heads)
    queries = _chosen("queries", queries, query.shape[1])
    shape = layer._scores_shape(query, memory)
    masks, bias = masks.fitted(shape), fit_bias(bias, shape)
    if query_positions is None:
        query_positions = ops.arange(query.shape[1], dtype="int32")
    # With a batch axis: only positions without gaps may do without.
    stand = ops.reshape(query_positions, (-1, query.shape[1]))
    blocks = []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        chosen = ops.convert_to_tensor(queries[start : start + QUERIES_AT_ONCE], "int32")
        _, weights = layer.attend(
            ops.take(query, chosen, axis=1),
            memory,
            masks.at(chosen),
            bias=rows_at(bias, chosen, axis=2),
            query_positions=ops.take(stand, chosen, axis=1),
        )
        blocks.append(ops.take(weights, heads, axis=1))
    return ops.concatenate(blocks, axis=2)


def masks_of_call(tensors, tensor_masks, attention_mask=None, causal=False):
    """The masks that a call of a layer would have: where none is given, Keras' implicit one.

    Args:
        tensors: Query, value and key of the call, None where they were not given.
        tensor_masks: Query mask, value mask and key mask of the call, likewise.
        attention_mask: As in the call.
        causal: `use_causal_mask`.

    Returns:
        A `keras_attention.ops.Masks`.
    """
    query_mask, value_mask, key_mask = (
        getattr(tensor, "_keras_mask", None) if mask is None else mask
        for tensor, mask in zip(tensors, tensor_masks, strict=True)
    )
    return Masks(query_mask, value_mask, attention_mask, causal).with_keys(key_mask)


def _chosen(name, numbers, size):
    """A list of numbers below `size`; all of them for None."""
    numbers = list(range(size)) if numbers is None else list(numbers)
    if not numbers or not all(0 <= number < size for number in numbers):
        raise ValueError(
            f"Expected `{name}` to hold numbers from 0 to {size - 1}. Received: {name}={numbers}"
        )
    return numbers

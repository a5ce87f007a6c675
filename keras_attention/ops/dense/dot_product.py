"""The dot-product family: scores, weighted sum, and both together."""

from keras import ops

from keras_attention.ops.normalizers import softmax
from keras_attention.ops.precision import at_least_float32


def dot_product_scores(query, key, scale=None):
    """The dot product of each query with each key, `scale * query . key`.

    The scores of half-precision inputs are float32: a sum of products soon leaves float16.

    Args:
        query: Float tensor of shape `(batch, query, dim)`, or with a heads axis second.
        key: Float tensor of shape `(batch, key, dim)`, or with a heads axis second; several query
            heads in a row may share one key head.
        scale: A number that multiplies the scores, or None for the plain product.

    Returns:
        Scores of shape `(batch, query, key)`, or `(batch, heads, query, key)`.

    Reference:
        Luong, Pham and Manning, 2015, section 3.1 ("dot"); Vaswani et al., 2017, equation 1.
    """
    query, key = at_least_float32(query), at_least_float32(key)
    if scale is not None:
        query = query * scale
    return _matmul_by_heads(query, ops.swapaxes(key, -2, -1))


def weighted_sum(weights, value):
    """The context: the sum of the values, each times its weight.

    Args:
        weights: Float tensor of shape `(batch, query, key)`, or with a heads axis second.
        value: Float tensor of shape `(batch, key, value_dim)`, or with a heads axis second; several
            heads of weights in a row may share one value head.

    Returns:
        Context of shape `(batch, query, value_dim)`, in the dtype of `value`.
    """
    return _matmul_by_heads(ops.cast(weights, value.dtype), value)


def _matmul_by_heads(x, memory):
    """`x memory`; the heads of `x` that share a head of `memory` are rows of one, without a copy.

    Args:
        x: Float tensor of shape `(batch, query, dim)`, or with a heads axis second.
        memory: Float tensor of shape `(batch, dim, size)`, or with a heads axis second.

    Returns:
        Float tensor of shape `(batch, query, size)`, or with the heads axis of `x`.
    """
    if len(x.shape) < 4 or x.shape[1] == memory.shape[1]:
        return ops.matmul(x, memory)
    batch, heads, length, dim = ops.shape(x)
    groups, size = ops.shape(memory)[1], ops.shape(memory)[3]
    # Of an empty tensor a reshape cannot find the rows out.
    rows = heads // groups * length if 0 in tuple(x.shape) else -1
    product = ops.matmul(ops.reshape(x, (batch, groups, rows, dim)), memory)
    return ops.reshape(product, (batch, heads, length, size))


def dot_product_attention(query, key, value, mask=None, scale=None):
    """Attention with dot-product scores and softmax weights.

    `context = softmax(scale * query key^T) value`. Unlike `keras.ops.dot_product_attention` the
    scores are not scaled unless `scale` is given, and the weights are returned too.

    Args:
        query: Float tensor of shape `(batch, query, dim)`, or with a heads axis second.
        key: Float tensor of shape `(batch, key, dim)`, or with a heads axis second.
        value: Float tensor of shape `(batch, key, value_dim)`, or with a heads axis second.
        mask: Bool tensor that broadcasts to `(batch, query, key)`, True = may attend, or None.
        scale: A number that multiplies the scores, or None.

    Returns:
        Pair of context `(batch, query, value_dim)` and weights `(batch, query, key)`, both in the
        dtype of `value`.

    Example:

    >>> from keras import random
    >>> from keras_attention.ops import dot_product_attention
    >>> query, memory = random.normal((2, 3, 7)), random.normal((2, 5, 7))
    >>> context, weights = dot_product_attention(query, memory, memory, scale=7**-0.5)
    >>> tuple(context.shape), tuple(weights.shape)
    ((2, 3, 7), (2, 3, 5))
    """
    value = ops.convert_to_tensor(value)
    weights = ops.cast(softmax(dot_product_scores(query, key, scale), mask), value.dtype)
    return weighted_sum(weights, value), weights

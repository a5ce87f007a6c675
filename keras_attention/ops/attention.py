"""The dot-product family: scores, weighted sum, and both together."""

from keras import ops

from keras_attention.ops.heads import group_rows, ungroup_rows
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
    if len(query.shape) < 4:
        return ops.matmul(query, ops.swapaxes(key, -2, -1))
    heads = query.shape[1]
    return ungroup_rows(
        ops.matmul(group_rows(query, key.shape[1]), ops.swapaxes(key, -2, -1)), heads
    )


def weighted_sum(weights, value):
    """The context: the sum of the values, each times its weight.

    Args:
        weights: Float tensor of shape `(batch, query, key)`, or with a heads axis second.
        value: Float tensor of shape `(batch, key, value_dim)`, or with a heads axis second; several
            heads of weights in a row may share one value head.

    Returns:
        Context of shape `(batch, query, value_dim)`, in the dtype of `value`.
    """
    weights = ops.cast(weights, value.dtype)
    if len(weights.shape) < 4:
        return ops.matmul(weights, value)
    heads = weights.shape[1]
    return ungroup_rows(ops.matmul(group_rows(weights, value.shape[1]), value), heads)


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

"""Linear attention: weights that are dot products of features, summed in the cheap order."""

from keras import ops

from keras_attention.ops.fitting import as_bool
from keras_attention.ops.precision import at_least_float32

# Chunks whose sums are added up by one matrix product, which is faster than a cumulative sum.
GROUP = 16
# The logarithm under which a feature counts as this: the product of two such features is still a
# number of float32.
LOWEST_LOG = -40.0


def elu_features(x):
    """The feature map `elu(x) + 1`: `x + 1` above zero, `exp(x)` below.

    Features below `exp(-40)` count as `exp(-40)`, so that no product of two of them is zero.

    Args:
        x: Float tensor of any shape.

    Returns:
        Positive features of the shape of `x`, at least float32.

    Reference:
        Katharopoulos et al., 2020, "Transformers are RNNs: Fast Autoregressive Transformers with
        Linear Attention", equation 7.
    """
    x = at_least_float32(x)
    # As `expm1(x) + 1` everything below -17 would be zero in float32. One branch alone has the
    # gradient at zero, where both would be the same.
    return ops.where(x >= 0.0, x + 1.0, ops.exp(ops.clip(x, LOWEST_LOG, 0.0)))


def linear_weights(query, key, mask=None):
    """The weights that linear attention implies, as one block.

    `weights[i, j] = query[i] . key[j] / sum_n query[i] . key[n]`, over the allowed positions.

    Args:
        query: Features of the queries, not negative, `(batch, heads, query, features)`.
        key: Features of the keys, not negative, `(batch, heads, key, features)`.
        mask: Bool tensor that broadcasts to `(batch, heads, query, key)`, True = may attend, or
            None.

    Returns:
        Weights of shape `(batch, heads, query, key)`, at least float32. A row that may attend to
        nothing is zero.

    Reference:
        Katharopoulos et al., 2020, equations 3 and 4.
    """
    query, key = at_least_float32(query), at_least_float32(key)
    products = ops.matmul(query, ops.swapaxes(key, -2, -1))  # (batch, heads, query, key)
    if mask is not None:
        products = ops.where(mask, products, 0.0)
    return divide_rows(products, ops.sum(products, axis=-1, keepdims=True))


def linear_attention(query, key, value, key_mask=None, causal=False):
    """Attention with the weights of `linear_weights`, in time linear in the length.

    `context[i] = query[i] (sum_j key[j] value[j]^T) / query[i] . sum_j key[j]`, `j <= i` where
    `causal`. The sums over `j` are made once: nothing of the size of queries times keys. A causal
    pass goes by chunks of positions, all pairs inside a chunk and the sum of the chunks before it,
    instead of the paper's sum per position, which would hold `features * value_dim` numbers for
    each position in training.

    Args:
        query: Features of the queries, not negative, `(batch, heads, query, features)`. The context
            of a query whose features are all zero is zero.
        key: Features of the keys, not negative, `(batch, heads, key, features)`.
        value: Float tensor of shape `(batch, heads, key, value_dim)`.
        key_mask: Bool tensor of shape `(batch, key)`, True = may be attended to, or None.
        causal: Whether position `i` attends to no position after `i`.

    Returns:
        Context of shape `(batch, heads, query, value_dim)`, in the dtype of `value`; sums are at
        least float32.

    Example:

    >>> from keras import ops, random
    >>> from keras_attention.ops import linear_attention
    >>> features = ops.exp(random.normal((2, 3, 7, 5)))
    >>> tuple(linear_attention(features, features, random.normal((2, 3, 7, 11))).shape)
    (2, 3, 7, 11)

    Reference:
        Katharopoulos et al., 2020, equations 5, 6 and 8 to 12.
    """
    value = ops.convert_to_tensor(value)
    query, key, values = at_least_float32(query), at_least_float32(key), at_least_float32(value)
    if key_mask is not None:
        key = ops.where(as_bool(key_mask, "key_mask")[:, None, :, None], key, 0.0)
    sums, norm = (_causal_sums if causal else _sums)(query, key, values)
    return ops.cast(divide_rows(sums, norm), value.dtype)


def divide_rows(sums, norm):
    """`sums / norm`, and zero in rows where the norm is zero.

    Args:
        sums: Float tensor of shape `(..., query, dim)`.
        norm: Float tensor of shape `(..., query, 1)`, not negative.

    Returns:
        Float tensor of the shape of `sums`.
    """
    some = norm > 0.0
    return _quotient(ops.where(some, sums, 0.0), ops.where(some, norm, 1.0))


@ops.custom_gradient
def _quotient(sums, norm):
    """`sums / norm`; JAX' own gradient has the inverse square, infinite where a norm is small."""
    quotient = sums / norm

    def gradient(*args, upstream=None):
        if upstream is None:  # the Torch backend passes it by name
            (upstream,) = args
        of_sums = upstream / norm
        return of_sums, -ops.sum(of_sums * quotient, axis=-1, keepdims=True)

    return quotient, gradient


def _sums(query, key, value):
    """`sum_j query[i] . key[j] value[j]` and `sum_j query[i] . key[j]`, over all positions."""
    of_values = ops.matmul(ops.swapaxes(key, -2, -1), value)  # (batch, heads, features, value_dim)
    of_ones = ops.expand_dims(ops.sum(key, axis=2), axis=-1)  # (batch, heads, features, 1)
    return ops.matmul(query, of_values), ops.matmul(query, of_ones)


def _causal_sums(query, key, value):
    """The sums of `_sums`, over positions `j <= i`."""
    length = ops.shape(query)[2]
    size = _chunk_size(query.shape[-1], value.shape[-1])
    query, key, value = (_in_chunks(x, _parts(length, size), size) for x in (query, key, value))
    transposed = ops.swapaxes(key, -2, -1)  # (batch, heads, chunks, features, size)
    products = ops.matmul(query, transposed)  # (batch, heads, chunks, size, size)
    products = ops.where(_lower_triangle(size), products, 0.0)
    of_values = _sum_of_earlier(ops.matmul(transposed, value))
    of_ones = _sum_of_earlier(ops.sum(transposed, axis=-1, keepdims=True))
    sums = ops.matmul(products, value) + ops.matmul(query, of_values)
    norm = ops.sum(products, axis=-1, keepdims=True) + ops.matmul(query, of_ones)
    return _as_rows(sums, length), _as_rows(norm, length)


def _chunk_size(features, value_dim):
    """Positions to a chunk: its pairs then take as much room as its sum."""
    size = 8
    while size * size < features * value_dim:
        size *= 2
    return size


def _parts(length, size):
    return (length + size - 1) // size


def _in_chunks(x, chunks, size):
    """`(batch, heads, length, dim)` to `(batch, heads, chunks, size, dim)`, zeros at the end.

    What lies behind the last chunk is left out: no query may attend to it.
    """
    x = x[:, :, : chunks * size]
    batch, heads, length, dim = ops.shape(x)
    if not isinstance(length, int) or length < chunks * size:
        x = ops.pad(x, ((0, 0), (0, 0), (0, chunks * size - length), (0, 0)))
    return ops.reshape(x, (batch, heads, chunks, size, dim))


def _as_rows(x, length):
    """The inverse of `_in_chunks`."""
    batch, heads, chunks, size, dim = ops.shape(x)
    return ops.reshape(x, (batch, heads, chunks * size, dim))[:, :, :length]


def _lower_triangle(size, below=0):
    """Bool `(size, size)`: True at columns that are at least `below` before their row."""
    positions = ops.arange(size, dtype="int32")
    return ops.expand_dims(positions, axis=-1) - below >= positions


def _sum_of_earlier(x):
    """At each chunk of `(batch, heads, chunks, rows, columns)`, the sum of the chunks before."""
    batch, heads, chunks, rows, columns = ops.shape(x)
    x = ops.reshape(x, (batch, heads, chunks, rows * columns))
    x = _in_chunks(x, _parts(chunks, GROUP), GROUP)  # (batch, heads, groups, GROUP, numbers)
    inside = ops.matmul(ops.cast(_lower_triangle(GROUP, below=1), x.dtype), x)
    sums = ops.cumsum(ops.sum(x, axis=3, keepdims=True), axis=2)
    # Shifted and not subtracted: what comes later must not round what came before.
    before = ops.concatenate([ops.zeros_like(sums[:, :, :1]), sums[:, :, :-1]], axis=2)
    return ops.reshape(_as_rows(inside + before, chunks), (batch, heads, chunks, rows, columns))

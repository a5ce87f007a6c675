"""How far keys stand from queries: distances, their buckets and slopes, and the relative shift.

What depends on the distance alone has only `query + key - 1` different values for each query, not
`query * key`. `relative_line` lists these distances, and `relative_shift` lays values on the line
out as `(query, key)`; `relative_unshift` is its transpose. Both need positions that count without
gaps, which is what positions of shape `(length,)` promise.
"""

import numpy as np
from keras import ops


def relative_positions(query_positions, key_positions):
    """How far each key stands behind each query, `key - query`.

    Args:
        query_positions: Int32 tensor of shape `(query,)` or `(batch, query)`.
        key_positions: Int32 tensor of shape `(key,)` or `(batch, key)`.

    Returns:
        Int32 tensor of shape `(1, query, key)` or `(batch, query, key)`.
    """
    queries = ops.expand_dims(query_positions, axis=-1)  # (..., query, 1)
    relative = ops.expand_dims(key_positions, axis=-2) - queries
    return ops.expand_dims(relative, axis=0) if len(relative.shape) == 2 else relative


def past_mask(query_positions, key_positions, reach=None):
    """The past, the present, and nothing that lies too far back.

    Args:
        query_positions: Int32 tensor of shape `(query,)` or `(batch, query)`.
        key_positions: Int32 tensor of shape `(key,)` or `(batch, key)`.
        reach: How many positions before its own a query may attend to; all if not given.

    Returns:
        Bool tensor of shape `(1, query, key)` or `(batch, query, key)`, True = may attend.
    """
    relative = relative_positions(query_positions, key_positions)
    mask = relative <= 0
    return mask if reach is None else ops.logical_and(mask, relative >= -reach)


def counts_without_gaps(query_positions, key_positions):
    """Whether both are of shape `(length,)`, and so count up by one.

    Args:
        query_positions: Int32 tensor of shape `(query,)` or `(batch, query)`.
        key_positions: Int32 tensor of shape `(key,)` or `(batch, key)`.

    Returns:
        A Python bool.
    """
    return len(query_positions.shape) == 1 and len(key_positions.shape) == 1


def relative_line(query_positions, key_positions):
    """All distances `key - query` there are, in ascending order.

    Args:
        query_positions: Int32 tensor of shape `(query,)` that counts without gaps.
        key_positions: Int32 tensor of shape `(key,)` that counts without gaps.

    Returns:
        Int32 tensor of shape `(query + key - 1,)`.
    """
    to_first_key = key_positions[:1] - ops.flip(query_positions)  # (query,)
    return ops.concatenate([to_first_key, key_positions[1:] - query_positions[:1]], axis=0)


def relative_shift(x):
    """From values on the line of distances to values of query and key.

    `shifted[i, j] = x[i, j - i + query - 1]`, as a reshape: rows one longer than they should be
    slip by one from row to row (Dai et al., 2019, appendix B).

    Args:
        x: Tensor of shape `(batch, heads, query, query + key - 1)`, the last axis as
            `relative_line` orders it.

    Returns:
        Tensor of shape `(batch, heads, query, key)`.

    Example:

    >>> import numpy as np
    >>> from keras_attention.ops.relative_positions import relative_shift
    >>> line = np.broadcast_to(np.arange(-2.0, 4.0), (1, 1, 3, 6))  # 3 queries, 4 keys
    >>> print(np.array(relative_shift(line))[0, 0])
    [[ 0.  1.  2.  3.]
     [-1.  0.  1.  2.]
     [-2. -1.  0.  1.]]
    """
    batch, heads, queries, line = _sizes(x)
    longer = ops.concatenate([x, ops.zeros_like(x[..., :1])], axis=-1)
    flat = ops.reshape(longer, (batch, heads, queries * (line + 1)))
    flat = flat[..., queries - 1 : queries - 1 + queries * line]
    return ops.reshape(flat, (batch, heads, queries, line))[..., : line - queries + 1]


def relative_unshift(x):
    """From values of query and key to values on the line of distances, zero where no key stands.

    `line[i, j - i + query - 1] = x[i, j]`: what `relative_shift` does, undone.

    Args:
        x: Tensor of shape `(batch, heads, query, key)`.

    Returns:
        Tensor of shape `(batch, heads, query, query + key - 1)`, the last axis as `relative_line`
        orders it.
    """
    batch, heads, queries, keys = _sizes(x)
    line = queries + keys - 1
    padded = ops.concatenate([x, _zeros(x, (batch, heads, queries, queries - 1))], axis=-1)
    flat = ops.reshape(padded, (batch, heads, queries * line))
    before, after = (_zeros(x, (batch, heads, size)) for size in (queries - 1, 1))
    flat = ops.concatenate([before, flat, after], axis=-1)
    return ops.reshape(flat, (batch, heads, queries, line + 1))[..., :line]


def _sizes(x):
    """Integers where they are known, scalar tensors where not."""
    sizes = ops.shape(x)
    return tuple(sizes[axis] for axis in range(4))


def _zeros(like, shape):
    return ops.zeros(shape, dtype=like.dtype)


def alibi_slopes(num_heads):
    """How much each head's scores fall with every step of distance.

    `2 ** (-8 i / num_heads)`, `i = 1, 2, ...`, where `num_heads` is a power of two (Press et al.,
    2022, section 3). Otherwise those of the next lower power of two, and then every other one of
    the next higher power, as in the authors' code.

    Args:
        num_heads: Number of heads.

    Returns:
        NumPy float64 array of shape `(num_heads,)`.

    Example:

    >>> from keras_attention.ops.relative_positions import alibi_slopes
    >>> [float(slope) for slope in alibi_slopes(3)]
    [0.0625, 0.00390625, 0.25]
    """
    power = 2 ** (num_heads.bit_length() - 1)
    between = _slopes_of_power(2 * power)[::2][: num_heads - power]
    return np.concatenate([_slopes_of_power(power), between])


def _slopes_of_power(power):
    return 2.0 ** (-8.0 * np.arange(1, power + 1) / power)


def relative_buckets(relative, num_buckets=32, max_distance=128, bidirectional=True):
    """Distances sorted into buckets: one each for the near ones, wider and wider ones farther out.

    With `n = num_buckets`, half of that where `bidirectional`: distances below `n / 2` have buckets
    of their own; a distance `d` from there on falls into bucket
    `n / 2 + floor(log(d / (n / 2)) / log(max_distance / (n / 2)) * n / 2)`, at most `n - 1`
    (Raffel et al., 2020, section 2.1). Keys behind the query have the upper half of the buckets
    where `bidirectional`; otherwise they all share bucket 0 with the query's own position.

    The limits of the buckets are computed in whole numbers, so that no rounding moves them.

    Args:
        relative: Int32 tensor `key - query` of any shape.
        num_buckets: Number of buckets.
        max_distance: From here on all distances share the last bucket.
        bidirectional: Whether keys before and behind the query have buckets of their own.

    Returns:
        Int32 tensor of the shape of `relative`.
    """
    buckets = num_buckets // 2 if bidirectional else num_buckets
    distance = ops.abs(relative) if bidirectional else ops.maximum(-relative, 0)
    table = _bucket_table(buckets, max_distance)
    found = ops.take(table, ops.minimum(distance, max_distance), axis=0)
    return found + buckets * ops.cast(relative > 0, "int32") if bidirectional else found


def _bucket_table(buckets, max_distance):
    """The bucket of each distance from 0 to `max_distance`."""
    near = buckets // 2
    wide = buckets - near
    # floor(log(d / near) / log(max_distance / near) * wide) >= m, without logarithms.
    limits = [near ** (wide - m) * max_distance**m for m in range(1, wide)]
    table = [
        d if d < near else near + sum(d**wide >= limit for limit in limits)
        for d in range(max_distance + 1)
    ]
    return np.array(table, "int32")

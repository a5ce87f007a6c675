"""Additive scores, in chunks of query positions where the whole block would be large."""

import math

from keras import ops

from keras_attention.ops.accelerator import piece_bytes
from keras_attention.ops.precision import at_least_float32

# A block of tanh values `(batch, chunk, key, units)` that still stays in a processor's cache.
CHUNK_BYTES = 4 * 2**20


def additive_scores(query, key, v, bias=None):
    """The scores of a one-layer perceptron over each query and key, both projected already.

    `scores[i, j] = v . tanh(query[i] + key[j] + bias)`

    The tanh values of all pairs would fill `(batch, query, key, units)`. Where that is large, only
    a few query positions are computed at a time, in the backward pass again; the result is the
    same. Where a size is not known before the run, one query position is computed at a time.

    Args:
        query: Projected queries, float tensor of shape `(batch, query, units)`.
        key: Projected keys, float tensor of shape `(batch, key, units)`.
        v: Float tensor of shape `(units,)`.
        bias: Float tensor of shape `(units,)`, or None.

    Returns:
        Scores of shape `(batch, query, key)`, float32 for half-precision inputs.

    Reference:
        Bahdanau, Cho and Bengio, 2015, "Neural Machine Translation by Jointly Learning to Align
        and Translate", appendix A.1.2.
    """
    query, key, v = at_least_float32(query), at_least_float32(key), at_least_float32(v)
    if bias is not None:
        query = query + at_least_float32(bias)
    rows = _rows_per_chunk(tuple(query.shape), tuple(key.shape))
    if rows is None:
        return _block_scores(query, key, v)
    return _chunked_scores(query, key, v, rows)


def _rows_per_chunk(query_shape, key_shape):
    """The number of query positions to compute at a time, or None for all of them."""
    batch, query_length, units = query_shape
    key_length = key_shape[1]
    if query_length == 1:
        return None
    # Where JAX exports, a size that is not known is no None but a name.
    if not all(isinstance(size, int) for size in (batch, query_length, key_length)):
        return 1
    row_bytes = 4 * max(1, batch * key_length * units)
    if query_length * row_bytes <= CHUNK_BYTES:  # small on every kind of device
        return None
    rows = max(1, piece_bytes(CHUNK_BYTES) // row_bytes)
    return None if rows >= query_length else rows


def _hidden(query, key):
    query = ops.expand_dims(query, axis=2)  # (batch, query, 1, units)
    key = ops.expand_dims(key, axis=1)  # (batch, 1, key, units)
    return ops.tanh(query + key)  # (batch, query, key, units)


def _block_scores(query, key, v):
    hidden = _hidden(query, key)
    return ops.squeeze(ops.matmul(hidden, ops.expand_dims(v, axis=-1)), axis=-1)


def _block_gradients(query, key, v, upstream):
    """The gradients of one block with respect to query, key and v."""
    hidden = _hidden(query, key)  # (batch, query, key, units)
    upstream = ops.expand_dims(upstream, axis=-1)  # (batch, query, key, 1)
    v_gradient = ops.sum(upstream * hidden, axis=(0, 1, 2))
    inner = upstream * (1.0 - ops.square(hidden)) * v
    return ops.sum(inner, axis=2), ops.sum(inner, axis=1), v_gradient


def _chunked_scores(query, key, v, rows):
    """The same scores, `rows` query positions at a time, forwards and backwards."""

    @ops.custom_gradient
    def scores(query, key, v):
        def gradient(*args, upstream=None):
            if upstream is None:  # the Torch backend passes it by name
                (upstream,) = args
            return _chunked_gradients(query, key, v, upstream, rows)

        chunks = ops.map(lambda chunk: _block_scores(chunk, key, v), _split(query, rows))
        return _join(chunks, ops.shape(query)[1]), gradient

    return scores(query, key, v)


def _chunked_gradients(query, key, v, upstream, rows):
    query_chunks, upstream_chunks = _split(query, rows), _split(upstream, rows)

    def add_chunk(index, gradients):
        query_gradients, key_gradient, v_gradient = gradients
        of_query, of_key, of_v = _block_gradients(
            query_chunks[index], key, v, upstream_chunks[index]
        )
        query_gradients = ops.slice_update(
            query_gradients, (index, 0, 0, 0), ops.expand_dims(of_query, axis=0)
        )
        return query_gradients, key_gradient + of_key, v_gradient + of_v

    zeros = ops.zeros_like(query_chunks), ops.zeros_like(key), ops.zeros_like(v)
    gradients = ops.fori_loop(0, ops.shape(query_chunks)[0], add_chunk, zeros)
    return _join(gradients[0], ops.shape(query)[1]), gradients[1], gradients[2]


def _split(x, rows):
    """`(batch, length, size)` to `(chunks, batch, rows, size)`, zeros behind the last position."""
    length = x.shape[1]
    if length is not None and length % rows:
        x = ops.pad(x, ((0, 0), (0, math.ceil(length / rows) * rows - length), (0, 0)))
    batch, length, size = ops.shape(x)
    chunks = ops.reshape(x, (batch, length // rows, rows, size))
    return ops.transpose(chunks, (1, 0, 2, 3))


def _join(chunks, length):
    """The inverse of `_split`."""
    count, batch, rows, size = ops.shape(chunks)
    x = ops.reshape(ops.transpose(chunks, (1, 0, 2, 3)), (batch, count * rows, size))
    return x[:, :length]

"""The best of many, cheaply."""

import math

from keras import ops

# With fewer numbers for each one that is sought, a plain `top_k` is as fast.
WORTH_CHUNKS = 64


def top_k(x, k):
    """The `k` highest numbers of each row and where they stand; of equal ones, the first.

    The same as `keras.ops.top_k`, which ranks long rows slowly on a processor. A row is cut into
    chunks instead: the `k` highest numbers stand in the `k` chunks with the highest maxima, and
    only these are ranked. The highest alone is found by way of the maximum.

    Args:
        x: Float tensor of shape `(rows, length)`, the length static, without NaN.
        k: Integer of at most the length.

    Returns:
        Pair of values and int32 places, both `(rows, k)`, the highest first.
    """
    length = x.shape[-1]
    if k == 1:
        return _highest(x)
    if length < WORTH_CHUNKS * k:
        values, places = ops.top_k(x, k)
        return values, ops.cast(places, "int32")
    size = _chunk_size(length, k)
    chunks = math.ceil(length / size)
    if chunks * size > length:
        x = ops.pad(x, ((0, 0), (0, chunks * size - length)), constant_values=-math.inf)
    x = ops.reshape(x, (-1, chunks, size))
    _, best = ops.top_k(ops.max(x, axis=-1), k)
    # In the order of the row, so that the first of equal numbers stays the first.
    best = ops.sort(ops.cast(best, "int32"), axis=-1)  # (rows, k)
    rows = ops.expand_dims(ops.arange(ops.shape(x)[0], dtype="int32"), axis=-1)  # (rows, 1)
    candidates = ops.take(ops.reshape(x, (-1, size)), rows * chunks + best, axis=0)
    values, places = ops.top_k(ops.reshape(candidates, (-1, k * size)), k)
    places = ops.cast(places, "int32")
    chunk = ops.take(ops.reshape(best, (-1,)), rows * k + places // size, axis=0)
    places = ops.reshape(chunk, (-1, k)) * size + places % size
    # Torch may take any of equal numbers, of minus infinities one behind the row.
    return values, ops.minimum(places, length - 1)


def _highest(x):
    length = x.shape[-1]
    values = ops.max(x, axis=-1, keepdims=True)
    # Not by `argmax`: tf2onnx cannot write that of floats, GPUs have none of integers. The first of
    # the highest has the most places from itself to the end; a product, as `where` is slow in ONNX.
    to_end = ops.arange(length, 0, -1, dtype="int32")
    to_end = ops.max(ops.cast(ops.equal(x, values), "int32") * to_end, axis=-1, keepdims=True)
    return values, ops.minimum(length - to_end, length - 1)


def _chunk_size(length, k):
    """About as many chunks as numbers in the best ones; without a rest, where that is possible."""
    size = max(1, round(math.sqrt(length / k)))
    return next((n for n in range(size, 2 * size) if length % n == 0), size)

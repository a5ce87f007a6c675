"""Attention in blocks, one stretch of the sequence after the other."""

from keras import ops

from keras_attention.ops.accelerator import piece_bytes
from keras_attention.ops.block_views import cut_or_filled
from keras_attention.ops.fitting import as_bool

# Scores of a stretch, in bytes, that still stay in a processor's cache.
STRETCH_BYTES = 2 * 2**20


def attend_in_stretches(call, attend, size, left, right, keys, at_once=False):
    """What `attend` gives for each stretch of queries, joined; the same as `attend(call)`.

    Args:
        call: A `PatternCall`.
        attend: Function from a `PatternCall` to the pair of context and rows.
        size: Number of positions in a block.
        left: How many blocks before it a block looks at.
        right: How many blocks behind it.
        keys: How many scores a query has in all.
        at_once: Whether all is to be one stretch.

    Returns:
        Pair of context `(batch, heads, query, value_dim)` and rows, a bool tensor that broadcasts
        to `(batch, query)`.
    """
    step = None if at_once else blocks_at_once(call, size, keys)
    if step is None:
        return attend(call)
    length, halo = step * size, left * size
    near = halo + length + right * size
    count = -(-call.query_length // length)
    queries = cut_or_filled(call.query, 0, count * length)
    sources = [call.key, call.value]
    if call.masks.key is not None:
        sources.append(ops.cast(as_bool(call.masks.key, "value_mask"), "int32")[:, None, :, None])
    sources = [cut_or_filled(x, halo, (count - 1) * length + near) for x in sources]

    def attend_one(start):
        key, value, *mask = (_slice(x, start, near) for x in sources)
        mask = ops.cast(mask[0][:, 0, :, 0], "bool") if mask else None
        query = _slice(queries, start, length)
        return attend(call.stretch(query, key, value, mask, start, halo))

    starts = ops.arange(count, dtype="int32") * length
    context, rows = ops.map(attend_one, starts)  # (count, batch, heads, length, dim)
    return _join(context, 2, call.query_length), _join(rows, 1, call.query_length)


def blocks_at_once(call, size, keys):
    """How many blocks of queries fit into a stretch.

    Args:
        call: A `PatternCall`.
        size: Number of positions in a block.
        keys: How many scores a query has.

    Returns:
        An integer, or None where all fit, or where a length is not known before the run. A batch
        that is not known counts as one sentence.
    """
    batch, heads, length, _ = call.query.shape
    # Where JAX exports, a size that is not known is no None but a name.
    if not (isinstance(length, int) and isinstance(keys, int)):
        return None
    sentences = batch if isinstance(batch, int) else 1
    most = max(1, piece_bytes(STRETCH_BYTES) // (4 * max(1, sentences) * heads * size * keys))
    if most * size >= length:
        return None
    # Stretches of one length, where they can be, need no filling up.
    divisors = (step for step in range(most, most // 2, -1) if length % (step * size) == 0)
    return next(divisors, most)


def _slice(x, start, length):
    """`length` positions of `(batch, heads, length, dim)` from `start`, a scalar tensor."""
    batch, heads, _, dim = ops.shape(x)
    return ops.slice(x, (0, 0, start, 0), (batch, heads, length, dim))


def _join(stretches, axis, length):
    """The stretches, which the first axis counts, one after the other along `axis`."""
    x = ops.moveaxis(stretches, 0, axis)
    shape = ops.shape(x)
    x = ops.reshape(x, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))
    return x[:, :, :length] if axis == 2 else x[:, :length]

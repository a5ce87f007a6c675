"""One call of a sparse attention: what is attended to, and all that rules positions out.

A pattern says which query attends to which key, by their positions alone. `<name>_allowed` is its
definition, elementwise: two int32 tensors of positions that broadcast against each other, and a
bool tensor, True = may attend. `<name>_mask` is the same for all positions of two lengths,
`(1, query, key)`. `<name>_attention` computes only what the pattern allows. They stand in `window`,
`strided` and `block_sparse`. No pattern is causal by itself; a causal mask beside it makes it so.
"""

from keras import ops

from keras_attention.ops.accelerator import piece_bytes
from keras_attention.ops.dense.projection import repeat_heads
from keras_attention.ops.fitting import as_bool
from keras_attention.ops.masks import NO_MASKS, Masks
from keras_attention.ops.normalizers import softmax
from keras_attention.ops.precision import at_least_float32

# Scores of a stretch, in bytes, that still stay in a processor's cache.
STRETCH_BYTES = 2 * 2**20


class PatternCall:
    """The arguments that every sparse attention has, and the algebra of any part of it.

    Args:
        query: Float tensor of shape `(batch, heads, query, dim)`.
        key: Float tensor of shape `(batch, key_heads, key, dim)`.
        value: Float tensor of shape `(batch, key_heads, key, value_dim)`.
        allowed: The pattern, a function of query and key positions.
        masks: `keras_attention.ops.Masks`.
        scale: A number that multiplies the scores, or None.
        weigh: Function `(scores, mask) -> weights` over the last axis of
            `(batch, heads, query, some keys)`.
        bias: Function `(query, query_positions, key_positions)` that gives what is added to the
            scores, as `Position.bias` does, or None. It may look at distances only.

    Attributes:
        query_start: The position of the first query.
        halo: How many positions before it the first key stands.
        key_end: The number of keys of the whole sequence.
        whole: The call that this one is a stretch of, or itself.
    """

    def __init__(
        self, query, key, value, allowed, masks=NO_MASKS, scale=None, weigh=softmax, bias=None
    ):
        self.query = ops.convert_to_tensor(query)
        heads = self.query.shape[1]
        self.key = repeat_heads(ops.convert_to_tensor(key), heads)
        self.value = repeat_heads(ops.convert_to_tensor(value), heads)
        self.allowed = allowed
        self.scale = scale
        self.weigh = weigh
        self.bias = bias
        # Integers where they are known.
        self.query_length = ops.shape(self.query)[2]
        self.key_length = ops.shape(self.key)[2]
        shape = (*ops.shape(self.query)[:2], self.query_length, self.key_length)
        self.masks = masks.fitted(shape)
        self.query_start, self.halo, self.key_end = 0, 0, self.key_length
        self.whole = self

    def stretch(self, query, key, value, key_mask, query_start, halo):
        """The same attention for a stretch of the queries, and the keys near them.

        Args:
            query: Float tensor of shape `(batch, heads, stretch, dim)`.
            key: Float tensor of shape `(batch, heads, near, dim)`.
            value: Float tensor of shape `(batch, heads, near, value_dim)`.
            key_mask: Bool tensor of shape `(batch, near)`, or None.
            query_start: The position of the first query.
            halo: How many positions before it the first key stands.

        Returns:
            A `PatternCall`, this one its `whole`.
        """
        masks = Masks(key=key_mask, causal=self.masks.causal)
        rest = self.allowed, masks, self.scale, self.weigh, self.bias
        call = PatternCall(query, key, value, *rest)
        call.query_start, call.halo, call.key_end = query_start, halo, self.key_end
        call.whole = self
        return call

    def is_dense(self, keys):
        """Whether computing only what is allowed would save nothing.

        Args:
            keys: How many scores a query would have, an integer.

        Returns:
            A bool.
        """
        is_short = isinstance(self.key_length, int) and self.key_length <= keys
        return is_short or self.masks.attention is not None

    def visible(self, query_positions, key_positions):
        """What the pattern and the causal mask let through.

        Args:
            query_positions: Int32 tensor of positions.
            key_positions: Int32 tensor of positions, which broadcasts against them.

        Returns:
            Bool tensor, False where there is no such key.
        """
        in_range = ops.logical_and(key_positions >= 0, key_positions < self.key_end)
        mask = ops.logical_and(self.allowed(query_positions, key_positions), in_range)
        if not self.masks.causal:
            return mask
        return ops.logical_and(mask, key_positions <= query_positions)

    def scores(self, query, key):
        """The scaled products of queries and keys, in float32 at least.

        Args:
            query: Float tensor of shape `(..., query, dim)`.
            key: Float tensor of shape `(..., key, dim)`.

        Returns:
            Tensor of shape `(..., query, key)`.
        """
        query, key = at_least_float32(query), at_least_float32(key)
        query = query if self.scale is None else query * self.scale
        return ops.matmul(query, ops.swapaxes(key, -2, -1))

    def dense_rows(self, count=None):
        """Attention of the first queries to all keys.

        Args:
            count: How many queries, an integer; all if not given, then under `masks.attention` too.

        Returns:
            Pair of context `(batch, heads, count, value_dim)` and which queries may attend to
            anything, a bool tensor that broadcasts to `(batch, count)`.
        """
        query = self.query if count is None else self.query[:, :, :count]
        rows = ops.arange(ops.shape(query)[2], dtype="int32")
        columns = ops.arange(self.key_length, dtype="int32")
        scores = self.scores(query, self.key)  # (batch, heads, count, key)
        bias = None if self.bias is None else self.bias(query, rows, columns)
        scores = scores if bias is None else scores + ops.cast(bias, scores.dtype)
        mask = self.visible(ops.expand_dims(rows, -1), columns)[None, None]
        given = Masks(key=self.masks.key, attention=None if count else self.masks.attention)
        given = given.dense(None, None, heads=True)
        mask = mask if given is None else ops.logical_and(mask, given)
        weights = ops.cast(self.weigh(scores, mask), self.value.dtype)
        return ops.matmul(weights, self.value), ops.any(mask, axis=(1, 3))  # any key of any head

    def with_first_rows(self, context, rows, number):
        """The same context, but the first queries attend to every key.

        Args:
            context: Float tensor of shape `(batch, heads, query, value_dim)`.
            rows: Bool tensor that broadcasts to `(batch, query)`.
            number: How many queries attend to every key.

        Returns:
            Pair of context and rows.
        """
        first_context, first_rows = self.dense_rows(number)
        context = ops.concatenate([first_context, context[:, :, number:]], axis=2)
        return context, ops.concatenate([first_rows, rows[:, number:]], axis=1)

    def result(self, context, rows, return_rows=False):
        """What the caller gets.

        Args:
            context: Float tensor of shape `(batch, heads, query, value_dim)`.
            rows: Bool tensor that broadcasts to `(batch, query)`.
            return_rows: Whether to return the rows too.

        Returns:
            The context, zero where the query mask is False, or the pair of both.
        """
        if self.masks.query is not None:
            real = as_bool(self.masks.query, "query_mask")
            context = ops.where(real[:, None, :, None], context, ops.zeros_like(context))
            rows = ops.logical_and(rows, real)
        return (context, rows) if return_rows else context


def pattern_mask(allowed, query_length, key_length):
    """A pattern's mask for the positions 0, 1, ... of queries and keys.

    Args:
        allowed: Function of query and key positions, such as `window_allowed`.
        query_length: Number of query positions, an integer or a scalar tensor.
        key_length: Number of key positions, likewise.

    Returns:
        Bool tensor of shape `(1, query, key)`.
    """
    rows = ops.expand_dims(ops.arange(query_length, dtype="int32"), axis=-1)
    columns = ops.arange(key_length, dtype="int32")
    return ops.expand_dims(allowed(rows, columns), axis=0)


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
    block_bytes = 4 * max(1, sentences) * heads * size * keys
    if -(-length // size) * block_bytes <= STRETCH_BYTES:  # small on every kind of device
        return None
    most = max(1, piece_bytes(STRETCH_BYTES) // block_bytes)
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


def cut_or_filled(x, before, total):
    """A sequence brought to another length.

    Args:
        x: Tensor of shape `(batch, heads, length, dim)`.
        before: How many zeros to put in front.
        total: The length of the result, an integer or a scalar tensor. Zeros fill up what is
            missing at the end, and what is too much is left out.

    Returns:
        Tensor of shape `(batch, heads, total, dim)`.
    """
    after = total - before - ops.shape(x)[2]
    is_known = isinstance(after, int)
    after = max(after, 0) if is_known else ops.maximum(after, 0)
    if not is_known or before or after:
        x = ops.pad(x, ((0, 0), (0, 0), (before, after), (0, 0)))
    return x[:, :, :total]

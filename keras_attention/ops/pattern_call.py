"""One call of a sparse attention: what is attended to, and all that rules positions out."""

from keras import ops

from keras_attention.ops.fitting import as_bool
from keras_attention.ops.heads import repeat_heads
from keras_attention.ops.masks import NO_MASKS, Masks
from keras_attention.ops.normalizers import softmax
from keras_attention.ops.precision import at_least_float32


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
        return ops.matmul(weights, self.value), any_key(mask)

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


def any_key(mask):
    """Which queries a mask lets attend to anything.

    Args:
        mask: Bool tensor of shape `(batch, heads, query, key)`.

    Returns:
        Bool tensor of shape `(batch, query)`.
    """
    return ops.any(mask, axis=(1, 3))

"""Exact softmax attention whose matrix of scores is never there as a whole."""

from math import prod

from keras import ops

from keras_attention.ops import accelerator
from keras_attention.ops.dense.block_scores import BlockScores, limits
from keras_attention.ops.dense.row_blocks import cut_rows
from keras_attention.ops.fitting import as_bool, check_fits, fit_bias
from keras_attention.ops.largest import largest
from keras_attention.ops.precision import at_least_float32

# From so many scores of one head on, blocks are faster than the whole matrix. On an accelerator
# they take about twice its time, but a small part of its memory.
WORTH_SCORES = 384 * 384
WORTH_SCORES_ON_ACCELERATOR = 2048 * 2048


def worth_blocking(query_shape, key_shape):
    """Whether `blocked_attention` is better than the whole matrix of scores.

    Args:
        query_shape: Shape of the queries, the length last but one.
        key_shape: Shape of the keys, likewise.

    Returns:
        A bool; False where a length is not known before the run.
    """
    least = WORTH_SCORES_ON_ACCELERATOR if accelerator.on_accelerator() else WORTH_SCORES
    return has_scores(query_shape, key_shape, least)


def has_scores(query_shape, key_shape, least):
    """Whether one head is known to have at least so many scores.

    Args:
        query_shape: Shape of the queries, the length last but one.
        key_shape: Shape of the keys, likewise.
        least: Number of scores.

    Returns:
        A bool; False where a length is not known before the run.
    """
    lengths = query_shape[-2], key_shape[-2]
    # Where JAX exports, a length that is not known is no None but a name.
    return all(isinstance(length, int) for length in lengths) and prod(lengths) >= least


def blocked_attention(
    query,
    key,
    value,
    key_mask=None,
    attention_mask=None,
    bias=None,
    causal=False,
    scale=None,
    dropout=0.0,
    seed=None,
):
    """Softmax attention in blocks of query rows, forwards and backwards.

    `context = dropout(softmax(scale * query key^T + bias)) value`, the same numbers as by way of
    the whole matrix. Only one block of scores exists at a time. The backward pass computes it
    again from the logarithm of each row's sum of exponentials:
    `weights = exp(scores - logsumexp)`, `d_scores = weights * (d_weights - D)` with
    `D[i] = context[i] . d_context[i] - d_logsumexp[i]`.

    Unlike the paper, a block is rows of all their keys, so that no running maximum is needed.

    Args:
        query: Float tensor of shape `(batch, heads, query, dim)`.
        key: Float tensor of shape `(batch, heads, key, dim)`.
        value: Float tensor of shape `(batch, heads, key, value_dim)`.
        key_mask: Bool tensor of shape `(batch, key)`, True = may be attended to, or None.
        attention_mask: Bool tensor of rank 4 that broadcasts to `(batch, heads, query, key)`, or
            None.
        bias: Float tensor that broadcasts to the scores and is added to them, or None.
        causal: Whether query position `i` attends to no key position after `i`; blocks of keys
            that no query of a block may see are skipped.
        scale: A number that multiplies the products, or None.
        dropout: Share of the weights that are dropped.
        seed: A `keras.random.SeedGenerator`, needed for `dropout`. It is asked once.

    Returns:
        Pair of context `(batch, heads, query, value_dim)` in the dtype of `value`, and the
        logarithm of the sum of the exponentials of each row's scores, before dropout,
        `(batch, heads, query)`, float32 for half-precision inputs. A query that may attend to
        nothing has the context zero and the lowest finite number.

    Raises:
        ValueError: If a mask or the bias does not broadcast to the scores.

    Example:

    >>> from keras import random
    >>> from keras_attention.ops import blocked_attention
    >>> query, memory = random.normal((2, 3, 5, 7)), random.normal((2, 3, 11, 7))
    >>> context, logsumexp = blocked_attention(query, memory, memory, scale=7**-0.5)
    >>> tuple(context.shape), tuple(logsumexp.shape)
    ((2, 3, 5, 7), (2, 3, 5))

    Reference:
        Dao, Fu, Ermon, Rudra and Re, 2022, "FlashAttention: Fast and Memory-Efficient Exact
        Attention with IO-Awareness", appendix B.2 and algorithm 4.
    """
    context_dtype = ops.convert_to_tensor(value).dtype
    query, key, value = at_least_float32(query), at_least_float32(key), at_least_float32(value)
    if scale is not None:
        query = query * scale
    shape = (*ops.shape(query)[:3], ops.shape(key)[2])  # (batch, heads, query, key)
    masks = _masks_of_scores(key_mask, attention_mask, shape)
    drawn = seed.next() if dropout else None
    score = BlockScores(masks, causal, dropout, drawn, shape[2])
    inputs = [query, key, value]
    bias = fit_bias(bias, shape)
    if bias is not None:
        inputs.append(_of_known_axes(ops.cast(bias, query.dtype), shape))
    result = _attention(inputs, cut_rows(*shape[1:], causal), score)
    return ops.cast(result[..., :-1], context_dtype), result[..., -1]


def _masks_of_scores(key_mask, attention_mask, shape):
    masks = []
    check_fits("key_mask", key_mask, (shape[0], shape[3]))
    check_fits("attention_mask", attention_mask, shape)
    if key_mask is not None:
        masks.append(ops.expand_dims(as_bool(key_mask, "key_mask"), axis=(1, 2)))
    if attention_mask is not None:
        masks.append(as_bool(attention_mask, "attention_mask"))
    return tuple(_of_known_axes(mask, shape) for mask in masks)


def _of_known_axes(x, shape):
    """`x` where each axis is known to have either size 1 or that of the scores."""
    if None not in x.shape:
        return x
    return ops.broadcast_to(
        x, [1 if size == 1 else whole for size, whole in zip(x.shape, shape, strict=True)]
    )


def _attention(inputs, cuts, score):
    """Context and, behind its last entry, the logsumexp: `(batch, heads, query, value_dim + 1)`.

    They are one tensor because the Torch backend knows custom gradients of one output only.
    """

    count = len(inputs)

    @ops.custom_gradient
    def attention(*tensors):
        # Masks and seed come as arguments too: JAX' rematerialisation loses what is only enclosed.
        inputs, here = tensors[:count], score.with_tensors(tensors[count:])
        result = [_attend(inputs, blocks, here) for blocks in cuts]
        result = ops.concatenate(result, axis=2) if len(cuts) > 1 else result[0]

        def gradient(*args, upstream=None):
            if upstream is None:  # the Torch backend passes it by name
                (upstream,) = args
            gradients = _gradients(inputs, result, upstream, cuts, here)
            return *gradients, *[None for _ in tensors[count:]]

        return result, gradient

    return attention(*inputs, *score.tensors)


def _attend(inputs, blocks, score):
    """The result of the rows of these blocks."""
    query, _, value = inputs[:3]

    def attend_block(index):
        scores = score(blocks, index, *inputs)  # (1, heads, rows, keys)
        highest = largest(scores, keepdims=True)
        lowest, ruled_out, _ = limits(scores)
        nothing = highest <= ruled_out
        highest = ops.where(nothing, 0.0, highest)
        weights = ops.exp(scores - highest)  # exactly zero where ruled out
        total = ops.where(nothing, 1.0, ops.sum(weights, axis=-1, keepdims=True))
        weights = score.dropping(blocks, index, scores)(weights)
        context = ops.matmul(weights, blocks.memory(value, index)) / total
        logsumexp = ops.where(nothing, lowest, highest + ops.log(total))
        return ops.concatenate([context, logsumexp], axis=-1)[0]

    batch = ops.shape(query)[0]
    result = ops.map(attend_block, ops.arange(blocks.count(batch), dtype="int32"))
    return blocks.join(result, batch)


def _gradients(inputs, result, upstream, cuts, score):
    """The gradients with respect to the inputs."""
    context, logsumexp = result[..., :-1], result[..., -1:]
    upstream, of_logsumexp = upstream[..., :-1], upstream[..., -1:]
    # Any finite number does for a row that may attend to nothing: its weights stay zero.
    logsumexp = ops.where(logsumexp <= limits(logsumexp)[0], 0.0, logsumexp)
    rows = logsumexp, upstream, ops.sum(context * upstream, axis=-1, keepdims=True) - of_logsumexp
    sums = [ops.zeros_like(x) for x in inputs]
    sums[1], sums[2] = _transposed(sums[1]), _transposed(sums[2])
    for blocks in cuts:
        step = _gradient_step(inputs, rows, blocks, score)
        sums = ops.fori_loop(0, blocks.count(ops.shape(context)[0]), step, tuple(sums))
    of_query, of_key, of_value, *of_bias = sums
    return of_query, _transposed(of_key), _transposed(of_value), *of_bias


def _gradient_step(inputs, rows, blocks, score):
    """The function that adds the gradients of one block.

    Those of keys and values lie with their positions last: `query^T d_scores` reads the large
    matrix in the order in which it was written, `d_scores^T query` takes twice the time.
    """
    query, key, value = inputs[:3]

    def step(index, sums):
        of_query, of_key, of_value, *of_bias = sums
        logsumexp, upstream, balance = (blocks.queries(x, index) for x in rows)
        scores = score(blocks, index, *inputs)
        drop = score.dropping(blocks, index, scores)
        weights = ops.exp(scores - logsumexp)  # (1, heads, rows, keys)
        of_weights = ops.matmul(upstream, _transposed(blocks.memory(value, index)))
        of_scores = weights * (drop(of_weights) - balance)

        to_query = ops.matmul(of_scores, blocks.memory(key, index))
        to_key = ops.matmul(_transposed(blocks.queries(query, index)), of_scores)
        to_value = ops.matmul(_transposed(upstream), drop(weights))
        return (
            blocks.add_to_queries(of_query, index, to_query),
            blocks.add_to_memory(of_key, index, to_key),
            blocks.add_to_memory(of_value, index, to_value),
            *(blocks.add_to_scores(x, index, of_scores) for x in of_bias),
        )

    return step


def _transposed(x):
    return ops.swapaxes(x, -2, -1)

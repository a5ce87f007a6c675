"""Monotonic alignments: soft in expectation, hard in a run, and spread over chunks."""

from keras import ops

from keras_attention.ops.fitting import as_bool
from keras_attention.ops.normalizers import softmax


def expected_alignment(probability, previous):
    """Where a walk over the keys stops, in expectation over all its random choices.

    The walk starts where the one before stopped, and at every key stops with its probability:

        alpha_ij = p_ij sum_{k <= j} alpha_{i-1,k} prod_{k <= l < j} (1 - p_il)

    The paper's closed form divides a cumulative sum by a cumulative product, which runs out of
    numbers after some ten keys of a high probability. Here the recurrence is computed in
    `log2(key)` rounds that only multiply and add what is between zero and one, so that the result
    is that of the recurrence, and its gradient too, for any length.

    Args:
        probability: Of stopping, float tensor of shape `(..., key)`, zero where a key is masked.
        previous: The alignment of the query position before, of the same shape.

    Returns:
        Float tensor of the same shape. Its sum is less than one where the walk may have gone
        beyond the last key.

    Reference:
        Raffel et al., 2017, "Online and Linear-Time Attention by Enforcing Monotonic Alignments",
        equations 9, 13 and 14.
    """
    passed = shift_right(1.0 - probability, 1)
    return probability * linear_recurrence(passed, previous)


def hard_alignment(probability, previous):
    """Where a walk over the keys stops that makes the likelier choice at every key.

    The walk starts where the one before stopped, and stops at the first key whose probability is
    at least one half. A walk that finds none, or starts nowhere, is nowhere.

    Args:
        probability: Of stopping, float tensor of shape `(..., key)`, zero where a key is masked.
        previous: The alignment of the query position before, of the same shape, one-hot or zero.

    Returns:
        Float tensor of the same shape, one-hot or zero. It has no gradient.

    Reference:
        Raffel et al., 2017, "Online and Linear-Time Attention by Enforcing Monotonic Alignments",
        section 2.2.
    """
    ahead = ops.cumsum(previous, axis=-1) > 0.0
    stops = ops.logical_and(ahead, probability >= 0.5)
    count = ops.cumsum(ops.cast(stops, previous.dtype), axis=-1)
    return ops.cast(ops.logical_and(stops, count < 1.5), previous.dtype)


def chunkwise_weights(alignment, energies, chunk_size, mask=None):
    """The weight of each alignment, spread by a softmax over the chunk of keys that ends there.

        beta_ij = sum_{k = j}^{j+w-1} alpha_ik exp(u_ij) / sum_{l = k-w+1}^{k} exp(u_il)

    The paper's two moving sums of exponentials run out of numbers where energies differ much over
    the row. Here every chunk has its own softmax, at the cost of `chunk_size` rows for one.

    Args:
        alignment: Float tensor of shape `(..., key)`.
        energies: Float tensor of the same shape.
        chunk_size: Number of keys in a chunk, `w`; there are fewer at the beginning.
        mask: Bool tensor of the same shape, True = may attend, or None.

    Returns:
        Float tensor of the same shape and sum as `alignment`.

    Reference:
        Chiu and Raffel, 2018, "Monotonic Chunkwise Attention", section 2.3.
    """
    mask = ops.ones_like(energies) if mask is None else ops.cast(as_bool(mask), energies.dtype)
    steps = range(chunk_size - 1, -1, -1)  # how far before the end of its chunk a key is
    chunks = ops.stack([shift_right(energies, step) for step in steps], axis=-1)
    inside = ops.stack([shift_right(mask, step) for step in steps], axis=-1) > 0.5
    weights = softmax(chunks, inside)  # (..., key, chunk)
    spread = ops.expand_dims(alignment, axis=-1) * weights
    return sum(shift_left(spread[..., i], step) for i, step in enumerate(steps))


def linear_recurrence(factor, x):
    """`y[j] = factor[j] * y[j - 1] + x[j]` along the last axis, `y[-1] = 0`, by doubling.

    Each round joins stretches of keys to stretches twice as long (Hillis and Steele, 1986).

    Args:
        factor: Float tensor of shape `(..., key)`.
        x: Float tensor of the same shape.

    Returns:
        Float tensor of the same shape.
    """
    length = ops.shape(x)[-1]
    if not isinstance(length, int):
        return _recurrence_of_unknown_length(factor, x, length)
    stretch = 1
    while stretch < length:
        factor, x = factor * shift_right(factor, stretch), x + factor * shift_right(x, stretch)
        stretch *= 2
    return x


def _recurrence_of_unknown_length(factor, x, length):
    def shift(x, stretch):
        places = ops.arange(length, dtype="int32") - stretch
        return ops.where(places >= 0, ops.take(x, ops.maximum(places, 0), axis=-1), 0.0)

    def join(stretch, factor, x):
        joined = factor * shift(factor, stretch), x + factor * shift(x, stretch)
        return (2 * stretch, *(ops.reshape(y, ops.shape(x)) for y in joined))

    rounds = ops.cast(ops.ceil(ops.log2(ops.cast(length, "float32"))), "int32")
    _, _, x = ops.while_loop(
        lambda stretch, factor, x: stretch < length,
        join,
        (ops.ones((), dtype="int32"), factor, x),
        # XLA makes room for what the gradient needs of so many rounds, and none is too few.
        maximum_iterations=ops.maximum(rounds, 1),
    )
    return x


def shift_right(x, steps):
    """Every entry `steps` places later on the last axis, behind zeros; the last ones fall off.

    Args:
        x: Float tensor of shape `(..., key)`.
        steps: Integer of at least zero.

    Returns:
        Float tensor of the same shape.
    """
    if steps == 0:
        return x
    return ops.pad(x, [*_no_padding(x), (steps, 0)])[..., :-steps]


def shift_left(x, steps):
    """Every entry `steps` places earlier on the last axis, before zeros; the first ones fall off.

    Args:
        x: Float tensor of shape `(..., key)`.
        steps: Integer of at least zero.

    Returns:
        Float tensor of the same shape.
    """
    return ops.pad(x, [*_no_padding(x), (0, steps)])[..., steps:]


def _no_padding(x):
    return [(0, 0)] * (len(x.shape) - 1)

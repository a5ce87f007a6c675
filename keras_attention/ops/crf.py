"""Linear-chain conditional random fields: the probability of a whole row of tags.

```
score(y) = start[y_1] + sum_t emissions[t, y_t] + sum_t between[y_t, y_{t+1}] + end[y_n]
p(y | x) = exp(score(y)) / Z,    Z = sum_y exp(score(y))
```

(Lafferty et al., 2001, equation 1). Positions whose mask is False are not in the chain: the tag
before them and the tag after them are neighbors, so that masks may have holes. A row without a real
position has one empty row of tags, of probability one.

Sums over rows of tags are products of matrices, computed in float32 and scaled at each step: where
transitions into a tag differ by more than 80, the lower ones count as 80 below.
"""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.ops.buffers import write_row
from keras_attention.ops.fitting import as_bool
from keras_attention.ops.largest import largest
from keras_attention.ops.precision import at_least_float32

# The lowest score of a tag: far below any real one, and sums of it stay finite.
LOWEST = -1e30
SMALLEST = 1e-36


class Transitions(NamedTuple):
    """The scores of a chain that do not depend on the source.

    Attributes:
        between: float tensor `(tags, tags)`, from the tag of the row to the tag of the column.
        start, end: float tensors `(tags,)`, of beginning and ending with a tag.
    """

    between: Any
    start: Any
    end: Any


class Chain(NamedTuple):
    """Emissions and masks with the time axis first, as loops read them.

    Attributes:
        emissions: float tensor `(source, batch, tags)`.
        real, first, last: bool tensors `(source, batch, 1)`: whether a position is in the chain,
            and whether it is the first or the last one there.
    """

    emissions: Any
    real: Any
    first: Any
    last: Any


def log_partition(emissions, transitions, mask=None):
    """`log Z`, by the forward algorithm.

    Its gradient, the marginal probabilities, is computed by the forward-backward algorithm and not
    by differentiating the loop: JAX differentiates it backwards only, and Torch once.

    Args:
        emissions: float tensor `(batch, source, tags)`.
        transitions: `Transitions`.
        mask: bool tensor `(batch, source)`, True where a position is in the chain, or None.

    Returns:
        Tensor `(batch,)`, float32, or float64 for such emissions.

    Example:

    >>> from keras import ops
    >>> from keras_attention.ops.crf import Transitions, log_partition
    >>> transitions = Transitions(ops.zeros((2, 2)), ops.zeros(2), ops.zeros(2))
    >>> [round(float(z), 4) for z in log_partition(ops.zeros((1, 3, 2)), transitions)]  # log(2**3)
    [2.0794]

    Reference:
        Lafferty, McCallum and Pereira, 2001, "Conditional Random Fields: Probabilistic Models for
        Segmenting and Labeling Sequence Data".
    """
    mask = _mask_of(emissions, mask)

    @ops.custom_gradient
    def of(emissions, between, start, end, mask):
        chain, transitions = _chain(emissions, mask), Transitions(between, start, end)
        before, at_end = _forward(chain, transitions, _LogSum(transitions.between))
        result = _log_partition(at_end, transitions, mask)

        def gradient(*args, upstream=None):
            if upstream is None:  # the Torch backend passes it by name
                (upstream,) = args
            probabilities = _marginals(chain, before, transitions) * upstream[None, :, None]
            of_start, of_end = (
                ops.sum(ops.where(at, probabilities, ops.zeros_like(probabilities)), axis=(0, 1))
                for at in (chain.first, chain.last)
            )
            of_between = _pairs(chain, before, transitions, probabilities)
            of_emissions = ops.transpose(probabilities, (1, 0, 2))
            return of_emissions[:, : ops.shape(emissions)[1]], of_between, of_start, of_end, None

        return result, gradient

    return of(at_least_float32(emissions), *map(at_least_float32, transitions), mask)


def log_likelihood(tags, emissions, transitions, mask=None):
    """`log p(y | x)` of given tags.

    Where a tag is not known its position is summed over: the result is the log-probability of all
    rows that have the known tags.

    Args:
        tags: int tensor `(batch, source)`, -1 where the tag is not known.
        emissions: float tensor `(batch, source, tags)`.
        transitions: `Transitions`.
        mask: bool tensor `(batch, source)`, True where a position is in the chain, or None.

    Returns:
        Float tensor `(batch,)`; NaN for a row with a tag that does not exist.
    """
    mask, emissions = _mask_of(emissions, mask), at_least_float32(emissions)
    tags = ops.expand_dims(ops.cast(tags, "int32"), axis=-1)  # (batch, source, 1)
    size = emissions.shape[-1]
    fits = ops.logical_or(tags < 0, tags == ops.arange(size, dtype="int32"))
    known = ops.where(fits, emissions, ops.full_like(emissions, LOWEST))
    both = ops.concatenate([known, emissions], axis=0)
    results = log_partition(both, transitions, ops.concatenate([mask, mask], axis=0))
    batch = ops.shape(emissions)[0]
    result = results[:batch] - results[batch:]
    wrong = ops.any(ops.logical_and(mask, tags[..., 0] >= size), axis=1)
    return ops.where(wrong, ops.full_like(result, float("nan")), result)


def marginals(emissions, transitions, mask=None):
    """`p(y_t | x)` of every tag at every position, by the forward-backward algorithm.

    Args:
        emissions: float tensor `(batch, source, tags)`.
        transitions: `Transitions`.
        mask: bool tensor `(batch, source)`, True where a position is in the chain, or None.

    Returns:
        Float tensor `(batch, source, tags)`, zeros where the mask is False.
    """
    return marginals_and_log_partition(emissions, transitions, mask)[0]


def marginals_and_log_partition(emissions, transitions, mask=None):
    """Both in one pass: see `marginals` and `log_partition`. Not to be differentiated."""
    length, mask = ops.shape(emissions)[1], _mask_of(emissions, mask)
    chain = _chain(at_least_float32(emissions), mask)
    transitions = Transitions(*map(at_least_float32, transitions))
    before, at_end = _forward(chain, transitions, _LogSum(transitions.between))
    probabilities = ops.transpose(_marginals(chain, before, transitions), (1, 0, 2))
    return probabilities[:, :length], _log_partition(at_end, transitions, mask)


def viterbi(emissions, transitions, mask=None):
    """The row of tags with the highest score (Viterbi, 1967).

    Args:
        emissions: float tensor `(batch, source, tags)`.
        transitions: `Transitions`.
        mask: bool tensor `(batch, source)`, True where a position is in the chain, or None.

    Returns:
        The tags, int32 `(batch, source)`, -1 where the mask is False, and their scores, float
        `(batch,)`.
    """
    length, mask = ops.shape(emissions)[1], _mask_of(emissions, mask)
    chain = _chain(at_least_float32(emissions), mask)
    transitions = Transitions(*map(at_least_float32, transitions))
    incoming = ops.transpose(transitions.between)  # (tags, tags), the tag before last
    before, at_end = _forward(chain, transitions, _Maximum(incoming))
    score, tag = ops.top_k(at_end + transitions.end, 1)  # each (batch, 1)
    steps, batch = ops.shape(before)[:2]

    def go_back(index, carried):
        tag, tags = carried
        t = steps - 1 - index
        best, real, first = (ops.take(x, t, axis=0) for x in (before, chain.real, chain.first))
        into = best + ops.take(incoming, tag[:, 0], axis=0)  # (batch, tags)
        previous = ops.cast(ops.top_k(into, 1)[1], "int32")
        has_previous = ops.logical_and(real, ops.logical_not(first))
        return ops.where(has_previous, previous, tag), write_row(tags, t, tag[:, 0])

    tags = ops.zeros((steps, batch), dtype="int32")
    _, tags = ops.fori_loop(0, steps, go_back, (ops.cast(tag, "int32"), tags))
    tags = ops.where(mask, ops.transpose(tags)[:, :length], -1)
    score = score[:, 0]
    return tags, ops.where(ops.any(mask, axis=1), score, ops.zeros_like(score))


def pack(emissions, mask, transitions):
    """All that the likelihood of tags depends on, as one tensor, the output of a model.

    A loss of Keras sees labels and one output; what it learns from must be in there.

    Args:
        emissions: float tensor `(batch, source, tags)`.
        mask: bool tensor `(batch, source)`.
        transitions: `Transitions`.

    Returns:
        Tensor `(batch, source + tags + 2, tags + 1)`, at least float32: the emissions, `between`,
        `start` and `end` below each other; in the last column 1 at positions in the chain, else 0.
    """
    emissions = at_least_float32(emissions)
    batch, _, size = ops.shape(emissions)
    between, start, end = (ops.cast(x, emissions.dtype) for x in transitions)
    below = ops.concatenate([between, start[None], end[None]], axis=0)  # (tags + 2, tags)
    below = ops.broadcast_to(below, (batch, size + 2, size))
    column = ops.pad(ops.cast(mask, emissions.dtype), ((0, 0), (0, size + 2)))
    whole = ops.concatenate([emissions, below], axis=1)
    return ops.concatenate([whole, ops.expand_dims(column, axis=-1)], axis=-1)


def unpack(packed):
    """Emissions, transitions and mask of a tensor that `pack` made."""
    size = packed.shape[-1] - 1
    emissions, mask = packed[:, : -size - 2, :-1], packed[:, : -size - 2, -1] > 0.5
    below = ops.sum(packed[:1, -size - 2 :, :-1], axis=0)  # of one row, where there is one
    return emissions, Transitions(below[:-2], below[-2], below[-1]), mask


def _mask_of(emissions, mask):
    if mask is None:
        return ops.ones(ops.shape(emissions)[:2], dtype="bool")
    return as_bool(mask)


def _chain(emissions, mask):
    """The `Chain` of emissions `(batch, source, tags)`; one position longer if there is none."""
    if emissions.shape[1] == 0:
        emissions = ops.pad(emissions, ((0, 0), (0, 1), (0, 0)))
        mask = ops.zeros((ops.shape(emissions)[0], 1), dtype="bool")
    count = ops.cumsum(ops.cast(mask, "int32"), axis=1)
    first = ops.logical_and(mask, count == 1)
    last = ops.logical_and(mask, count == ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True))
    masks = (ops.expand_dims(ops.transpose(x), axis=-1) for x in (mask, first, last))
    return Chain(ops.transpose(emissions, (1, 0, 2)), *masks)


def _forward(chain, transitions, through):
    """Scores of all beginnings by their last tag, before each position and at the end.

    Args:
        chain: `Chain`.
        transitions: `Transitions`.
        through: function from scores by tag to those by the next tag: their log-sums, or the
            highest ones.

    Returns:
        Float tensors `(source, batch, tags)` and `(batch, tags)`.
    """
    steps, batch, size = ops.shape(chain.emissions)

    def advance(t, carried):
        scores, before = carried
        emission, real, first = (ops.take(x, t, axis=0) for x in chain[:3])
        into = ops.where(first, transitions.start, through(scores)) + emission
        return ops.where(real, into, scores), write_row(before, t, scores)

    scores = ops.zeros((batch, size), dtype=chain.emissions.dtype)
    before = ops.zeros((steps, batch, size), dtype=chain.emissions.dtype)
    at_end, before = ops.fori_loop(0, steps, advance, (scores, before))
    return before, at_end


def _backward(chain, transitions):
    """Log-sums of all endings by the tag of each position, `(source, batch, tags)`."""
    steps, batch, size = ops.shape(chain.emissions)
    through = _LogSum(ops.transpose(transitions.between))

    def advance(index, carried):
        sums, after = carried
        t = steps - 1 - index
        emission, real = (ops.take(x, t, axis=0) for x in chain[:2])
        return ops.where(real, through(sums + emission), sums), write_row(after, t, sums)

    sums = ops.broadcast_to(transitions.end, (batch, size))
    after = ops.zeros((steps, batch, size), dtype=chain.emissions.dtype)
    _, after = ops.fori_loop(0, steps, advance, (sums, after))
    return after


def _marginals(chain, before, transitions):
    """Probabilities `(source, batch, tags)`, zeros at positions that are not in the chain."""
    into = ops.where(chain.first, transitions.start, _LogSum(transitions.between)(before))
    scores = into + chain.emissions + _backward(chain, transitions)
    probabilities = ops.softmax(scores) if scores.shape[-1] > 1 else ops.ones_like(scores)
    return ops.where(chain.real, probabilities, ops.zeros_like(probabilities))


def _pairs(chain, before, transitions, probabilities):
    """Expected number of times that one tag follows another, `(tags, tags)`.

    `p(y_t = i, y_{t+1} = j)` is `p(y_{t+1} = j)` times the fraction that passes through `i`.
    """
    through = _LogSum(transitions.between)
    powers, _ = through.powers_of(before)
    sums = through.sums_of(powers)
    follows = ops.logical_and(chain.real, ops.logical_not(chain.first))
    follows = ops.logical_and(follows, sums > SMALLEST)  # else cut off, and without a gradient
    fractions = ops.where(follows, probabilities / sums, ops.zeros_like(sums))
    return through.matrix * ops.einsum("tbi,tbj->ij", powers, fractions)


class _Maximum:
    """`max_i (x[..., i] + scores[j, i])`."""

    def __init__(self, scores):
        self.scores = scores

    def __call__(self, x):
        return largest(ops.expand_dims(x, axis=-2) + self.scores)


class _LogSum:
    """`log sum_i exp(x[..., i] + scores[i, j])` as a product of scaled matrices."""

    def __init__(self, scores):
        self.largest = ops.max(scores, axis=0)  # (tags,)
        self.matrix = ops.exp(scores - self.largest)

    def __call__(self, x):
        powers, shift = self.powers_of(x)
        return ops.log(self.sums_of(powers)) + shift + self.largest

    def powers_of(self, x):
        shift = largest(x, keepdims=True)
        return ops.exp(x - shift), shift

    def sums_of(self, powers):
        return ops.maximum(ops.matmul(powers, self.matrix), SMALLEST)


def _log_partition(at_end, transitions, mask):
    """`log Z` of what `_forward` gives at the end; 0 for a row without a real position."""
    x = at_end + transitions.end
    shift = largest(x, keepdims=True)
    result = ops.log(ops.sum(ops.exp(x - shift), axis=-1)) + shift[..., 0]
    return ops.where(ops.any(mask, axis=1), result, ops.zeros_like(result))

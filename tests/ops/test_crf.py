"""Conditional random fields against sums over all rows of tags, written out in NumPy."""

import itertools

import keras
import numpy as np
from comparisons import assert_compiled_equals_eager, compiled, gradients, to_numpy
from keras import ops

from keras_attention.ops import crf

BATCH, LENGTH, TAGS = 5, 4, 3
# All positions; padding on the right; a hole; padding on the left and a hole; none.
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]], bool)


def make_scores(seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    emissions = rng.normal(size=(BATCH, LENGTH, TAGS)) * scale
    between = rng.normal(size=(TAGS, TAGS)) * scale
    start, end = rng.normal(size=(2, TAGS)) * scale
    return tuple(x.astype("float32") for x in (emissions, between, start, end))


def score(row, emissions, between, start, end):
    """Lafferty et al. (2001), equation 1, of the tags of one row without padding."""
    if not len(row):
        return 0.0
    total = start[row[0]] + end[row[-1]] + sum(emissions[range(len(row)), row])
    return total + sum(between[one, other] for one, other in itertools.pairwise(row))


def enumerated(mask, emissions, between, start, end):
    """All rows of tags of one source, and the probability of each; -1 at padding."""
    count = mask.sum()
    rows = np.full((TAGS**count, LENGTH), -1)
    rows[:, mask] = np.array([*itertools.product(range(TAGS), repeat=count)]).reshape(
        len(rows), count
    )
    scores = [score(row[mask], emissions[mask], between, start, end) for row in rows]
    scores = np.array(scores, "float64")
    return rows, scores, np.log(np.exp(scores).sum())


def transitions(*weights):
    return crf.Transitions(*map(ops.convert_to_tensor, weights))


def test_partition_marginals_and_best_row_are_those_of_the_enumeration():
    emissions, *weights = make_scores(scale=3.0)

    def everything(emissions, between, start, end):
        given = emissions, crf.Transitions(between, start, end), MASK
        return crf.log_partition(*given), crf.marginals(*given), crf.viterbi(*given)

    partition, marginals, (tags, best) = to_numpy(compiled(everything)(emissions, *weights))
    for row in range(BATCH):
        rows, scores, log_z = enumerated(MASK[row], emissions[row], *weights)
        probabilities = np.exp(scores - log_z)
        np.testing.assert_allclose(partition[row], log_z, atol=1e-5)
        np.testing.assert_array_equal(tags[row], rows[scores.argmax()])
        np.testing.assert_allclose(best[row], scores.max(), atol=1e-5)
        for tag in range(TAGS):
            expected = (probabilities[:, None] * (rows == tag)).sum(axis=0)
            np.testing.assert_allclose(marginals[row, :, tag], expected, atol=1e-5)
    alone = to_numpy(crf.viterbi(emissions[1:2, :2], transitions(*weights)))
    np.testing.assert_array_equal(alone[0], tags[1:2, :2])


# Of a whole row; with unknown tags, which are summed over; none known; labels at padding mean
# nothing.
TAGS_GIVEN = np.array([[2, 0, 1, 1], [0, -1, 2, 2], [-1, 0, 2, 1], [1, -1, 2, 2], [1, 1, 1, 1]])


def test_likelihood_and_its_gradients_are_those_of_the_enumeration():
    scores = make_scores(3)
    upstream = np.array([1.0, -2.0, 0.5, 1.5, 3.0], "float32")

    def objective(emissions, between, start, end):
        given = crf.Transitions(between, start, end)
        return ops.sum(upstream * crf.log_likelihood(TAGS_GIVEN, emissions, given, MASK))

    expected = [np.zeros(x.shape) for x in scores]
    likelihoods = np.zeros(BATCH)
    for row in range(BATCH):
        mask = MASK[row]
        rows, row_scores, log_z = enumerated(mask, scores[0][row], *scores[1:])
        agree = ((rows == TAGS_GIVEN[row]) | (TAGS_GIVEN[row] < 0) | ~mask).all(axis=1)
        inside = np.log(np.exp(row_scores[agree]).sum())
        likelihoods[row] = inside - log_z
        # Counts of what the agreeing rows have less those of all rows (the paper's section 4).
        for fits, total, sign in ((agree, inside, 1.0), (np.full(len(rows), True), log_z, -1.0)):
            for tags, one in zip(rows[fits], row_scores[fits], strict=True):
                weight = upstream[row] * sign * np.exp(one - total)
                path = tags[mask]
                if not len(path):
                    continue
                for place, tag in zip(np.flatnonzero(mask), path, strict=True):
                    expected[0][row, place, tag] += weight
                for pair in itertools.pairwise(path):
                    expected[1][pair] += weight
                expected[2][path[0]] += weight
                expected[3][path[-1]] += weight
    assert_compiled_equals_eager(objective, *scores)
    found = crf.log_likelihood(TAGS_GIVEN, scores[0], transitions(*scores[1:]), MASK)
    np.testing.assert_allclose(to_numpy(found), likelihoods, atol=1e-5)
    for one, other in zip(gradients(objective, *scores), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_without_transitions_a_chain_is_a_softmax_of_each_position():
    emissions, *weights = make_scores(5)
    weights = [0 * x for x in weights]
    powers = np.exp(emissions)
    expected = powers / powers.sum(axis=-1, keepdims=True)
    found = to_numpy(crf.marginals(emissions, transitions(*weights)))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    tags, _ = to_numpy(crf.viterbi(emissions, transitions(*weights)))
    np.testing.assert_array_equal(tags, emissions.argmax(axis=-1))


def test_long_rows_and_large_scores_stay_exact():
    """In float64 NumPy by the same recurrence in logarithms; sums of exponentials overflow here."""
    rng = np.random.default_rng(7)
    emissions = (rng.normal(size=(2, 300, TAGS)) * 30).astype("float32")
    between = np.array([[-60, 5, 0], [0, 0, -70], [3, -65, 1]], "float32")
    start = end = np.zeros(TAGS, "float32")
    given = emissions, transitions(between, start, end)
    found = to_numpy(compiled(lambda: crf.log_partition(*given))())
    sums = emissions[:, 0].astype("float64")
    for t in range(1, 300):
        x = sums[:, :, None] + between
        top = x.max(axis=1, keepdims=True)
        sums = np.log(np.exp(x - top).sum(axis=1)) + top[:, 0] + emissions[:, t]
    expected = np.log(np.exp(sums - sums.max(axis=1, keepdims=True)).sum(axis=1)) + sums.max(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_transition_far_below_all_others_stays_finite():
    """Of 400 rows that take it, each is as unlikely as the scores allow; nothing overflows."""
    emissions, between = np.zeros((400, 2, 2), "float32"), np.array([[0, -200], [0, 0]], "float32")
    start = end = np.zeros(2, "float32")
    given = np.tile([[0, 1]], (400, 1))

    def objective(emissions, between):
        weights = crf.Transitions(between, start, end)
        return ops.sum(crf.log_likelihood(given, emissions, weights))

    found = to_numpy(objective(emissions, between)) / 400
    assert -200 - np.log(3) <= found < -80
    assert all(np.isfinite(x).all() for x in gradients(objective, emissions, between))


def test_a_tag_that_does_not_exist_and_rows_of_nothing():
    emissions, *weights = make_scores()
    given = np.full((BATCH, LENGTH), 1)
    given[0, 0] = given[4, 0] = TAGS  # the latter at padding
    found = to_numpy(crf.log_likelihood(given, emissions, transitions(*weights), MASK))
    assert np.isnan(found[0]) and np.isfinite(found[1:]).all()
    nothing = emissions[:, :0]
    tags, best = to_numpy(crf.viterbi(nothing, transitions(*weights)))
    assert tags.shape == (BATCH, 0) and (best == 0).all()
    assert to_numpy(crf.marginals(nothing, transitions(*weights))).shape == (BATCH, 0, TAGS)
    assert (to_numpy(crf.log_partition(nothing, transitions(*weights))) == 0).all()
    assert keras.ops.shape(crf.viterbi(emissions[:0], transitions(*weights))[0]) == (0, LENGTH)

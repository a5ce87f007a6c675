"""Beam search with length and coverage penalties."""

import math

import keras
from keras import ops

from keras_attention.decoding.hypotheses import (
    continuations,
    first_beams,
    keep_best,
    live_on,
    nothing_finished,
    search_result,
)
from keras_attention.decoding.penalties import coverage_penalty, length_penalty
from keras_attention.decoding.search import Search, positive_integer
from keras_attention.decoding.state import LOWEST, StateLeaves, gather_beams, repeat_rows


@keras.saving.register_keras_serializable("keras_attention")
class Beam(Search):
    """Beam search, scored with the penalties of Wu et al. (2016), equation 14.

        score(Y, X) = log P(Y | X) / lp(Y) + cp(X; Y)
        lp(Y)       = ((5 + |Y|) / 6) ** length_penalty
        cp(X; Y)    = coverage_penalty * sum_i log(min(sum_j p_ij, 1))

    `|Y|` and the sum over `j` count the end token; `i` runs over the unmasked source positions.

    Every step ranks the `2 * width` most probable continuations by log-probability. Those that
    end compete, by score, for a place among the `n_best` finished hypotheses; the `width` best of
    the others live on. A sentence stops when no live beam can reach the score of the last of the
    `n_best` any more (log-probabilities only fall and coverage penalties are at most 0, so a live
    beam's score is bounded), so stopping early never changes the result. Beams still alive after
    `max_length` steps compete as they are, by the same score.

    With as many beams as there are prefixes this is exact. If fewer than `n_best` hypotheses
    exist, the rest is empty with a score of -1e30. `Search` describes the call and its result.

    Unlike the paper, nothing is pruned by its distance to the best hypothesis.

    Args:
        width: Integer of at least 1, the number of live beams.
        length_penalty: Float, alpha of the paper. 0 ranks by log-probability, which favours short
            sentences; 0.2 in the paper.
        coverage_penalty: Float of at least 0, beta of the paper; 0.2 there.
        n_best: Integer, at most `width`, the number of hypotheses returned.
        max_length: Integer of at least 1, the most steps taken.

    Example:

    >>> def step(token_ids, state):  # token 1, then the end, both a little unsure
    ...     logits = ops.one_hot(state["position"] + 1, 3) * 2.0
    ...     alignment = ops.ones((ops.shape(token_ids)[0], 1))
    ...     return logits, {"position": state["position"] + 1}, alignment
    >>> state = {"position": ops.zeros((1,), dtype="int32")}
    >>> search = Beam(width=3, n_best=2, max_length=2)
    >>> result = search(step, state, ops.ones((1, 1), "bool"), start_id=0, end_id=2)
    >>> ops.convert_to_numpy(result.ids).tolist()
    [[[1, 0], [0, 0]]]

    Reference:
        Wu et al., 2016: Google's Neural Machine Translation System, section 7
        (https://arxiv.org/abs/1609.08144).
    """

    def __init__(self, width=5, length_penalty=0.0, coverage_penalty=0.0, n_best=1, max_length=64):
        super().__init__(max_length)
        self.width = positive_integer("width", width)
        self.n_best = positive_integer("n_best", n_best)
        if self.n_best > self.width:
            raise ValueError(
                "`n_best` is expected to be at most `width`. "
                f"Received: n_best={n_best}, width={width}"
            )
        if not 0 <= coverage_penalty < math.inf:
            raise ValueError(
                "`coverage_penalty` is expected to be finite and at least 0. "
                f"Received: coverage_penalty={coverage_penalty}"
            )
        if not math.isfinite(length_penalty):
            raise ValueError(
                "`length_penalty` is expected to be finite. "
                f"Received: length_penalty={length_penalty}"
            )
        self.length_penalty = float(length_penalty)
        self.coverage_penalty = float(coverage_penalty)

    @property
    def beams(self):
        """The number of sentences returned for each row, `n_best`."""
        return self.n_best

    def all_beams(self):
        """The same search with `n_best` as large as `width`."""
        return type(self).from_config({**self.get_config(), "n_best": self.width})

    def get_config(self):
        """The arguments that make an equal search."""
        return {
            "width": self.width,
            "length_penalty": self.length_penalty,
            "coverage_penalty": self.coverage_penalty,
            "n_best": self.n_best,
            **super().get_config(),
        }

    def __call__(self, step, state, source_mask, start_id, end_id, pad_id=0):
        """Search with beams: see `Search`."""
        batch, source_length = ops.shape(source_mask)
        rows = batch * self.width
        sentences = ops.arange(batch, dtype="int32")[:, None]  # (batch, 1)
        source_mask = repeat_rows(source_mask, self.width)  # (batch * width, source)
        # The coverage so far moves with the beams like any other state.
        coverage = ops.zeros((batch, source_length), dtype="float32")
        state_leaves = StateLeaves((coverage, state))

        def keep_going(t, live, finished, done, alignments):
            return ops.logical_and(t < self.max_length, ops.logical_not(ops.all(done)))

        def advance(t, live, finished, done, alignments):
            coverage, state = state_leaves.pack(live.leaves)
            logits, state, alignment = step(live.tokens, state)
            alignment = ops.cast(alignment, "float32")
            alignments = ops.scatter_update(alignments, ops.reshape(t, (1, 1)), alignment[None])
            if self.coverage_penalty:
                coverage = coverage + alignment
            new_leaves = state_leaves.flatten((coverage, state))

            def reorder(rows):
                return state_leaves.reorder(live.leaves, new_leaves, rows)

            candidates = continuations(logits, live.log_probs, sentences)
            ends = candidates.tokens == end_id  # (batch, candidates)
            scores = self._scores(
                candidates.log_probs, candidates.parents, t + 1, coverage, source_mask, sentences
            )
            counts = ops.logical_and(ends, ops.logical_not(done)[:, None])
            scores = ops.where(counts, scores, LOWEST)
            finished = keep_best(finished, live, scores, candidates.parents, t, sentences)
            live = live_on(live, candidates, ends, t, sentences, reorder)
            hopeless = self._upper_bound(live.log_probs, t + 2) <= finished.scores[:, -1:]
            done = ops.logical_or(done, ops.all(hopeless, axis=1))
            return t + 1, live, finished, done, alignments

        sizes = (batch, self.width, self.max_length)
        _, live, finished, done, alignments = ops.while_loop(
            keep_going,
            advance,
            (
                ops.zeros((), dtype="int32"),
                first_beams(*sizes, start_id, pad_id, state_leaves.repeat(self.width)),
                nothing_finished(batch, self.n_best, self.max_length, pad_id),
                ops.zeros((batch,), dtype="bool"),
                ops.zeros((self.max_length, rows, source_length), dtype="float32"),
            ),
        )
        coverage, _ = state_leaves.pack(live.leaves)
        parents = sentences * 0 + ops.arange(self.width, dtype="int32")  # (batch, width)
        scores = self._scores(
            live.log_probs, parents, self.max_length, coverage, source_mask, sentences
        )
        scores = ops.where(done[:, None], LOWEST, scores)
        finished = keep_best(finished, live, scores, parents, self.max_length, sentences)
        return search_result(finished, alignments)

    def _scores(self, log_probs, parents, length, coverage, source_mask, sentences):
        """Equation 14 for hypotheses of `length` tokens, the end token counted.

        `coverage` is that of the `parents`, the beams they go on from, this step included.
        """
        scores = log_probs / length_penalty(length, self.length_penalty)  # (batch, candidates)
        if self.coverage_penalty:
            penalties = coverage_penalty(coverage, source_mask, self.coverage_penalty)
            penalties = ops.reshape(penalties, (-1, self.width))  # (batch, width)
            scores = scores + gather_beams(penalties, parents, sentences)
        return ops.where(log_probs > LOWEST, scores, LOWEST)

    def _upper_bound(self, log_probs, length):
        """No score of a live beam that ends with `length` tokens or more is above this."""
        shortest = ops.minimum(length, self.max_length)
        weakest = ops.maximum(
            length_penalty(shortest, self.length_penalty),
            length_penalty(self.max_length, self.length_penalty),
        )
        return ops.where(log_probs > LOWEST, log_probs / weakest, LOWEST)

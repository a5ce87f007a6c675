"""One call of a beam search."""

from keras import ops

from keras_attention.decoding.hypotheses import (
    Written,
    first_beams,
    keep_best,
    live_on,
    nothing_finished,
    nothing_written,
    search_result,
)
from keras_attention.decoding.state import (
    LOWEST,
    StateLeaves,
    first_tokens,
    repeat_rows,
    top_log_probs,
    vocabulary_size,
)
from keras_attention.ops.buffers import write_row


class BeamRun:
    """The loop of `Beam` and `DiverseBeam` over one batch.

    Every group of beams is searched like a sentence of its own: `sentences` counts the batch times
    the groups, and `width` is that of a group.

    Args:
        search: A `Beam`, which chooses the candidates, scores them and bounds the scores.
        step, state, source_mask, end_id: As `Search` is given them.
        rules: The `Rules` of the call.
        return_alignments: Bool. Whether the result holds them.
    """

    def __init__(self, search, step, state, source_mask, end_id, rules, return_alignments):
        self.search = search
        self.step = step
        self.end_id = end_id
        self.rules = rules
        self.return_alignments = return_alignments
        batch, self.source_length = ops.shape(source_mask)
        self.sources = batch
        self.width = search.width // search.groups
        self.batch = batch * search.groups
        self.sentences = ops.arange(self.batch, dtype="int32")[:, None]  # (batch, 1)
        self.source_mask = repeat_rows(source_mask, search.width)  # (batch * width, source)
        # The coverage so far moves with the beams like any other state.
        coverage = ops.zeros((batch, self.source_length), dtype="float32")
        self.leaves = StateLeaves((coverage, state))

    def __call__(self, start_id, pad_id):
        """Search: see `Search`."""
        sizes = (self.batch, self.width, self.search.max_length)
        n_best = min(self.search.n_best, self.width)
        tokens = first_tokens(start_id, self.sources, self.search.width)  # (batch * width,)
        _, live, finished, done, written = ops.while_loop(
            self._keep_going,
            self._advance,
            (
                ops.zeros((), dtype="int32"),
                first_beams(*sizes, tokens, pad_id, self.leaves.repeat(self.search.width)),
                nothing_finished(self.batch, n_best, self.search.max_length, pad_id),
                ops.zeros((self.batch,), dtype="bool"),
                nothing_written(
                    self.search.max_length,
                    self.batch * self.width,
                    self.source_length if self.return_alignments else None,
                ),
            ),
        )
        finished = self._finish_what_lives(live, finished, done)
        return search_result(self.search.merge(finished), written)

    def _keep_going(self, t, live, finished, done, written):
        return ops.logical_and(t < self.search.max_length, ops.logical_not(ops.all(done)))

    def _advance(self, t, live, finished, done, written):
        coverage, state = self.leaves.pack(live.leaves)
        logits, state, alignment = self.step(live.tokens, state)
        alignment, alignments = ops.cast(alignment, "float32"), written.alignments
        if self.return_alignments:
            alignments = write_row(alignments, t, alignment)
        if self.search.coverage_penalty:
            coverage = coverage + alignment
        new_leaves = self.leaves.flatten((coverage, state))

        def reorder(rows):
            return self.leaves.reorder(live.leaves, new_leaves, rows)

        candidates = self._candidates(logits, live, t)
        ends = candidates.tokens == self.end_id  # (batch, candidates)
        scores = self._scores(candidates.log_probs, candidates.parents, t + 1, coverage)
        counts = ops.logical_and(ends, ops.logical_not(done)[:, None])
        scores = ops.where(counts, scores, LOWEST)
        finished = keep_best(finished, live, scores, candidates.parents, t, self.sentences)
        live = live_on(live, candidates, ends, t, self.sentences, reorder)
        log_probs = write_row(written.log_probs, t, ops.reshape(live.log_probs, (-1,)))
        bound = self.search.upper_bound(live.log_probs, t + 2)
        hopeless = bound <= finished.scores[:, -1:]  # (batch, width)
        done = ops.logical_or(done, ops.all(hopeless, axis=1))
        return t + 1, live, finished, done, Written(alignments, log_probs)

    def _candidates(self, logits, live, t):
        vocabulary = vocabulary_size(logits)
        allowed = self.rules.allowed(live.ids, t, vocabulary) if self.rules else None
        log_probs, tokens = top_log_probs(logits, self.search.tokens_per_beam, allowed)
        return self.search.candidates(
            live.log_probs, log_probs, tokens, self.end_id, self.sentences
        )

    def _scores(self, log_probs, parents, length, coverage):
        """What hypotheses of `length` tokens are ranked by, the end token counted.

        `coverage` is that of the `parents`, the beams they go on from, this step included.
        """
        return self.search.hypothesis_scores(
            log_probs, parents, length, coverage, self.source_mask, self.sentences
        )

    def _finish_what_lives(self, live, finished, done):
        """The hypotheses that were cut off compete, too."""
        max_length = self.search.max_length
        coverage, _ = self.leaves.pack(live.leaves)
        parents = self.sentences * 0 + ops.arange(self.width, dtype="int32")  # (batch, width)
        scores = self._scores(live.log_probs, parents, max_length, coverage)
        scores = ops.where(done[:, None], LOWEST, scores)
        return keep_best(finished, live, scores, parents, max_length, self.sentences)

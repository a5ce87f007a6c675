"""Beam search with length and coverage penalties."""

import keras
from keras import ops

from keras_attention.decoding.arguments import finite, positive_integer
from keras_attention.decoding.beam_run import BeamRun
from keras_attention.decoding.hypotheses import continuations
from keras_attention.decoding.penalties import (
    coverage_penalty,
    length_penalty,
    simple_length_penalty,
)
from keras_attention.decoding.rules import Rules
from keras_attention.decoding.search import Search
from keras_attention.decoding.state import LOWEST, gather_beams

LENGTH_PENALTIES = {"wu": length_penalty, "simple": simple_length_penalty}


@keras.saving.register_keras_serializable("keras_attention")
class Beam(Search):
    """Beam search, scored with the penalties of Wu et al. (2016), equation 14.

        score(Y, X) = log P(Y | X) / lp(Y) + cp(X; Y)
        lp(Y)       = ((5 + |Y|) / 6) ** length_penalty, or |Y| ** length_penalty
        cp(X; Y)    = coverage_penalty * sum_i log(min(sum_j p_ij, 1))

    `|Y|` and the sum over `j` count the end token; `i` runs over the unmasked source positions.

    Every step ranks the `2 * width` most probable continuations by log-probability. Those that
    end compete, by score, for a place among the `n_best` finished hypotheses; the `width` best of
    the others live on. A sentence stops when no live beam can reach the score of the last of the
    `n_best` any more (log-probabilities only fall, whatever the constraints leave, and coverage
    penalties are at most 0, so a live beam's score is bounded), so stopping early never changes the
    result. Beams still alive after `max_length` steps compete as they are, by the same score.

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
        constraints: Sequence of `Constraint`.
        length_normalization: `"wu"`, `lp` of the paper, or `"simple"`, the plain power of the
            length: with a `length_penalty` of 1 a score is the mean log-probability of a token.

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

    def __init__(
        self,
        width=5,
        length_penalty=0.0,
        coverage_penalty=0.0,
        n_best=1,
        max_length=64,
        constraints=(),
        length_normalization="wu",
    ):
        super().__init__(max_length, constraints)
        self.width = positive_integer("width", width)
        self.n_best = positive_integer("n_best", n_best)
        if self.n_best > self.width:
            raise ValueError(
                "`n_best` is expected to be at most `width`. "
                f"Received: n_best={n_best}, width={width}"
            )
        if length_normalization not in LENGTH_PENALTIES:
            raise ValueError(
                f"`length_normalization` is expected to be one of {', '.join(LENGTH_PENALTIES)}. "
                f"Received: length_normalization={length_normalization!r}"
            )
        self.length_normalization = length_normalization
        self.length_penalty = finite("length_penalty", length_penalty)
        self.coverage_penalty = finite("coverage_penalty", coverage_penalty, lowest=0)

    @property
    def beams(self):
        """The number of sentences returned for each row, `n_best`."""
        return self.n_best

    @property
    def empty_score_is_log_probability(self):
        """True without a coverage penalty: a length penalty is 1 for one token."""
        return not self.coverage_penalty

    def all_beams(self):
        """The same search with `n_best` as large as `width`; itself if it is."""
        if self.n_best == self.width:
            return self
        return type(self).from_config({**self.get_config(), "n_best": self.width})

    def get_config(self):
        """The arguments that make an equal search; no `length_normalization` where it is "wu".

        So a search that version 0.1 had looks as it did there, where it is recorded.
        """
        normalization = {"length_normalization": self.length_normalization}
        return {
            "width": self.width,
            "length_penalty": self.length_penalty,
            "coverage_penalty": self.coverage_penalty,
            "n_best": self.n_best,
            **(normalization if self.length_normalization != "wu" else {}),
            **super().get_config(),
        }

    def __call__(
        self,
        step,
        state,
        source_mask,
        start_id,
        end_id,
        pad_id=0,
        prefix=None,
        row_keys=None,
        return_alignments=True,
    ):
        """Search with beams: see `Search`."""
        rules = Rules(
            self.constraints, prefix, source_mask, self.width, self.max_length, end_id, pad_id
        )
        run = BeamRun(self, step, state, source_mask, end_id, rules, return_alignments)
        return run(start_id, pad_id)

    # What `BeamRun` asks -------------------------------------------------------------------------

    @property
    def groups(self):
        """The number of groups that the beams are split into."""
        return 1

    @property
    def tokens_per_beam(self):
        """How many of the best tokens of each beam can come to be among the candidates."""
        return 2 * self.width

    def candidates(self, log_probs, token_log_probs, tokens, end_id, sentences):
        """The best ways to go on.

        Args:
            log_probs: Of the live beams, float32 `(batch, width)`.
            token_log_probs, tokens: The best tokens of each beam, float32 and int32
                `(batch * width, tokens_per_beam)`.
            end_id: Integer.
            sentences: int32 `(batch, 1)`, see `gather_beams`.

        Returns:
            `Candidates`, `2 * width` of them: at least `width` do not end.
        """
        return continuations(log_probs, token_log_probs, tokens, sentences)

    def hypothesis_scores(self, log_probs, parents, length, coverage, source_mask, sentences):
        """Equation 14 for hypotheses of `length` tokens, the end token counted.

        Args:
            log_probs: float32 `(batch, candidates)`.
            parents: int32 `(batch, candidates)`, the beams they go on from.
            length: Integer or int32 scalar.
            coverage: float32 `(batch * width, source)`, of the parents, this step included.
            source_mask: Bool `(batch * width, source)`.
            sentences: int32 `(batch, 1)`, see `gather_beams`.

        Returns:
            float32 `(batch, candidates)`.
        """
        scores = log_probs / self._length_penalty(length)
        if self.coverage_penalty:
            penalties = coverage_penalty(coverage, source_mask, self.coverage_penalty)
            penalties = ops.reshape(penalties, (-1, self.width // self.groups))  # (batch, width)
            scores = scores + gather_beams(penalties, parents, sentences)
        return ops.where(log_probs > LOWEST, scores, LOWEST)

    def upper_bound(self, log_probs, length):
        """No score of a live beam that ends with `length` tokens or more is above this.

        Log-probabilities only fall, whatever the constraints leave to choose from, and coverage
        penalties are at most 0. Both length penalties are monotonic in the length, so the greatest
        is that of the shortest or of the longest sentence.

        Args:
            log_probs: Of the live beams, float32 `(batch, width)`.
            length: int32 scalar.

        Returns:
            float32 `(batch, width)`.
        """
        weakest = ops.maximum(
            self._length_penalty(ops.minimum(length, self.max_length)),
            self._length_penalty(self.max_length),
        )
        return ops.where(log_probs > LOWEST, log_probs / weakest, LOWEST)

    def merge(self, finished):
        """The finished hypotheses of all groups of a sentence, best first.

        Args:
            finished: See `Finished`, one group a row.

        Returns:
            `Finished`, one sentence a row.
        """
        return finished

    def _length_penalty(self, length):
        return LENGTH_PENALTIES[self.length_normalization](length, self.length_penalty)

"""The loop of searches that follow one path for each sentence they return."""

from typing import NamedTuple

from keras import ops

from keras_attention.decoding.rules import Rules
from keras_attention.decoding.search import Search, SearchResult
from keras_attention.decoding.state import (
    LOWEST,
    StateLeaves,
    first_tokens,
    vocabulary_size,
)
from keras_attention.ops.buffers import write_row


class Paths(NamedTuple):
    """The sentences of a search in the middle of it; `rows` is the batch times the beams."""

    tokens: object  # (rows,), the last ones
    ids: object  # (rows, max_length)
    scores: object  # (rows,)
    lengths: object  # (rows,)
    done: object  # (rows,)
    alignments: object  # (max_length, rows, source), or () where they are not kept
    token_scores: object  # (rows, max_length)
    leaves: tuple  # each (rows, ...)


class PathSearch(Search):
    """A search whose every step adds one token to each path and never looks back.

    A subclass says in `chooser` how the token is chosen. Several paths for one sentence (`beams`)
    know nothing of each other until they are ranked by their scores.
    """

    @property
    def empty_score_is_log_probability(self):
        """True: the score is the sum of the log-probabilities."""
        return True

    def chooser(self, batch, row_keys):
        """The function that chooses.

        Args:
            batch: Integer or int32 scalar, the number of sentences.
            row_keys: As `Search` is given it.

        Returns:
            Function of `logits` `(rows, vocabulary)`, `allowed` (None or bool of that shape) and
            the step, an int32 scalar; gives the log-probabilities of the tokens, float32 `(rows,)`,
            and the tokens, int32 `(rows,)`.
        """
        raise NotImplementedError

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
        """Search along `beams` paths a row: see `Search`."""
        batch, source_length = ops.shape(source_mask)
        leaves = StateLeaves(state)
        rules = Rules(
            self.constraints, prefix, source_mask, self.beams, self.max_length, end_id, pad_id
        )
        choose = self.chooser(batch, row_keys)

        def keep_going(t, paths):
            return ops.logical_and(t < self.max_length, ops.logical_not(ops.all(paths.done)))

        def advance(t, paths):
            logits, new_state, alignment = step(paths.tokens, leaves.pack(paths.leaves))
            if return_alignments:
                row = ops.cast(alignment, "float32")
                paths = paths._replace(alignments=write_row(paths.alignments, t, row))
            allowed = rules.allowed(paths.ids, t, vocabulary_size(logits)) if rules else None
            log_probs, tokens = choose(logits, allowed, t)
            if rules:
                paths = _end_what_cannot_go_on(paths, log_probs)
            paths = _extended(paths, tokens, log_probs, t, end_id, pad_id)
            return t + 1, paths._replace(leaves=leaves.flatten(new_state))

        rows, alignments = batch * self.beams, ()
        if return_alignments:
            alignments = ops.zeros((self.max_length, rows, source_length), dtype="float32")
        paths = Paths(
            tokens=first_tokens(start_id, batch, self.beams),
            ids=ops.full((rows, self.max_length), pad_id, dtype="int32"),
            scores=ops.zeros((rows,), dtype="float32"),
            lengths=ops.zeros((rows,), dtype="int32"),
            done=ops.zeros((rows,), dtype="bool"),
            alignments=alignments,
            token_scores=ops.zeros((rows, self.max_length), dtype="float32"),
            leaves=leaves.repeat(self.beams),
        )
        _, paths = ops.while_loop(keep_going, advance, (ops.zeros((), dtype="int32"), paths))
        return self._ranked(_result(paths), batch)

    def _ranked(self, result, batch):
        """Paths `(rows, ...)` as sentences `(batch, beams, ...)`, best first."""
        if self.beams == 1:
            return _each(result, lambda field: field[:, None])
        _, order = ops.top_k(ops.reshape(result.scores, (batch, self.beams)), self.beams)
        sentences = ops.arange(batch, dtype="int32")[:, None]  # (batch, 1)
        rows = sentences * self.beams + ops.cast(order, "int32")  # (batch, beams)

        def ranked(field):
            # JAX gives the wrong shape to what it takes from an empty batch.
            shape = (batch, self.beams, *ops.shape(field)[1:])
            return ops.reshape(ops.take(field, rows, axis=0), shape)

        return _each(result, ranked)


def _extended(paths, tokens, log_probs, t, end_id, pad_id):
    """Paths with one more token each, padding where they are done."""
    done = ops.logical_or(paths.done, tokens == end_id)
    tokens = ops.where(done, pad_id, tokens)
    log_probs = ops.where(paths.done, 0.0, log_probs)
    now = _positions(paths) == t
    return paths._replace(
        tokens=tokens,
        ids=ops.where(now, tokens[:, None], paths.ids),
        scores=paths.scores + log_probs,
        lengths=paths.lengths + ops.cast(ops.logical_not(done), "int32"),
        done=done,
        token_scores=ops.where(now, log_probs[:, None], paths.token_scores),
    )


def _positions(paths):
    """Where tokens stand, `(1, max_length)`."""
    return ops.arange(paths.ids.shape[1], dtype="int32")[None, :]


def _end_what_cannot_go_on(paths, log_probs):
    """Ends those whose best continuation is not allowed: they get the score `LOWEST`."""
    stuck = ops.logical_and(log_probs <= LOWEST, ops.logical_not(paths.done))
    return paths._replace(
        done=ops.logical_or(paths.done, stuck), scores=ops.where(stuck, LOWEST, paths.scores)
    )


def _each(result, function):
    """A result whose fields the function has changed, those that are there."""
    return SearchResult(*(None if field is None else function(field) for field in result))


def _result(paths):
    written = _positions(paths) < paths.lengths[:, None]  # (rows, max_length)
    alignments = None
    if not isinstance(paths.alignments, tuple):
        alignments = ops.transpose(paths.alignments, (1, 0, 2))  # (rows, max_length, source)
        alignments = ops.where(written[..., None], alignments, 0.0)
    return SearchResult(
        ids=paths.ids,
        scores=paths.scores,
        lengths=paths.lengths,
        alignments=alignments,
        token_scores=ops.where(written, paths.token_scores, 0.0),
    )

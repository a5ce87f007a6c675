"""Live beams, finished hypotheses, and the moves between them."""

from typing import NamedTuple

from keras import ops

from keras_attention.decoding.search import SearchResult
from keras_attention.decoding.state import LOWEST, gather_beams


class Live(NamedTuple):
    """The beams that have not ended.

    `history` holds, for every token so far, its id and the row it was chosen from, where its
    alignment was written, so that alignments themselves never move. A beam whose log-probability is
    `LOWEST` does not exist.
    """

    tokens: object  # (batch * width,), the last ones
    history: object  # (batch, width, 2, max_length)
    log_probs: object  # (batch, width)
    leaves: tuple  # each (batch * width, ...)

    @property
    def ids(self):
        """The tokens so far, `(batch * width, max_length)`."""
        return ops.reshape(self.history[:, :, 0], (-1, self.history.shape[3]))


class Finished(NamedTuple):
    """The best ended hypotheses, best first; one whose score is `LOWEST` does not exist."""

    history: object  # (batch, n_best, 2, max_length)
    lengths: object  # (batch, n_best)
    rows: object  # (batch, n_best), the row its last token stood in
    scores: object  # (batch, n_best)


class Candidates(NamedTuple):
    """Live beams with one more token, in the order of their ranks."""

    log_probs: object  # (batch, candidates)
    parents: object  # (batch, candidates), the live beam each goes on from
    tokens: object  # (batch, candidates)
    ranks: object = None  # (batch, candidates), what they are chosen by; None: the log_probs


class Written(NamedTuple):
    """What every step writes once and nothing moves: `rows` is the batch times the width."""

    alignments: object  # (max_length, rows, source), of the rows before the step, or ()
    log_probs: object  # (max_length, rows), of the beams after the step


def empty_history(batch, beams, max_length, pad_id):
    """No token yet: padding, and rows that nobody reads."""
    ids = ops.full((batch, beams, max_length), pad_id, dtype="int32")
    return ops.stack([ids, ops.zeros_like(ids)], axis=2)  # (batch, beams, 2, max_length)


def first_beams(batch, width, max_length, tokens, pad_id, leaves):
    """One empty hypothesis in each sentence: beam 0, so that no two beams are ever the same."""
    log_probs = ops.where(ops.arange(width, dtype="int32") == 0, 0.0, LOWEST)  # (width,)
    return Live(
        tokens=tokens,
        history=empty_history(batch, width, max_length, pad_id),
        log_probs=ops.zeros((batch, 1), dtype="float32") + log_probs,
        leaves=leaves,
    )


def nothing_finished(batch, n_best, max_length, pad_id):
    """Empty hypotheses that any real one beats."""
    nothing = ops.zeros((batch, n_best), dtype="int32")
    return Finished(
        history=empty_history(batch, n_best, max_length, pad_id),
        lengths=nothing,
        rows=nothing,
        scores=ops.full((batch, n_best), LOWEST, dtype="float32"),
    )


def nothing_written(max_length, rows, source_length=None):
    """Room for every step; for alignments only with a `source_length`."""
    alignments = ()
    if source_length is not None:
        alignments = ops.zeros((max_length, rows, source_length), dtype="float32")
    return Written(
        alignments=alignments,
        log_probs=ops.zeros((max_length, rows), dtype="float32"),
    )


def continuations(log_probs, token_log_probs, tokens, sentences):
    """The `2 * width` most probable ways to go on: at least `width` of them do not end.

    Args:
        log_probs: Of the live beams, float32 `(batch, width)`.
        token_log_probs, tokens: The best tokens of each row, float32 and int32
            `(batch * width, k)`.
        sentences: int32 `(batch, 1)`, see `gather_beams`.
    """
    width, k = log_probs.shape[1], tokens.shape[1]  # k < 2 * width in a small vocabulary
    joint = joint_log_probs(log_probs, token_log_probs)  # (batch, width * k)
    best, chosen = ops.top_k(joint, min(2 * width, width * k))
    chosen = ops.cast(chosen, "int32")
    tokens = gather_beams(ops.reshape(tokens, (-1, width * k)), chosen, sentences)
    return Candidates(log_probs=best, parents=chosen // k, tokens=tokens)


def joint_log_probs(log_probs, token_log_probs):
    """The log-probability of each live beam with each of its tokens: `(batch, width * k)`."""
    width, k = log_probs.shape[1], token_log_probs.shape[1]
    joint = log_probs[:, :, None] + ops.reshape(token_log_probs, (-1, width, k))
    # An impossible token (-inf) is like a beam that does not exist.
    return ops.reshape(ops.maximum(joint, LOWEST), (-1, width * k))


def survivors(candidates, ends, width, sentences):
    """The log-probabilities and places of the `width` best candidates that do not end.

    Args:
        candidates: See `Candidates`.
        ends: Bool `(batch, candidates)`.
        width: Integer.
        sentences: int32 `(batch, 1)`, see `gather_beams`.
    """
    log_probs = ops.where(ends, LOWEST, candidates.log_probs)
    if candidates.ranks is None:
        return ops.top_k(log_probs, width)
    _, chosen = ops.top_k(ops.where(ends, LOWEST, candidates.ranks), width)
    return gather_beams(log_probs, chosen, sentences), chosen


def live_on(live, candidates, ends, t, sentences, reorder):
    """The `width` best candidates that do not end, as the beams of the next step.

    Args:
        live: The beams the candidates go on from.
        candidates: See `Candidates`.
        ends: Bool `(batch, candidates)`.
        t: int32 scalar, the position the new token is written to.
        sentences: int32 `(batch, 1)`, see `gather_beams`.
        reorder: Function of int32 `(batch * width,)`, the row each new beam goes on from; gives
            the leaves in that order.
    """
    width, _, max_length = live.history.shape[1:]
    log_probs, chosen = survivors(candidates, ends, width, sentences)
    both = ops.stack([candidates.tokens, candidates.parents], axis=-1)
    both = gather_beams(both, chosen, sentences)  # (batch, width, 2)
    tokens, parents = both[..., 0], both[..., 1]  # (batch, width)
    rows = sentences * width + parents  # (batch, width), of (batch * width,)
    now = ops.arange(max_length, dtype="int32") == t  # (max_length,)
    written = ops.stack([tokens, rows], axis=-1)[..., None]  # (batch, width, 2, 1)
    history = gather_beams(live.history, parents, sentences)
    return Live(
        tokens=ops.reshape(tokens, (-1,)),
        history=ops.where(now, written, history),
        log_probs=log_probs,
        leaves=reorder(ops.reshape(rows, (-1,))),
    )


def keep_best(finished, live, scores, parents, length, sentences):
    """The best of the finished hypotheses and of the newly scored ones.

    Args:
        finished: See `Finished`.
        live: The beams the new ones are made of.
        scores: float32 `(batch, new)`, `LOWEST` for those that do not count.
        parents: int32 `(batch, new)`, the live beam whose tokens each has.
        length: int32 scalar, the number of those tokens.
        sentences: int32 `(batch, 1)`, see `gather_beams`.
    """
    n_best, width = finished.scores.shape[1], live.history.shape[1]
    best, chosen = ops.top_k(ops.concatenate([finished.scores, scores], axis=1), n_best)
    kept = ops.zeros_like(finished.lengths) + ops.arange(n_best, dtype="int32")
    old = ops.stack([kept, finished.lengths, finished.rows], axis=-1)  # (batch, n_best, 3)
    lengths = ops.zeros_like(parents) + length
    new = ops.stack([n_best + parents, lengths, sentences * width + parents], axis=-1)
    both = gather_beams(ops.concatenate([old, new], axis=1), chosen, sentences)
    history = ops.concatenate([finished.history, live.history], axis=1)
    return Finished(
        history=gather_beams(history, both[..., 0], sentences),
        lengths=both[..., 1],
        rows=both[..., 2],
        scores=best,
    )


def search_result(finished, written):
    """What the search returns.

    Args:
        finished: See `Finished`.
        written: See `Written`.
    """
    kept = not isinstance(written.alignments, tuple)
    # tf2onnx tells the shape of an empty batch's log-probabilities wrongly.
    max_length, rows = ops.shape(written.alignments if kept else written.log_probs)[:2]
    ids, origins = finished.history[:, :, 0], finished.history[:, :, 1]
    positions = ops.arange(max_length, dtype="int32")  # (max_length,)
    exists = positions < finished.lengths[..., None]  # (batch, n_best, max_length)
    alignments = None
    if kept:
        source_length = ops.shape(written.alignments)[-1]
        flat = ops.reshape(written.alignments, (max_length * rows, source_length))
        alignments = ops.take(flat, positions * rows + origins, axis=0)
        alignments = ops.reshape(alignments, (*ops.shape(ids), source_length))
        alignments = ops.where(exists[..., None], alignments, 0.0)
    # The row a token stands in is the one that the next token was chosen from.
    last = positions == finished.lengths[..., None] - 1
    own = ops.concatenate([origins[..., 1:], origins[..., :1]], axis=-1)
    own = ops.where(last, finished.rows[..., None], own)
    log_probs = ops.take(ops.reshape(written.log_probs, (-1,)), positions * rows + own, axis=0)
    # JAX gives the wrong shape to what it takes from an empty batch.
    log_probs = ops.where(exists, ops.reshape(log_probs, ops.shape(ids)), 0.0)
    before = ops.concatenate([ops.zeros_like(log_probs[..., :1]), log_probs[..., :-1]], axis=-1)
    return SearchResult(
        ids=ids,
        scores=finished.scores,
        lengths=finished.lengths,
        alignments=alignments,
        token_scores=ops.where(exists, log_probs - before, 0.0),
    )

"""Live beams, finished hypotheses, and the moves between them."""

from typing import NamedTuple

from keras import ops

from keras_attention.decoding.search import SearchResult
from keras_attention.decoding.state import LOWEST, gather_beams, top_log_probs


class Live(NamedTuple):
    """The beams that have not ended.

    `history` holds, for every token so far, its id and the row its alignment was written to, so
    that alignments themselves never move. A beam whose log-probability is `LOWEST` does not exist.
    """

    tokens: object  # (batch * width,), the last ones
    history: object  # (batch, width, 2, max_length)
    log_probs: object  # (batch, width)
    leaves: tuple  # each (batch * width, ...)


class Finished(NamedTuple):
    """The best ended hypotheses, best first; one whose score is `LOWEST` does not exist."""

    history: object  # (batch, n_best, 2, max_length)
    lengths: object  # (batch, n_best)
    scores: object  # (batch, n_best)


class Candidates(NamedTuple):
    """Live beams with one more token, most probable first."""

    log_probs: object  # (batch, candidates)
    parents: object  # (batch, candidates), the live beam each goes on from
    tokens: object  # (batch, candidates)


def empty_history(batch, beams, max_length, pad_id):
    """No token yet: padding, and rows that nobody reads."""
    ids = ops.full((batch, beams, max_length), pad_id, dtype="int32")
    return ops.stack([ids, ops.zeros_like(ids)], axis=2)  # (batch, beams, 2, max_length)


def first_beams(batch, width, max_length, start_id, pad_id, leaves):
    """One empty hypothesis in each sentence: beam 0, so that no two beams are ever the same."""
    log_probs = ops.where(ops.arange(width, dtype="int32") == 0, 0.0, LOWEST)  # (width,)
    return Live(
        tokens=ops.full((batch * width,), start_id, dtype="int32"),
        history=empty_history(batch, width, max_length, pad_id),
        log_probs=ops.zeros((batch, 1), dtype="float32") + log_probs,
        leaves=leaves,
    )


def nothing_finished(batch, n_best, max_length, pad_id):
    """Empty hypotheses that any real one beats."""
    return Finished(
        history=empty_history(batch, n_best, max_length, pad_id),
        lengths=ops.zeros((batch, n_best), dtype="int32"),
        scores=ops.full((batch, n_best), LOWEST, dtype="float32"),
    )


def continuations(logits, log_probs, sentences):
    """The `2 * width` most probable ways to go on: at least `width` of them do not end.

    Args:
        logits: `(batch * width, vocabulary)`.
        log_probs: Of the live beams, float32 `(batch, width)`.
        sentences: int32 `(batch, 1)`, see `gather_beams`.
    """
    width = log_probs.shape[1]
    token_log_probs, tokens = top_log_probs(logits, 2 * width)
    k = tokens.shape[1]  # less than 2 * width in a small vocabulary
    joint = log_probs[:, :, None] + ops.reshape(token_log_probs, (-1, width, k))
    # An impossible token (-inf) is like a beam that does not exist.
    joint = ops.reshape(ops.maximum(joint, LOWEST), (-1, width * k))
    best, chosen = ops.top_k(joint, min(2 * width, width * k))
    chosen = ops.cast(chosen, "int32")
    tokens = gather_beams(ops.reshape(tokens, (-1, width * k)), chosen, sentences)
    return Candidates(log_probs=best, parents=chosen // k, tokens=tokens)


def live_on(live, candidates, ends, t, sentences, reorder):
    """The `width` most probable candidates that do not end, as the beams of the next step.

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
    log_probs, chosen = ops.top_k(ops.where(ends, LOWEST, candidates.log_probs), width)
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
    n_best = finished.scores.shape[1]
    best, chosen = ops.top_k(ops.concatenate([finished.scores, scores], axis=1), n_best)
    kept = ops.zeros_like(finished.lengths) + ops.arange(n_best, dtype="int32")
    places = ops.concatenate([kept, n_best + parents], axis=1)  # in finished, then live
    lengths = ops.concatenate([finished.lengths, ops.zeros_like(parents) + length], axis=1)
    both = gather_beams(ops.stack([places, lengths], axis=-1), chosen, sentences)
    history = ops.concatenate([finished.history, live.history], axis=1)
    return Finished(
        history=gather_beams(history, both[..., 0], sentences),
        lengths=both[..., 1],
        scores=best,
    )


def search_result(finished, alignments):
    """What the search returns.

    Args:
        finished: See `Finished`.
        alignments: float32 `(max_length, rows, source)`, each row where its step left it.
    """
    max_length, rows, source_length = ops.shape(alignments)
    ids, origins = finished.history[:, :, 0], finished.history[:, :, 1]
    positions = ops.arange(max_length, dtype="int32")  # (max_length,)
    flat = ops.reshape(alignments, (max_length * rows, source_length))
    alignments = ops.take(flat, positions * rows + origins, axis=0)
    alignments = ops.reshape(alignments, (*ops.shape(ids), source_length))
    written = positions < finished.lengths[..., None]  # (batch, n_best, max_length)
    alignments = ops.where(written[..., None], alignments, 0.0)
    return SearchResult(ids, finished.scores, finished.lengths, alignments)

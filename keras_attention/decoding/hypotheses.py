"""Live beams, finished hypotheses, and the moves between them."""

from typing import NamedTuple

from keras import ops

from keras_attention.decoding.search import SearchResult
from keras_attention.decoding.state import LOWEST, flat_rows, gather_beams, top_log_probs


class Live(NamedTuple):
    """The beams that have not ended.

    `origins` says which row each token's alignment was written to, so that the alignments
    themselves never move. A beam of the lowest finite log-probability does not exist.
    """

    tokens: object  # (batch * width,), the last ones
    ids: object  # (batch, width, max_length)
    origins: object  # (batch, width, max_length), rows of (batch * width,)
    log_probs: object  # (batch, width)
    coverage: object  # (batch * width, source)
    leaves: tuple  # each (batch * width, ...)


class Finished(NamedTuple):
    """The best ended hypotheses, best first; one of the lowest finite score does not exist."""

    ids: object  # (batch, n_best, max_length)
    origins: object  # (batch, n_best, max_length)
    lengths: object  # (batch, n_best)
    scores: object  # (batch, n_best)


class Candidates(NamedTuple):
    """Live beams with one more token, most probable first."""

    log_probs: object  # (batch, candidates)
    parents: object  # (batch, candidates), the live beam each goes on from
    tokens: object  # (batch, candidates)


def first_beams(batch, width, max_length, source_length, start_id, pad_id, leaves):
    """One empty hypothesis in each sentence: beam 0, so that no two beams are ever the same."""
    log_probs = ops.where(ops.arange(width, dtype="int32") == 0, 0.0, LOWEST)  # (width,)
    return Live(
        tokens=ops.full((batch * width,), start_id, dtype="int32"),
        ids=ops.full((batch, width, max_length), pad_id, dtype="int32"),
        origins=ops.zeros((batch, width, max_length), dtype="int32"),
        log_probs=ops.zeros((batch, 1), dtype="float32") + log_probs,
        coverage=ops.zeros((batch * width, source_length), dtype="float32"),
        leaves=leaves,
    )


def nothing_finished(batch, n_best, max_length, pad_id):
    """Empty hypotheses that any real one beats."""
    return Finished(
        ids=ops.full((batch, n_best, max_length), pad_id, dtype="int32"),
        origins=ops.zeros((batch, n_best, max_length), dtype="int32"),
        lengths=ops.zeros((batch, n_best), dtype="int32"),
        scores=ops.full((batch, n_best), LOWEST, dtype="float32"),
    )


def continuations(logits, log_probs):
    """The `2 * width` most probable ways to go on: at least `width` of them do not end.

    Args:
        logits: `(batch * width, vocabulary)`.
        log_probs: Of the live beams, float32 `(batch, width)`.
    """
    batch, width = ops.shape(log_probs)
    token_log_probs, tokens = top_log_probs(logits, 2 * width)
    k = tokens.shape[-1]  # less than 2 * width in a small vocabulary
    joint = log_probs[:, :, None] + ops.reshape(token_log_probs, (batch, width, k))
    # An impossible token (-inf) is like a beam that does not exist.
    joint = ops.reshape(ops.maximum(joint, LOWEST), (batch, width * k))
    best, chosen = ops.top_k(joint, min(2 * width, width * k))
    chosen = ops.cast(chosen, "int32")
    tokens = gather_beams(ops.reshape(tokens, (batch, width * k)), chosen)
    return Candidates(log_probs=best, parents=chosen // k, tokens=tokens)


def live_on(live, candidates, allowed, t, coverage, new_leaves, state_leaves):
    """The `width` most probable allowed candidates as the beams of the next step.

    Args:
        live: The beams the candidates go on from.
        candidates: See `Candidates`.
        allowed: Bool `(batch, candidates)`, those that do not end.
        t: int32 scalar, the position the new token is written to.
        coverage: Of the old beams with this step's alignment, `(batch * width, source)`.
        new_leaves: The state after this step, in the order of the old beams.
        state_leaves: The `StateLeaves` that re-orders it.
    """
    width, max_length = live.ids.shape[1:]
    log_probs, chosen = ops.top_k(ops.where(allowed, candidates.log_probs, LOWEST), width)
    parents = gather_beams(candidates.parents, chosen)  # (batch, width)
    tokens = gather_beams(candidates.tokens, chosen)  # (batch, width)
    parent_rows = flat_rows(parents, width)  # (batch, width)
    rows = ops.reshape(parent_rows, (-1,))  # (batch * width,)
    now = ops.arange(max_length, dtype="int32") == t  # (max_length,)
    return Live(
        tokens=ops.reshape(tokens, (-1,)),
        ids=ops.where(now, tokens[..., None], gather_beams(live.ids, parents)),
        origins=ops.where(now, parent_rows[..., None], gather_beams(live.origins, parents)),
        log_probs=log_probs,
        coverage=ops.take(coverage, rows, axis=0),
        leaves=state_leaves.reorder(live.leaves, new_leaves, rows),
    )


def keep_best(finished, live, scores, parents, length):
    """The best of the finished hypotheses and of the newly scored ones.

    Args:
        finished: See `Finished`.
        live: The beams the new ones are made of.
        scores: float32 `(batch, new)`, the lowest finite score for those that do not count.
        parents: int32 `(batch, new)`, the live beam whose tokens each has.
        length: int32 scalar, the number of those tokens.
    """
    n_best = finished.scores.shape[1]
    best, chosen = ops.top_k(ops.concatenate([finished.scores, scores], axis=1), n_best)
    lengths = ops.zeros_like(parents) + length
    lengths = ops.concatenate([finished.lengths, lengths], axis=1)
    kept = ops.zeros_like(finished.lengths) + ops.arange(n_best, dtype="int32")
    sources = ops.concatenate([kept, n_best + parents], axis=1)
    sources = gather_beams(sources, chosen)  # (batch, n_best), into finished then live
    return Finished(
        ids=gather_beams(ops.concatenate([finished.ids, live.ids], axis=1), sources),
        origins=gather_beams(ops.concatenate([finished.origins, live.origins], axis=1), sources),
        lengths=gather_beams(lengths, chosen),
        scores=best,
    )


def search_result(finished, alignments):
    """What the search returns.

    Args:
        finished: See `Finished`.
        alignments: float32 `(max_length, rows, source)`, each row where its step left it.
    """
    max_length, rows, source_length = ops.shape(alignments)
    positions = ops.arange(max_length, dtype="int32")  # (max_length,)
    flat = ops.reshape(alignments, (max_length * rows, source_length))
    alignments = ops.take(flat, positions * rows + finished.origins, axis=0)
    written = positions < finished.lengths[..., None]  # (batch, n_best, max_length)
    alignments = ops.where(written[..., None], alignments, 0.0)
    return SearchResult(finished.ids, finished.scores, finished.lengths, alignments)

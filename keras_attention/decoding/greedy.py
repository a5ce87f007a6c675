"""Greedy search: the most probable token, step by step."""

import keras
from keras import ops

from keras_attention.decoding.search import Search, SearchResult
from keras_attention.decoding.state import StateLeaves, top_log_probs


@keras.saving.register_keras_serializable("keras_attention")
class Greedy(Search):
    """Greedy search: every step takes the most probable token.

        y_t = argmax_y P(y | y_<t, X),    score = sum_t log P(y_t | y_<t, X)

    The sum runs up to and including the end token. `Search` describes the call and its result,
    whose beam axis has size 1.

    Args:
        max_length: Integer of at least 1, the most steps taken.

    Example:

    >>> def step(token_ids, state):  # whatever comes in: token 1, then the end
    ...     logits = ops.one_hot(state["position"] + 1, 3) * 9.0
    ...     alignment = ops.ones((ops.shape(token_ids)[0], 1))
    ...     return logits, {"position": state["position"] + 1}, alignment
    >>> state = {"position": ops.zeros((1,), dtype="int32")}
    >>> result = Greedy(max_length=4)(step, state, ops.ones((1, 1), "bool"), start_id=0, end_id=2)
    >>> ops.convert_to_numpy(result.ids).tolist()
    [[[1, 0, 0, 0]]]
    """

    def __call__(self, step, state, source_mask, start_id, end_id, pad_id=0):
        """Search greedily: see `Search`."""
        batch, source_length = ops.shape(source_mask)
        positions = ops.arange(self.max_length, dtype="int32")[None, :]  # (1, max_length)
        state_leaves = StateLeaves(state)

        def keep_going(t, tokens, ids, scores, lengths, done, alignments, leaves):
            return ops.logical_and(t < self.max_length, ops.logical_not(ops.all(done)))

        def advance(t, tokens, ids, scores, lengths, done, alignments, leaves):
            logits, new_state, alignment = step(tokens, state_leaves.pack(leaves))
            alignment = ops.cast(alignment, "float32")[None]
            alignments = ops.scatter_update(alignments, ops.reshape(t, (1, 1)), alignment)

            log_probs, tokens = top_log_probs(logits, 1)
            log_probs = ops.squeeze(log_probs, -1)  # (batch,)
            scores = scores + ops.where(done, 0.0, log_probs)
            tokens = ops.squeeze(tokens, -1)  # (batch,)
            done = ops.logical_or(done, tokens == end_id)
            tokens = ops.where(done, pad_id, tokens)
            ids = ops.where(positions == t, tokens[:, None], ids)
            lengths = lengths + ops.cast(ops.logical_not(done), "int32")
            leaves = state_leaves.flatten(new_state)
            return t + 1, tokens, ids, scores, lengths, done, alignments, leaves

        _, _, ids, scores, lengths, _, alignments, _ = ops.while_loop(
            keep_going,
            advance,
            (
                ops.zeros((), dtype="int32"),
                ops.full((batch,), start_id, dtype="int32"),
                ops.full((batch, self.max_length), pad_id, dtype="int32"),
                ops.zeros((batch,), dtype="float32"),
                ops.zeros((batch,), dtype="int32"),
                ops.zeros((batch,), dtype="bool"),
                ops.zeros((self.max_length, batch, source_length), dtype="float32"),
                state_leaves.leaves,
            ),
        )
        alignments = ops.transpose(alignments, (1, 0, 2))  # (batch, max_length, source)
        written = positions < lengths[:, None]  # (batch, max_length)
        alignments = ops.where(written[..., None], alignments, 0.0)
        return SearchResult(ids[:, None], scores[:, None], lengths[:, None], alignments[:, None])

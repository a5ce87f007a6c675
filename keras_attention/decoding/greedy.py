"""Greedy search: the most probable token, step by step."""

import keras
from keras import ops

from keras_attention.decoding.path_search import PathSearch
from keras_attention.decoding.state import top_log_probs


@keras.saving.register_keras_serializable("keras_attention")
class Greedy(PathSearch):
    """Greedy search: every step takes the most probable token.

        y_t = argmax_y P(y | y_<t, X),    score = sum_t log P(y_t | y_<t, X)

    The sum runs up to and including the end token. `Search` describes the call and its result,
    whose beam axis has size 1.

    Args:
        max_length: Integer of at least 1, the most steps taken.
        constraints: Sequence of `Constraint`.

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

    def chooser(self, batch, row_keys):
        """The most probable token: see `PathSearch`."""

        def choose(logits, allowed, t):
            log_probs, tokens = top_log_probs(logits, 1, allowed)  # (batch, 1)
            return ops.squeeze(log_probs, -1), ops.squeeze(tokens, -1)

        return choose

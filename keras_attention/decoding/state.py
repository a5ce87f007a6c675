"""The state of a step function as flat leaves, the form that every backend's loop carries."""

from keras import ops, tree

from keras_attention.decoding.top_k import top_k

# The log-probability and the score of what does not exist. Far below any real one, and yet far
# enough from the lowest float32 that no sum or quotient of it is infinite: tf2onnx, left to itself,
# writes `where` as a sum of products, which infinity would turn into NaN.
LOWEST = -1e30

# The key of what all beams of a sentence share.
SHARED = "shared"


class StateLeaves:
    """A nested search state, taken apart and put together again.

    What stands under a key `"shared"` is one thing for all beams of a sentence: no loop carries it,
    and its batch axis counts sentences where that of the rest counts sentences times beams. Every
    step is given it as it was at first, whatever a step returned in its place: a compiled step
    returns copies.

    Args:
        state: Nest of tensors whose leaves all start with the batch axis.
    """

    def __init__(self, state):
        self._structure = state
        leaves = [
            (SHARED in path, ops.convert_to_tensor(leaf))
            for path, leaf in tree.flatten_with_path(state)
        ]
        self._shared = [leaf if shared else None for shared, leaf in leaves]
        self.leaves = tuple(leaf for shared, leaf in leaves if not shared)
        self._differs_between_beams = [False] * len(self.leaves)

    def repeat(self, width):
        """The leaves with every row `width` times in a row: `(batch * width, ...)`."""
        if width == 1:
            return self.leaves
        return tuple(repeat_rows(leaf, width) for leaf in self.leaves)

    def pack(self, leaves):
        """The nest that `step` is given."""
        own = iter(leaves)
        whole = [next(own) if shared is None else shared for shared in self._shared]
        return tree.pack_sequence_as(self._structure, whole)

    def flatten(self, state):
        """The leaves of what `step` returned, but for those that are shared."""
        tree.assert_same_structure(self._structure, state)
        leaves = zip(tree.flatten(state), self._shared, strict=True)
        return tuple(leaf for leaf, shared in leaves if shared is None)

    def reorder(self, old_leaves, new_leaves, rows):
        """The new leaves with row `rows[i]` at `i`; `rows` stay within their own sentence.

        A leaf that every step so far returned untouched (the very same object: encoder output,
        projected keys) is the same in all beams of a sentence, so it is left where it is.
        """
        reordered = []
        for index, (old, new) in enumerate(zip(old_leaves, new_leaves, strict=True)):
            # Remembered, because an eager step may leave a leaf alone in one step only.
            self._differs_between_beams[index] |= new is not old
            moves = self._differs_between_beams[index]
            reordered.append(ops.take(new, rows, axis=0) if moves else new)
        return tuple(reordered)


def repeat_rows(x, width):
    """Each row of `(batch, ...)` `width` times in a row: `(batch * width, ...)`."""
    rows = ops.arange(ops.shape(x)[0] * width, dtype="int32") // width
    return ops.take(x, rows, axis=0)


def first_tokens(start_id, rows, width):
    """The tokens of the first step: int32 `(rows * width,)`.

    Args:
        start_id: Integer, or int32 `(rows,)`, the token before the first one.
        rows: Integer or int32 scalar.
        width: Integer, the hypotheses of each row.
    """
    if isinstance(start_id, int):
        return ops.full((rows * width,), start_id, dtype="int32")
    start_id = ops.cast(ops.convert_to_tensor(start_id), "int32")
    return repeat_rows(ops.broadcast_to(start_id, (rows,)), width)


def gather_beams(x, index, sentences):
    """Pick the beams `index` `(batch, n)` of `(batch, beams, ...)`: `(batch, n, ...)`.

    Args:
        x: All axes but the first must be static.
        index: int32 `(batch, n)`.
        sentences: int32 `(batch, 1)`, the place of each sentence in the batch: 0, 1, 2...
    """
    flat = ops.reshape(x, (-1, *x.shape[2:]))
    picked = ops.take(flat, sentences * x.shape[1] + index, axis=0)
    # JAX gives the wrong shape to what it takes from an empty batch.
    return ops.reshape(picked, (-1, index.shape[1], *x.shape[2:]))


def top_log_probs(logits, k, allowed=None):
    """The `k` most probable tokens of each row and their log-probabilities.

    The same as `top_k(log_softmax(logits), k)` without writing the whole vocabulary twice: the
    raw logits are ranked and only the winners are normalised, in float32.

    Args:
        logits: Any float dtype, `(rows, vocabulary)`.
        k: Integer, clipped to the vocabulary.
        allowed: Bool that broadcasts to `logits`, or None for all. The others, and tokens with a
            logit of minus infinity, come last and have a log-probability of `LOWEST`.

    Output:
        `(log_probs, tokens)`, float32 and int32, both `(rows, min(k, vocabulary))`, best first.
    """
    k = min(k, vocabulary_size(logits))
    logits = ops.cast(logits, "float32")
    best, tokens = top_k(only_allowed(logits, allowed), k)
    # Not `best[:, :1]`: with a second slice of it, XLA sorts the whole vocabulary (50x slower).
    highest = ops.max(logits, axis=-1, keepdims=True)
    normaliser = ops.log(ops.sum(ops.exp(logits - highest), axis=-1, keepdims=True))
    return best - highest - normaliser, tokens


def only_allowed(logits, allowed):
    """The float32 `logits` with `LOWEST` where they are not `allowed`, a bool tensor or None."""
    if allowed is None:
        return logits
    return ops.where(allowed, ops.maximum(logits, LOWEST), LOWEST)


def vocabulary_size(logits):
    """The last axis of the logits, or a ValueError if it is not static."""
    if logits.shape[-1] is None:
        raise ValueError(
            "`logits` are expected to have a static vocabulary axis. "
            f"Received: shape={tuple(logits.shape)}"
        )
    return logits.shape[-1]

"""Base of the attentions whose weights depend on those of the query position before."""

import keras
from keras import ops

from keras_attention.layers.base.attention import Attention
from keras_attention.layers.base.causal_steps import lengthened
from keras_attention.ops import NO_MASKS, Masks, weighted_sum
from keras_attention.ops.masks import causal_mask
from keras_attention.ops.precision import at_least_float32

# Query positions that one inner loop goes through: see `_loop_in_blocks`.
BLOCK = 16


class RecursiveAttention(Attention):
    """Base class: attention that remembers where it was, `weights_i = f(query_i, weights_{i-1})`.

    A subclass implements `align`, one query position, and where not all of it depends on the
    position before `prepare`, for all positions at once. Everything else is here: the loop over
    the query positions, the masks, and the laws of stepping. A query that may attend to nothing
    has zero weights and leaves the state as it is, as if it were not there.

    The loop runs eagerly, in graphs of unknown length, in XLA and JAX, with its gradient, and is
    exported to ONNX. Positions follow each other, so that it takes a time that grows with their
    number also where the machine could do all at once.

    Args:
        normalizer: Name or function that turns scores into weights.
        dropout: The share of weights to set to zero in training; the state keeps them all.
        seed: Integer that makes the dropout repeatable.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        query, value, key, query_mask, value_mask, key_mask, attention_mask, use_causal_mask,
            return_attention_scores, training: see `Attention`.

    Output:
        Context `(batch, query, value_dim)`, or the pair of context and weights
        `(batch, query, key)`.
    """

    _goes_by_order = True
    counts_from_start = True  # The state before the first step is that of the first position.

    def start(self, memory):
        """The state before the first step: no position has any weight.

        Args:
            memory: What `project_memory` returned.

        Returns:
            A dict with `alignment`, zeros of shape `(batch, key)`, at least float32.
        """
        return {"alignment": ops.zeros_like(at_least_float32(memory["value"])[..., 0])}

    def prepare(self, query, memory, mask, training=None):
        """What `align` needs of the queries, computed for all positions at once.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`, not projected.
            memory: What `project_memory` returned.
            mask: Bool tensor of shape `(batch, query, key)`, True = may attend.
            training: Whether the layer is in training.

        Returns:
            Float tensor of shape `(batch, query, ...)`; here the projected query.
        """
        return self.project_query(query)

    def align(self, prepared, memory, mask, state, training=None):
        """One query position.

        Args:
            prepared: What `prepare` returned, at this position: `(batch, ...)`.
            memory: What `project_memory` returned.
            mask: Bool tensor of shape `(batch, key)`, True = may attend.
            state: What `start` or the position before returned.
            training: Whether the layer is in training.

        Returns:
            The alignment, float tensor of shape `(batch, key)` of the state's dtype, and the new
            state, of the same structure, shapes and dtypes as the one given.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `align`.")

    def spread(self, alignments, query, memory, mask, training=None):
        """From alignments to weights, for all positions at once.

        Args:
            alignments: Float tensor of shape `(batch, query, key)`.
            query: Float tensor of shape `(batch, query, query_dim)`, not projected.
            memory: What `project_memory` returned.
            mask: Bool tensor of shape `(batch, query, key)`, True = may attend.
            training: Whether the layer is in training.

        Returns:
            Float tensor of shape `(batch, query, key)`; here the alignments themselves.
        """
        return alignments

    def attend(self, query, memory, masks=NO_MASKS, training=None):
        """Attention of queries, not yet projected, to a memory that is, one after the other.

        Args:
            query: Float tensor of shape `(batch, query, query_dim)`.
            memory: What `project_memory` returned.
            masks: `keras_attention.ops.Masks`.
            training: Whether the layer is in training.

        Returns:
            Pair of context `(batch, query, value_dim)` and weights `(batch, query, key)`.
        """
        context, weights, _ = self.step(query, memory, masks, training=training)
        return context, weights

    def step(self, query, memory, masks=NO_MASKS, state=None, training=None):
        """Attention of the next query position, or of several.

        Args:
            query: Float tensor of shape `(batch, 1, query_dim)`, or with more positions.
            memory: What `project_memory` returned.
            masks: `keras_attention.ops.Masks` for these positions; never `causal` but in `attend`.
            state: What `start` or the step before returned; that of `start` if not given.
            training: Whether the layer is in training.

        Returns:
            Context `(batch, 1, value_dim)`, weights `(batch, 1, key)`, and the new state.
        """
        state = self.start(memory) if state is None else state
        mask = _whole_mask(masks, query, memory["value"])  # (batch, query, key)
        prepared = self.prepare(query, memory, mask, training)  # (batch, query, ...)

        def advance(state, position):
            prepared, mask = position
            alignment, new_state = self.align(prepared, memory, mask, state, training)
            return _where_any(mask, (alignment, new_state), (ops.zeros_like(alignment), state))

        alignments, state = _over_positions(advance, state, prepared, mask)
        weights = self.spread(alignments, query, memory, mask, training)
        weights = self._drop(ops.cast(weights, self.compute_dtype), training)
        return weighted_sum(weights, memory["value"]), weights, state

    def fill_cache(self, x, max_length, mask=None):
        """Reads the first positions, one after the other; see `CausalSteps`.

        A position that is not read attends to nothing, and so leaves the state as it is.
        """
        x = ops.cast(x, self.compute_dtype)
        memory = keras.tree.map_structure(
            lambda kept: lengthened(kept, 1, max_length), self.project_memory(x)
        )
        masks = Masks(query=mask, attention=causal_mask(ops.shape(x)[1], max_length))
        context, _, state = self.step(x, memory, masks)
        return context, {"memory": memory, "state": state}


def _whole_mask(masks, query, value):
    """The masks as one, each axis in full: bool `(batch, query, key)`."""
    batch, query_length = ops.shape(query)[:2]
    key_length = ops.shape(value)[1]
    everything = ops.ones((batch, query_length, key_length), dtype="bool")
    mask = masks.dense(query_length, key_length)
    return everything if mask is None else ops.logical_and(mask, everything)


def _where_any(mask, new, old):
    """Leaves `(batch, ...)` of `new` in rows whose mask has a True, of `old` in the others."""
    alive = ops.any(mask, axis=-1)  # (batch,)

    def choose(new, old):
        shape = (-1, *(1 for _ in new.shape[1:]))
        return ops.where(ops.reshape(alive, shape), new, old)

    return keras.tree.map_structure(choose, new, old)


def _over_positions(advance, state, prepared, mask):
    """`alignment, state = advance(state, (prepared[:, i], mask[:, i]))` for every `i` in turn.

    Args:
        advance: Function of the state and of what it needs at one position.
        state: Dict of tensors, among them `alignment`, of the shape and dtype that `advance` gives.
        prepared: Float tensor of shape `(batch, query, ...)`.
        mask: Bool tensor of shape `(batch, query, key)`.

    Returns:
        Alignments `(batch, query, key)` and the last state.
    """
    if prepared.shape[1] == 1:
        alignment, state = advance(state, (prepared[:, 0], mask[:, 0]))
        return ops.expand_dims(alignment, axis=1), state
    inputs = ops.moveaxis(prepared, 1, 0), ops.moveaxis(mask, 1, 0)  # (query, batch, ...)
    if keras.backend.backend() == "jax":  # whose while loop has no gradient
        alignments, state = _scan(advance, state, inputs)
    else:
        alignments, state = _loop_in_blocks(advance, state, *inputs)
    return ops.moveaxis(alignments, 0, 1), state


def _scan(advance, state, inputs):
    def body(state, position):
        alignment, state = advance(state, position)
        return state, alignment

    state, alignments = ops.scan(body, state, inputs)
    return alignments, state


def _loop_in_blocks(advance, state, prepared, mask):
    """The same as `_scan`, as two nested while loops.

    `ops.scan` of TensorFlow has no gradient under XLA and no way into ONNX. A while loop that reads
    and writes rows of a tensor has both, but then every round of the gradient adds up a tensor as
    long as the whole input. In blocks, that tensor is as long as a block.
    """
    length, *shape = ops.shape(mask)  # query, [batch, key]
    if isinstance(length, int) and length <= BLOCK:
        return _loop(advance, state, (prepared, mask), shape)
    size = BLOCK if isinstance(length, int) else ops.clip(length, 1, BLOCK)
    count = (length + size - 1) // size
    places = ops.arange(count * size, dtype="int32")
    # Behind the last position all is ruled out, so that the state stays as it is.
    inside = ops.reshape(places < length, (-1, 1, 1))
    prepared, mask = (
        ops.take(x, ops.minimum(places, length - 1), axis=0) for x in (prepared, mask)
    )
    mask = ops.logical_and(mask, inside)
    blocks = tuple(ops.reshape(x, (count, size, *ops.shape(x)[1:])) for x in (prepared, mask))

    def advance_block(state, block):
        return _loop(advance, state, block, shape)

    alignments, state = _loop(advance_block, state, blocks, (size, *shape))
    return ops.reshape(alignments, (count * size, *shape))[:length], state


def _loop(advance, state, inputs, shape):
    """Runs `advance` over the first axis of the inputs; it gives a `shape` and a new state."""
    length = ops.shape(inputs[0])[0]
    places = ops.reshape(ops.arange(length, dtype="int32"), (-1, *(1 for _ in shape)))

    def body(i, state, outputs):
        output, state = advance(state, tuple(ops.take(x, i, axis=0) for x in inputs))
        return i + 1, state, ops.where(places == i, ops.expand_dims(output, axis=0), outputs)

    start = ops.zeros((), dtype="int32")
    outputs = ops.zeros((length, *shape), dtype=state["alignment"].dtype)
    _, state, outputs = ops.while_loop(
        lambda i, state, outputs: i < length,
        body,
        (start, state, outputs),
        maximum_iterations=length,  # or XLA could not make room for what the gradient needs
    )
    return outputs, state

"""Causal self-attention one position at a time: what a decoder asks of its attention."""

from keras import ops, tree

from keras_attention.ops import Masks, past_mask


class CausalSteps:
    """Incremental causal self-attention with a cache of fixed size; a base class of `Attention`.

    A decoder writes each position into a cache and attends to what stands in it:

    ```python
    cache = layer.empty_cache(batch_size, max_length, width)
    for i in range(length):
        positions = keras.ops.full((batch_size, 1), i)
        slots = layer.cache_slots(positions)
        context, weights, cache = layer.step_cache(x[:, i : i + 1], cache, positions, slots)
    ```

    Incremental decoding matches teacher forcing: the contexts are those of
    `layer(x, x, use_causal_mask=True)`. `fill_cache` reads many positions in one pass.

    A layer whose context at a position depends on later ones, even with a causal mask, says why in
    `cannot_step`. One that needs other tensors than the projected keys and values of all positions,
    such as `LinearAttention`, overrides the methods. All tensors of a cache start with the batch.

    Attributes:
        cannot_step: String, the end of a sentence that says why the layer cannot decode step by
            step, or None where it can.
    """

    cannot_step = None

    def empty_cache(self, batch_size, max_length, width):
        """The cache before the first position.

        Args:
            batch_size: Integer or scalar tensor.
            max_length: Integer or scalar tensor, the most positions that will be read.
            width: Integer, the features of a position.

        Returns:
            A nest of tensors that all start with the batch axis.
        """
        memory = self.project_memory(ops.zeros((1, 1, width), dtype=self.compute_dtype))
        memory = tree.map_structure(
            lambda x: ops.zeros((batch_size, max_length, *x.shape[2:]), dtype=x.dtype), memory
        )
        return {"memory": memory, "state": self.start(memory)}

    def cache_length(self, cache):
        """The number of positions that a cache has places for.

        Args:
            cache: What `empty_cache` or a step returned.

        Returns:
            An integer, or None where it is not known, or the cache holds any number.
        """
        return cache["memory"]["value"].shape[1]

    def cache_slots(self, positions):
        """Where a step writes into the cache: the same for all layers of a stack.

        Args:
            positions: Int32 tensor of shape `(batch, 1)`.

        Returns:
            Int32 tensor of indices of the cache; here `(batch, 2)`.
        """
        rows = ops.arange(ops.shape(positions)[0], dtype="int32")
        return ops.stack([rows, positions[:, 0]], axis=-1)

    def fill_cache(self, x, max_length, mask=None):
        """Reads the first positions in one pass.

        Args:
            x: Float tensor of shape `(batch, length, width)`.
            max_length: Integer or scalar tensor, at least the length.
            mask: Bool tensor of shape `(batch, length)`, True = read; each row's from its start on.
                What stands behind them is written over by the steps, if it is kept at all.

        Returns:
            Context of shape `(batch, length, width)` and the cache.
        """
        x = ops.cast(x, self.compute_dtype)
        memory = self.project_memory(x)
        context, _ = self.attend(x, memory, Masks(causal=True))
        memory = tree.map_structure(lambda kept: lengthened(kept, 1, max_length), memory)
        state = self.start(memory)
        if set(state) == {"position"}:
            read = ops.ones(ops.shape(x)[:2], dtype="bool") if mask is None else mask
            state = {"position": ops.sum(ops.cast(read, "int32"), axis=-1)}
        elif state:
            raise ValueError(
                "Expected an attention that reads a prompt in one pass. Received: "
                f"attention={type(self).__name__}, which has a state from step to step and no "
                "`fill_cache` of its own"
            )
        return context, {"memory": memory, "state": state}

    def step_cache(self, x, cache, positions, slots):
        """The next position.

        Args:
            x: Float tensor of shape `(batch, 1, width)`.
            cache: What `empty_cache`, `fill_cache` or the step before returned.
            positions: Int32 tensor of shape `(batch, 1)`.
            slots: What `cache_slots` returned for them.

        Returns:
            Context `(batch, 1, width)`; weights `(batch, heads, 1, max_length)`, or None where the
            layer has none for each position; and the new cache.
        """
        x = ops.cast(x, self.compute_dtype)
        memory = tree.map_structure(
            lambda kept, new: ops.scatter_update(kept, slots, new[:, 0]),
            cache["memory"],
            self.project_memory(x),
        )
        key_positions = ops.arange(ops.shape(memory["value"])[1], dtype="int32")
        masks = Masks(attention=past_mask(positions, key_positions))  # (batch, 1, key)
        context, weights, state = self.step(x, memory, masks, cache["state"])
        return context, ops.expand_dims(weights, axis=1), {"memory": memory, "state": state}


class CausalHeadSteps(CausalSteps):
    """The same for several heads: the cache holds `(batch, key_value_heads, position, dim)`."""

    def empty_cache(self, batch_size, max_length, width):
        """Room for the keys and values of all positions, zeros; see `CausalSteps`."""
        shape, dtype = (batch_size, self.num_key_value_heads, max_length), self.compute_dtype
        return {
            "key": ops.zeros((*shape, self.key_dim), dtype=dtype),
            "value": ops.zeros((*shape, self.value_dim), dtype=dtype),
        }

    def cache_length(self, cache):
        """The number of positions that a cache has places for; see `CausalSteps`."""
        return cache["key"].shape[2]

    def cache_slots(self, positions):
        """Sentence, head and position of each new vector: `(batch * key_value_heads, 3)`."""
        rows = ops.arange(ops.shape(positions)[0], dtype="int32")[:, None]
        heads = ops.arange(self.num_key_value_heads, dtype="int32")[None]
        slots = [rows + 0 * heads, 0 * rows + heads, positions + 0 * heads]  # (batch, heads) each
        return ops.reshape(ops.stack(slots, axis=-1), (-1, 3))

    def fill_cache(self, x, max_length, mask=None):
        """Reads the first positions in one pass; see `CausalSteps`."""
        memory = self.project_memory(x)
        context, _ = self.attend(x, memory, Masks(causal=True), return_weights=False)
        return context, {name: lengthened(kept, 2, max_length) for name, kept in memory.items()}

    def step_cache(self, x, cache, positions, slots):
        """The next position; see `CausalSteps`.

        XLA and ONNX runtimes may write in place; TensorFlow without XLA copies the cache.
        """
        new = self.project_memory(x, positions=positions)
        cache = {
            name: ops.scatter_update(kept, slots, ops.reshape(new[name], (-1, kept.shape[3])))
            for name, kept in cache.items()
        }
        context, weights = self.attend(x, cache, Masks(causal=True), query_positions=positions)
        return context, weights, cache


def lengthened(x, axis, length):
    """A tensor with zeros behind it.

    Args:
        x: A tensor.
        axis: The axis that grows.
        length: Its new size, an integer or a scalar tensor.

    Returns:
        A tensor `length` long along the axis.
    """
    sizes = [(0, 0)] * len(x.shape)
    sizes[axis] = (0, length - ops.shape(x)[axis])
    return ops.pad(x, sizes)

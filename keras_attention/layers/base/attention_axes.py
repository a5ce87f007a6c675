"""Attention over chosen axes of inputs with more than three, such as the places of an image."""

from math import prod

from keras import ops

from keras_attention.ops.fitting import check_fits


class AttentionAxes:
    """Which axes are attended along; the others count as further rows of the batch.

    Args:
        axes: What `standardize_axes` returned; all between batch and features if None.
        rank: The number of axes of query, value and key.
        goes_by_order: Whether the layer goes by the order of positions.

    Raises:
        ValueError: If an axis is not there, or there are several where the order counts.
    """

    def __init__(self, axes, rank, goes_by_order):
        between = range(1, rank - 1)
        chosen = (
            tuple(between)
            if axes is None
            else tuple(axis + rank if axis < 0 else axis for axis in axes)
        )
        if len(set(chosen)) < len(chosen) or not set(chosen) <= set(between):
            raise ValueError(
                f"Expected `attention_axes` to be different axes between batch and features, 1 to "
                f"{rank - 2}. Received: attention_axes={axes}, inputs with {rank} axes"
            )
        if goes_by_order and len(chosen) > 1:
            raise ValueError(
                f"Expected inputs of shape (batch, length, dim), or one axis as `attention_axes`: "
                "this attention goes by the order of positions, which several axes together do not "
                f"have. Received: attention_axes={axes}, inputs with {rank} axes"
            )
        self.chosen = chosen
        self.others = tuple(axis for axis in between if axis not in chosen)
        self.order = (0, *self.others, *self.chosen)

    def fold(self, x):
        """Axes that are not attended along join the batch, those that are become one.

        Args:
            x: Tensor of shape `(batch, axes..., dim)`, or None.

        Returns:
            Tensor of shape `(rows, length, dim)`; None for None.
        """
        if x is None:
            return None
        return self._reshape(ops.transpose(x, (*self.order, len(self.order))))

    def fold_positions(self, mask, x):
        """A mask of positions for a folded tensor.

        Args:
            mask: Tensor of shape `(batch, axes...)`, or None.
            x: The tensor that it masks, before `fold`.

        Returns:
            Tensor of shape `(rows, length)`; None for None.
        """
        if mask is None:
            return None
        mask = ops.broadcast_to(mask, ops.shape(x)[:-1])
        return self._reshape(ops.transpose(mask, self.order))

    def _reshape(self, x):
        shape, rows, positions = ops.shape(x), 1 + len(self.others), len(self.order)
        return ops.reshape(x, (prod(shape[:rows]), prod(shape[rows:positions]), *shape[positions:]))

    def unfold(self, context, query):
        """A context with the axes of its query.

        Args:
            context: Float tensor of shape `(rows, query, dim)`, or with more axes than one of
                features.
            query: The query before `fold`.

        Returns:
            Float tensor of shape `(batch, axes..., dim)`.
        """
        sizes, features = ops.shape(query), ops.shape(context)[2:]
        x = ops.reshape(context, (*self._sizes(sizes, self.order), *features))
        back = [self.order.index(axis) for axis in range(len(self.order))]
        return ops.transpose(x, (*back, *range(len(back), len(back) + len(features))))

    def unfold_weights(self, weights, query, value):
        """Weights with the axes of query and key, as Keras' multi-head attention gives them.

        Args:
            weights: Float tensor of shape `(rows, query, key)`, or with heads second.
            query, value: The query and the value before `fold`.

        Returns:
            Float tensor of shape `(batch, others..., [heads,] query axes..., key axes...)`.
        """
        heads = ops.shape(weights)[1:-2]
        keys = ops.shape(weights)[-1:]  # of a layer whose keys are not the value's positions
        if len(self.chosen) > 1:
            keys = self._sizes(ops.shape(value), self.chosen)
        sizes = ops.shape(query)
        rows = self._sizes(sizes, (0, *self.others))
        return ops.reshape(weights, (*rows, *heads, *self._sizes(sizes, self.chosen), *keys))

    def weights_shape(self, query_shape, value_shape, heads=()):
        """The shape of what `unfold_weights` returns, from that of query and value.

        Args:
            query_shape, value_shape: Tuples of integers or None.
            heads: `(num_heads,)`, or empty for one head.

        Returns:
            A tuple.
        """
        rows = self._sizes(query_shape, (0, *self.others))
        positions = (self._sizes(shape, self.chosen) for shape in (query_shape, value_shape))
        return (*rows, *heads, *next(positions), *next(positions))

    def folded_shape(self, shape):
        """The shape of `fold`'s result.

        Args:
            shape: `(batch, axes..., dim)`, integers or None.

        Returns:
            `(rows, length, dim)`, None where a size is not known.
        """
        pairs = (self._sizes(shape, axes) for axes in ((0, *self.others), self.chosen))
        return (*(None if None in sizes else prod(sizes) for sizes in pairs), shape[-1])

    def mask_shapes(self, query_shape, value_shape, heads=()):
        """The shapes that an attention mask may have, with None where a size is not known.

        Args:
            query_shape, value_shape: Tuples of integers or None.
            heads: `(num_heads,)`, or empty for one head.

        Returns:
            List of tuples: of queries and keys alone; with the batch; with all axes that are not
            attended along; with the heads.
        """
        full = self.weights_shape(query_shape, value_shape)
        rows = 1 + len(self.others)
        shapes = [full[rows:], (full[0], *full[rows:])]
        shapes += [full] if self.others else []
        shapes += [(*full[:rows], *heads, *full[rows:])] if heads else []
        return shapes

    def fold_mask(self, mask, query, value):
        """An attention mask for folded queries and keys.

        Args:
            mask: Tensor of one of `mask_shapes`, or None.
            query, value: The query and the value before `fold`.

        Returns:
            Tensor of shape `(query, key)`, `(rows, query, key)` or `(rows, heads, query, key)`, or
            with a size of 1 for any of them; None for None.
        """
        if mask is None:
            return None
        number, others = len(self.chosen), len(self.others)
        shape = ops.shape(mask)
        leading, positions = shape[: -2 * number], shape[-2 * number :]
        if number > 1:  # one of each must not stand for several
            sizes = self._sizes(ops.shape(query), self.chosen)
            positions = (*sizes, *self._sizes(ops.shape(value), self.chosen))
            mask = ops.broadcast_to(mask, (*leading, *positions))
        lengths = prod(positions[:number]), prod(positions[number:])
        if not leading:
            return ops.reshape(mask, lengths)
        heads = leading[1 + others :]
        mask = ops.reshape(
            mask, (leading[0], *(leading[1 : 1 + others] or [1] * others), *heads, *lengths)
        )
        rows = self._sizes(ops.shape(query), (0, *self.others))
        if others:
            mask = ops.broadcast_to(mask, (*rows, *heads, *lengths))
            return ops.reshape(mask, (prod(rows), *heads, *lengths))
        return mask

    def fold_bias(self, bias, query, value):
        """A bias of the scores for folded queries and keys.

        Args:
            bias: Float tensor that broadcasts to `(batch, heads, query, key)`, the axes that are
                attended along as one and the same for all others; or one with all axes of the
                weights, `(batch, others..., heads, query axes..., key axes...)`. Or None.
            query, value: The query and the value before `fold`.

        Returns:
            Float tensor that broadcasts to `(rows, heads, query, key)`; None for None.

        Raises:
            ValueError: If it has another number of axes, or does not broadcast.
        """
        if bias is None:
            return None
        bias = ops.convert_to_tensor(bias)
        number, others, rank = len(self.chosen), len(self.others), len(bias.shape)
        full = 2 + others + 2 * number
        if rank > 4 and rank != full:
            raise ValueError(
                f"Expected `bias` of shape (batch, heads, query, key), or with all {full} axes of "
                f"the weights. Received: bias.shape={tuple(bias.shape)}"
            )
        shapes = [self._sizes(x.shape, self.chosen) for x in (query, value)]
        if rank < full:
            lengths = (None if None in sizes else prod(sizes) for sizes in shapes)
            check_fits("bias", bias, (query.shape[0], None, *lengths)[4 - rank :])
            sizes = (*(1,) * (4 - rank), *ops.shape(bias))
            bias = ops.reshape(bias, (sizes[0], *(1,) * others, *sizes[1:]))
        else:
            rows = self._sizes(query.shape, (0, *self.others))
            check_fits("bias", bias, (*rows, None, *shapes[0], *shapes[1]))
        if rank == full and number > 1:
            bias = self._fold_positions_of_bias(bias, query, value)
        if all(size == 1 for size in bias.shape[: 1 + others]):
            return ops.reshape(bias, (1, *ops.shape(bias)[-3:]))
        rows, rest = self._sizes(ops.shape(query), (0, *self.others)), ops.shape(bias)[-3:]
        return ops.reshape(ops.broadcast_to(bias, (*rows, *rest)), (prod(rows), *rest))

    def _fold_positions_of_bias(self, bias, query, value):
        sizes = [self._sizes(ops.shape(x), self.chosen) for x in (query, value)]
        leading = ops.shape(bias)[: -2 * len(self.chosen)]
        bias = ops.broadcast_to(bias, (*leading, *sizes[0], *sizes[1]))
        return ops.reshape(bias, (*leading, *map(prod, sizes)))

    def fold_query_positions(self, positions, query):
        """Where folded queries stand.

        Args:
            positions: Int tensor of shape `(query,)` or `(batch, query)`, or None.
            query: The query before `fold`.

        Returns:
            Tensor of shape `(query,)` or `(rows, query)`; None for None.
        """
        if positions is None or len(positions.shape) < 2 or not self.others:
            return positions
        check_fits("query_positions", positions, self._sizes(query.shape, (0, *self.chosen)))
        batch, length = ops.shape(positions)
        rows = self._sizes(ops.shape(query), (0, *self.others))
        positions = ops.reshape(positions, (batch, *(1 for _ in self.others), length))
        return ops.reshape(ops.broadcast_to(positions, (*rows, length)), (prod(rows), length))

    def rows_of_example(self, query):
        """How many rows `fold` makes of each example.

        Args:
            query: The query before `fold`.

        Returns:
            An integer, or a scalar tensor where it is not known.
        """
        return prod(self._sizes(ops.shape(query), self.others))

    @staticmethod
    def _sizes(shape, axes):
        return tuple(shape[axis] for axis in axes)

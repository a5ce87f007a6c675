"""Base of the recurrent decoders: a stack of cells, one attention layer, and how they are wired."""

import keras
from keras import ops

from keras_attention.layers import BahdanauAttention
from keras_attention.layers.base.call_checks import CheckedCall, check_decoder_inputs
from keras_attention.layers.base.nested import build_once
from keras_attention.models.recurrence import make_recurrent_layer, state_count, xla_pays
from keras_attention.ops import Masks
from keras_attention.ops.fitting import as_bool, check_fits


class RecurrentDecoder(CheckedCall, keras.layers.Layer):
    """Recurrent decoder with attention over the encoder's annotations.

    A subclass says how cells and attention are wired by one method, `advance`; stepping and the
    pass over a whole target both run it, so they give the same numbers. The first state of every
    cell is `tanh(W mean(annotations))`, the mean taken over real positions, so that any encoder
    fits.

    Args:
        units: int. State size of each cell and width of the output.
        attention: attention layer of `keras_attention.layers`, or `None` for
            `BahdanauAttention(units)`. It must have no dropout of its own: the same mask at each
            step of a compiled loop would be wrong, and dropping outputs does its work. It must
            have no noise either, except in a decoder that attends to all positions in one pass.
        cell: `"lstm"` or `"gru"`.
        num_layers: int. Cells on top of each other; the attention sees the last.
        dropout: float in [0, 1). Share of features dropped from the input and the output.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: float tensor `(batch, target, features)`, the embedded previous tokens.
        values: float tensor `(batch, source, value_dim)`, the encoder's annotations.
        values_mask: bool tensor `(batch, source)`, `True` at real positions.
        training: bool. Whether dropout is active; the attention is told too.

    Output:
        Float tensor `(batch, target, units)`, from which logits are projected.
    """

    def __init__(self, units, attention=None, cell="lstm", num_layers=1, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        if num_layers < 1:
            raise ValueError(f"`num_layers` must be at least 1. Received: num_layers={num_layers}")
        self.supports_jit = xla_pays()
        self.units = units
        if attention is None:
            attention = BahdanauAttention(units, dtype=self.dtype_policy)
        self.attention = attention
        self.cell = cell
        self.num_layers = num_layers
        self.dropout = dropout
        self._check_attention()
        self.recurrent_layers = [
            make_recurrent_layer(cell, units, dtype=self.dtype_policy, name=f"{cell}_{index}")
            for index in range(num_layers)
        ]
        self.state_sizes = [state_count(layer) for layer in self.recurrent_layers]
        self.bridge = keras.layers.Dense(
            units * sum(self.state_sizes), activation="tanh", dtype=self.dtype_policy, name="bridge"
        )
        self.readout = keras.layers.Dense(
            units, activation="tanh", use_bias=False, dtype=self.dtype_policy, name="readout"
        )
        self.input_dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.output_dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def _check_attention(self):
        if not hasattr(self.attention, "step") or isinstance(self.attention, type):
            raise ValueError(
                "Expected `attention` to be an attention layer of `keras_attention.layers`, or "
                f"None. Received: attention={self.attention!r}"
            )
        if getattr(self.attention, "dropout", 0.0):
            raise ValueError(
                "The attention of a decoder that steps must have no dropout; give `dropout` to the "
                f"decoder instead. Received: attention.dropout={self.attention.dropout}"
            )
        if self.steps_in_training and getattr(self.attention, "noise", 0.0):
            raise ValueError(
                "The attention of a decoder that steps in training must have no noise, which "
                "cannot be drawn anew in a compiled loop; `ParallelDecoder` may have it. "
                f"Received: attention.noise={self.attention.noise}"
            )

    # What a subclass says.

    # Whether the pass over a whole target attends in one step after the other.
    steps_in_training = True

    def cell_input_dim(self, embedded_dim, context_dim):
        """Width of what the first cell reads."""
        raise NotImplementedError(f"{type(self).__name__} must define `cell_input_dim`.")

    def readout_input_dim(self, embedded_dim, context_dim):
        """Width of what the readout reads."""
        raise NotImplementedError(f"{type(self).__name__} must define `readout_input_dim`.")

    def start_carry(self, states, context):
        """What the first step is given: a dict of the cells' states and a context of zeros."""
        raise NotImplementedError(f"{type(self).__name__} must define `start_carry`.")

    def advance(self, inputs, carry, attend):
        """One step.

        Args:
            inputs: float tensor `(batch, features)`.
            carry: dict, as `start_carry` makes it, and `attention`, the state of the attention.
            attend: function from a query `(batch, units)` and the attention's state,
                `carry["attention"]`, to a context `(batch, value_dim)`, its alignment
                `(batch, source)`, and the attention's new state.

        Returns:
            The new carry, of the same structure, and the alignment.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `advance`.")

    def read_out(self, inputs, carry):
        """Output features from inputs and carries, of one step or of all steps at once."""
        raise NotImplementedError(f"{type(self).__name__} must define `read_out`.")

    # What all share.

    def build(self, inputs_shape, values_shape):
        embedded_dim, value_dim = inputs_shape[-1], values_shape[-1]
        context_dim = self._context_dim(values_shape)
        width = self.cell_input_dim(embedded_dim, context_dim)
        for layer in self.recurrent_layers:
            layer.build((None, None, width))
            width = self.units
        build_once(self.attention, self, (None, None, self.units), tuple(values_shape))
        self.bridge.build((None, value_dim))
        self.readout.build((None, self.readout_input_dim(embedded_dim, context_dim)))
        self.built = True

    def start(self, values, values_mask=None, max_length=None):
        """State before the first step.

        Args:
            values: float tensor `(batch, source, value_dim)`.
            values_mask: bool tensor `(batch, source)`.
            max_length: not needed; the state of a recurrent decoder does not grow.

        Returns:
            A dict of tensors, all with the batch as first axis. The keys are projected here, once.
        """
        if values_mask is None:
            values_mask = ops.ones(ops.shape(values)[:2], dtype="bool")
        check_fits("values_mask", values_mask, ops.shape(values)[:2])
        memory = self.attention.project_memory(values)
        context = ops.zeros(
            (ops.shape(values)[0], self._context_dim(values.shape)), dtype=values.dtype
        )
        carry = self.start_carry(self._start_states(values, values_mask), context)
        return {
            "memory": memory,
            "mask": values_mask,
            "carry": {**carry, "attention": self.attention.start(memory)},
        }

    def step(self, inputs, state):
        """One step of decoding.

        Args:
            inputs: float tensor `(batch, features)`, the embedded previous tokens.
            state: as `start` or the step before returned it.

        Returns:
            Output `(batch, units)`, the new state, and the alignment `(batch, source)`.
        """
        carry, alignment = self.advance(inputs, state["carry"], self._attend_over(state))
        return self.read_out(inputs, carry), {**state, "carry": carry}, alignment

    def call(self, inputs, values, values_mask=None, training=None):
        if 0 in tuple(inputs.shape):  # recurrent layers take no empty tensors
            return ops.zeros((*ops.shape(inputs)[:2], self.units), dtype=self.compute_dtype)
        inputs = self.input_dropout(inputs, training=training)
        carries = self.unroll(inputs, self.start(values, values_mask), training=training)
        return self.output_dropout(self.read_out(inputs, carries), training=training)

    def unroll(self, inputs, state, training=None):
        """Carries at every position, each leaf `(batch, target, features)`."""
        # Random numbers cannot be drawn anew in a compiled loop: what draws them does as it does
        # in inference.
        draws = getattr(self.attention, "seed_generator", None) is not None
        attend = self._attend_over(state, training and not draws)

        def body(carry, step_inputs):
            carry, _ = self.advance(step_inputs, carry, attend)
            return carry, carry

        _, carries = ops.scan(body, state["carry"], ops.transpose(inputs, (1, 0, 2)))
        return keras.tree.map_structure(lambda leaf: ops.swapaxes(leaf, 0, 1), carries)

    def _attend_over(self, state, training=None):
        masks = Masks(key=state["mask"])

        def attend(query, attention_state):
            context, weights, attention_state = self.attention.step(
                query[:, None, :], state["memory"], masks, attention_state, training=training
            )
            if len(weights.shape) == 4:  # (batch, heads, 1, source)
                weights = ops.mean(weights, axis=1)
            return context[:, 0], weights[:, 0], attention_state

        return attend

    def _context_dim(self, values_shape):
        query_shape = (None, 1, self.units)
        return self.attention.compute_output_shape(query_shape, tuple(values_shape))[-1]

    def _start_states(self, values, values_mask):
        weights = ops.cast(as_bool(values_mask, "values_mask"), values.dtype)[:, :, None]
        total = ops.maximum(ops.sum(weights, axis=1), 1)
        states = self.bridge(ops.sum(values * weights, axis=1) / total)
        return ops.split(states, sum(self.state_sizes), axis=-1)

    def _run_cells(self, inputs, states):
        """Output of the last cell `(batch, units)` and the flat list of new states."""
        if inputs.shape[0] == 0:  # Keras' cells take no empty batch
            return self._top_output(states), states
        new_states, position = [], 0
        for layer, size in zip(self.recurrent_layers, self.state_sizes, strict=True):
            inputs, layer_states = layer.cell(inputs, states[position : position + size])
            new_states.extend(layer_states)
            position += size
        return inputs, new_states

    def _top_output(self, states):
        """What the last cell emitted: the first of its states."""
        return states[sum(self.state_sizes[:-1])]

    def _check_call(self, inputs=None, values=None, values_mask=None, *others, **options):
        check_decoder_inputs(self, inputs, values, values_mask)

    def compute_output_shape(self, inputs_shape, values_shape):
        return (*inputs_shape[:2], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "attention": keras.saving.serialize_keras_object(self.attention),
            "cell": self.cell,
            "num_layers": self.num_layers,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config):
        attention = keras.saving.deserialize_keras_object(config["attention"])
        return cls(**{**config, "attention": attention})

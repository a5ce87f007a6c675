"""Decoder whose attention looks at all target positions in one pass (Luong et al., 2015)."""

import keras
from keras import ops

from keras_attention.models.recurrent_decoder import RecurrentDecoder
from keras_attention.ops import Masks


@keras.saving.register_keras_serializable("keras_attention")
class ParallelDecoder(RecurrentDecoder):
    """Recurrent decoder whose cells never see the context.

    Luong's global attention without input feeding (section 3.1 of the reference): as the states do
    not depend on the attention, training runs the recurrent layers over the whole target, on a GPU
    with their fused kernels, and then attends for all positions at once:

        h_t = f(h_{t-1}, y_{t-1}),   c_t = attend(h_t),   a_t = tanh(W_c [c_t; h_t])

    The fastest wiring to train. Arguments, call arguments and output are those of
    `RecurrentDecoder`.

    Example:

    >>> decoder = keras_attention.models.ParallelDecoder(units=5)
    >>> decoder(np.ones((2, 3, 4), "float32"), np.ones((2, 7, 6), "float32")).shape
    TensorShape([2, 3, 5])

    Reference:
        Luong et al., 2015, "Effective Approaches to Attention-based Neural Machine Translation".
    """

    steps_in_training = False

    def cell_input_dim(self, embedded_dim, context_dim):
        return embedded_dim

    def readout_input_dim(self, embedded_dim, context_dim):
        return context_dim + self.units

    def start_carry(self, states, context):
        return {
            "states": states,
            "output": ops.zeros_like(states[0]),
            "context": context,
        }

    def advance(self, inputs, carry, attend):
        output, states = self._run_cells(inputs, carry["states"])
        context, alignment, attention = attend(output, carry["attention"])
        carry = {"states": states, "output": output, "context": context, "attention": attention}
        return carry, alignment

    def read_out(self, inputs, carry):
        return self.readout(ops.concatenate([carry["context"], carry["output"]], axis=-1))

    def unroll(self, inputs, state, training=None):
        outputs, position = inputs, 0
        for layer, size in zip(self.recurrent_layers, self.state_sizes, strict=True):
            states = state["carry"]["states"][position : position + size]
            outputs = layer(outputs, initial_state=states)
            position += size
        context, _ = self.attention.attend(
            outputs, state["memory"], Masks(key=state["mask"]), training=training
        )
        return {"output": outputs, "context": context}

"""Decoder that attends after its cells step and feeds the result back (Luong et al., 2015)."""

import keras
from keras import ops

from keras_attention.models.recurrent_decoder import RecurrentDecoder


@keras.saving.register_keras_serializable("keras_attention")
class InputFeedingDecoder(RecurrentDecoder):
    """Recurrent decoder with Luong's input feeding.

    The new state `h_t` is the query; the attentional vector of equation 5 is the output, and goes
    into the cell at the next step (section 3.3 of the reference):

        h_t = f(h_{t-1}, [y_{t-1}; a_{t-1}]),   c_t = attend(h_t),   a_t = tanh(W_c [c_t; h_t])

    Arguments, call arguments and output are those of `RecurrentDecoder`.

    Example:

    >>> decoder = keras_attention.models.InputFeedingDecoder(units=5)
    >>> decoder(np.ones((2, 3, 4), "float32"), np.ones((2, 7, 6), "float32")).shape
    TensorShape([2, 3, 5])

    Reference:
        Luong et al., 2015, "Effective Approaches to Attention-based Neural Machine Translation".
    """

    def cell_input_dim(self, embedded_dim, context_dim):
        return embedded_dim + self.units

    def readout_input_dim(self, embedded_dim, context_dim):
        return context_dim + self.units

    def start_carry(self, states, context):
        return {"states": states, "attentional": ops.zeros_like(states[0])}

    def advance(self, inputs, carry, attend):
        cell_inputs = ops.concatenate([inputs, carry["attentional"]], axis=-1)
        output, states = self._run_cells(cell_inputs, carry["states"])
        context, alignment, attention = attend(output, carry["attention"])
        attentional = self.readout(ops.concatenate([context, output], axis=-1))
        carry = {"states": states, "attentional": attentional, "attention": attention}
        return carry, alignment

    def read_out(self, inputs, carry):
        return carry["attentional"]

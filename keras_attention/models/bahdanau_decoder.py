"""Decoder that attends before its cells step (Bahdanau et al., 2015)."""

import keras
from keras import ops

from keras_attention.models.recurrent_decoder import RecurrentDecoder


@keras.saving.register_keras_serializable("keras_attention")
class BahdanauDecoder(RecurrentDecoder):
    """Recurrent decoder whose context enters the cell.

    The previous state `s_{i-1}` is the query, the context `c_i` goes into the cell next to the
    previous token (appendix A.2.2 of the reference):

        c_i = attend(s_{i-1}),   s_i = f(s_{i-1}, y_{i-1}, c_i),   t_i = tanh(W [s_i; c_i; y_{i-1}])

    The paper's deep output is a maxout of width 2; here it is a tanh layer, as in most later
    systems. Arguments, call arguments and output are those of `RecurrentDecoder`.

    Example:

    >>> decoder = keras_attention.models.BahdanauDecoder(units=5, cell="gru")
    >>> decoder(np.ones((2, 3, 4), "float32"), np.ones((2, 7, 6), "float32")).shape
    TensorShape([2, 3, 5])

    Reference:
        Bahdanau et al., 2015, "Neural Machine Translation by Jointly Learning to Align and
        Translate".
    """

    def cell_input_dim(self, embedded_dim, context_dim):
        return embedded_dim + context_dim

    def readout_input_dim(self, embedded_dim, context_dim):
        return self.units + context_dim + embedded_dim

    def start_carry(self, states, context):
        return {"states": states, "context": context}

    def advance(self, inputs, carry, attend):
        query = self._top_output(carry["states"])
        context, alignment, attention = attend(query, carry["attention"])
        _, states = self._run_cells(ops.concatenate([inputs, context], axis=-1), carry["states"])
        return {"states": states, "context": context, "attention": attention}, alignment

    def read_out(self, inputs, carry):
        output = self._top_output(carry["states"])
        return self.readout(ops.concatenate([output, carry["context"], inputs], axis=-1))

"""An adaptive gate between two modalities."""

import keras
from keras import ops

from keras_attention.layers.base.argument_checks import check_count
from keras_attention.layers.base.call_checks import CheckedCall, check_alike, check_masked_input
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.layers.base.refusals import Refusal
from keras_attention.ops.fitting import as_bool


@keras.saving.register_keras_serializable("keras_attention")
class GatedFusion(WithKernels, CheckedCall, keras.layers.Layer):
    """The gated multimodal unit: a gate that says, feature by feature, which input to trust.

    With `v` the first and `t` the second input (Arevalo et al., 2017, equations 1 to 4):

    - `h_v = tanh(W_v x_v)`, `h_t = tanh(W_t x_t)`,
    - `z = sigmoid(W_z [x_v; x_t])`,
    - `h = z * h_v + (1 - z) * h_t`.

    The inputs may have any axes between batch and features, position for position the same ones.
    The masks say where an input is missing, which the paper does not treat: where one is, the gate
    is wholly the other's and the missing one is not read; where both are, the output is zero.

    Args:
        units: Size of the output.
        **kwargs: `kernel_initializer`, `bias_initializer`, and the regularizers and constraints of
            a Keras layer; `name`, `dtype`, `trainable` of `keras.layers.Layer`.

    Call arguments:
        first: Float tensor of shape `(batch, ..., first_dim)`.
        second: Float tensor of shape `(batch, ..., second_dim)`.
        first_mask: Bool tensor of shape `(batch, ...)`. True = the first input is there. Keras'
            implicit mask of `first` if not given.
        second_mask: Bool tensor of shape `(batch, ...)`, likewise.
        return_attention_scores: Whether to return the gate too.
        training: Not needed.

    Output:
        Float tensor of shape `(batch, ..., units)`, or its pair with the gate `z` of the same
        shape, in the layer's compute dtype. Where there is a mask, the output carries on as its
        Keras mask where either input is there.

    Raises:
        ValueError: If `units` is not positive, or the inputs differ in more than the last axis.

    Example:

    >>> import keras
    >>> from keras_attention.layers import GatedFusion
    >>> picture, text = keras.random.normal((2, 7)), keras.random.normal((2, 11))
    >>> tuple(GatedFusion(units=13)(picture, text).shape)
    (2, 13)

    Reference:
        Arevalo, Solorio, Montes-y-Gomez and Gonzalez, 2017, "Gated Multimodal Units for
        Information Fusion".
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        units = check_count("units", units)
        self.units = units
        self.with_mask = _WithMask(self, dtype=self.dtype_policy)
        self.supports_masking = True

    def build(self, first_shape, second_shape):
        first_dim, second_dim = first_shape[-1], second_shape[-1]
        self.first_kernel = self._add_kernel("first_kernel", first_dim)
        self.second_kernel = self._add_kernel("second_kernel", second_dim)
        self.gate_kernel = self._add_kernel("gate_kernel", first_dim + second_dim)

    def _add_kernel(self, name, rows):
        return self.add_kernel(name, (rows, self.units))

    def gate(self, first, second, first_mask=None, second_mask=None):
        """`z`, equation 3; one and zero where an input is missing.

        Args:
            first: Float tensor of shape `(batch, ..., first_dim)`, zero where it is missing.
            second: Float tensor of shape `(batch, ..., second_dim)`, zero where it is missing.
            first_mask: Bool tensor of shape `(batch, ..., 1)`, or None.
            second_mask: Bool tensor of shape `(batch, ..., 1)`, or None.

        Returns:
            Float tensor of shape `(batch, ..., units)`.
        """
        joined = ops.concatenate([first, second], axis=-1)
        gate = ops.sigmoid(ops.matmul(joined, self.gate_kernel))
        if second_mask is not None:
            gate = ops.where(second_mask, gate, ops.ones_like(gate))
        if first_mask is not None:
            gate = ops.where(first_mask, gate, ops.zeros_like(gate))
        return gate

    def call(
        self,
        first,
        second,
        first_mask=None,
        second_mask=None,
        return_attention_scores=False,
        training=None,
    ):
        masks = _as_column(first_mask), _as_column(second_mask)
        first, second = _where_there(masks[0], first), _where_there(masks[1], second)
        gate = self.gate(first, second, *masks)
        # A missing input is zero, and so is its tanh.
        output = gate * ops.tanh(ops.matmul(first, self.first_kernel))
        output = output + (1 - gate) * ops.tanh(ops.matmul(second, self.second_kernel))
        output = self.with_mask(output, mask=_either(first_mask, second_mask))
        return (output, gate) if return_attention_scores else output

    def _check_call(
        self, first=None, second=None, first_mask=None, second_mask=None, *others, **options
    ):
        for name, x, mask in (("first", first, first_mask), ("second", second, second_mask)):
            axes = ("batch", f"{name}_dim")
            check_masked_input(self, name, x, axes, (f"{name}_mask", mask), more=1)
        check_alike(slice(0, -1), "the same axes but for the last", first=first, second=second)

    def compute_mask(self, first, previous_mask=None):
        """None: `call` gives the output its mask, which is not that of `first` alone.

        Args:
            first: The first input.
            previous_mask: Its Keras mask, or None.

        Returns:
            None.
        """
        return None

    def compute_output_shape(self, first_shape, second_shape):
        return (*first_shape[:-1], self.units)

    def compute_output_spec(
        self,
        first,
        second,
        first_mask=None,
        second_mask=None,
        return_attention_scores=False,
        training=None,
    ):
        shape = self.compute_output_shape(first.shape, second.shape)
        output = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        return output, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class _WithMask(Refusal):
    """Gives a tensor a Keras mask: Keras itself carries on that of a first input alone."""

    def __init__(self, owner, **kwargs):
        super().__init__(owner, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        return inputs


def _as_column(mask):
    return None if mask is None else ops.expand_dims(as_bool(mask), axis=-1)


def _where_there(mask, x):
    return x if mask is None else ops.where(mask, x, ops.zeros_like(x))


def _either(first_mask, second_mask):
    """Where at least one input is there; None where that is everywhere."""
    if first_mask is None or second_mask is None:
        return None
    return ops.logical_or(as_bool(first_mask), as_bool(second_mask))

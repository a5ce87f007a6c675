"""The recurrent layers an encoder or decoder may be made of, by name."""

import keras
from keras import ops

RECURRENT_LAYERS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def make_recurrent_layer(cell, units, **kwargs):
    """A Keras LSTM or GRU layer that returns its state at every position.

    Args:
        cell: `"lstm"` or `"gru"`.
        units: int. Size of the state.
        **kwargs: Further arguments of the layer, such as `name` and `dtype`.

    Returns:
        A `keras.layers.LSTM` or `keras.layers.GRU`; its `cell` makes single steps with the same
        weights.
    """
    if not isinstance(cell, str) or cell not in RECURRENT_LAYERS:
        raise ValueError(
            f"Expected `cell` to be one of {sorted(RECURRENT_LAYERS)}. Received: cell={cell!r}"
        )
    policy = keras.dtype_policies.get(kwargs.get("dtype"))
    if policy.variable_dtype in ("float16", "bfloat16"):
        kwargs["recurrent_initializer"] = OrthogonalInFloat32()
    return RECURRENT_LAYERS[cell](units, return_sequences=True, **kwargs)


@keras.saving.register_keras_serializable("keras_attention")
class OrthogonalInFloat32(keras.initializers.Orthogonal):
    """Keras' `Orthogonal`, whose decomposition has no kernel of half precision, cast afterwards."""

    def __call__(self, shape, dtype=None):
        return ops.cast(super().__call__(shape, dtype="float32"), dtype)


def xla_pays():
    """Whether Keras should compile recurrent models by XLA of its own accord.

    Not on TensorFlow: XLA compiles anew for every length, gains nothing in training on a CPU, and
    cannot take cuDNN's kernels on a GPU. There Keras answers `compile(jit_compile=True)` with a
    warning and goes on without.
    """
    return keras.backend.backend() != "tensorflow"


def state_count(layer):
    """Number of state tensors of a recurrent layer: two for LSTM, one for GRU."""
    return len(keras.tree.flatten(layer.cell.state_size))

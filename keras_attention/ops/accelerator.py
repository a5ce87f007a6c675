"""Which kind of device computes, for sizes that are chosen by it.

The choice is made where a program is traced. One that is traced on a GPU and run elsewhere gives
the same numbers, by way of pieces of another size; but one that calls a kernel (`fused`) runs
nowhere else.
"""

import keras
from keras import ops

# A piece of work that is computed at once on an accelerator, in bytes: no cache there is as small,
# and it waits for each piece.
PIECE_BYTES = 64 * 2**20
# Torch's names for them.
TORCH_ACCELERATORS = ("cuda", "xpu", "mps")
# The oldest kind of NVIDIA GPU that cuDNN's attention runs on.
LEAST_CAPABILITY = 8.0


def on_accelerator():
    """Whether Keras computes on a GPU or TPU where nobody says otherwise.

    Returns:
        A bool.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        return torch_device() in TORCH_ACCELERATORS
    if backend == "jax":
        return jax_device().platform != "cpu"
    return not keras.distribution.list_devices()[0].lower().startswith("cpu")


def has_cudnn_attention():
    """Whether JAX computes on a GPU whose kernel for attention cuDNN has.

    Returns:
        A bool.
    """
    device = jax_device()
    if device.platform != "gpu":
        return False
    major, *_ = str(device.compute_capability).split(".")  # such as "9.0"; AMD's are no numbers
    return major.isdigit() and float(device.compute_capability) >= LEAST_CAPABILITY


def jax_device():
    """The device on which JAX computes, within `keras.device` too.

    Returns:
        A `jax.Device`.
    """
    import jax

    chosen = jax.config.jax_default_device
    return jax.devices(chosen)[0] if chosen is None or isinstance(chosen, str) else chosen


def torch_device():
    """The type of device on which Torch computes, which Keras does not tell.

    Returns:
        Str, such as "cpu" or "cuda".
    """
    return ops.zeros(()).device.type


def piece_bytes(in_cache):
    """How large the pieces are in which something is computed one after the other.

    Args:
        in_cache: Bytes that a processor's cache holds beside the rest.

    Returns:
        That number, or a larger one on an accelerator.
    """
    return PIECE_BYTES if on_accelerator() else in_cache

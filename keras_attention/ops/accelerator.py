"""Whether the computation runs on a GPU or TPU, which wants other sizes than a processor does."""

import keras

# A piece of work that is computed at once on an accelerator, in bytes: no cache there is as small,
# and it waits for each piece.
PIECE_BYTES = 64 * 2**20


def on_accelerator():
    """Whether Keras computes on a GPU or TPU where nobody says otherwise.

    Returns:
        A bool.
    """
    if keras.backend.backend() == "torch":  # Keras lists no devices there
        import torch

        return torch.cuda.is_available()
    return not keras.distribution.list_devices()[0].lower().startswith("cpu")


def piece_bytes(in_cache):
    """How large the pieces are in which something is computed one after the other.

    Args:
        in_cache: Bytes that a processor's cache holds beside the rest.

    Returns:
        That number, or a larger one on an accelerator.
    """
    return PIECE_BYTES if on_accelerator() else in_cache

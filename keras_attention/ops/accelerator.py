"""Whether the computation runs on a GPU or TPU, which wants other sizes than a processor does."""

import keras


def on_accelerator():
    """Whether Keras computes on a GPU or TPU where nobody says otherwise.

    Returns:
        A bool.
    """
    if keras.backend.backend() == "torch":  # Keras lists no devices there
        import torch

        return torch.cuda.is_available()
    return not keras.distribution.list_devices()[0].lower().startswith("cpu")

"""Graphs that run on any machine, whatever hardware they were traced on."""

import contextlib


@contextlib.contextmanager
def without_cudnn(model):
    """Keeps cuDNN kernels out of graphs that are traced inside the block.

    On a machine with a GPU, Keras traces its LSTM and GRU layers as cuDNN operations, which no
    other machine can run. The same weights in plain operations run everywhere.

    Args:
        model: `keras.Model`. The layers inside its layers are found too.
    """
    # `Bidirectional` has the attribute on its inner layers only, and they are in the flat list.
    layers = [layer for layer in model._flatten_layers() if hasattr(layer, "use_cudnn")]
    before = [layer.use_cudnn for layer in layers]
    for layer in layers:
        layer.use_cudnn = False
    try:
        yield
    finally:
        for layer, value in zip(layers, before, strict=True):
            layer.use_cudnn = value

"""What layers with kernels of their own cannot do yet, said instead of passed over."""


class OnlyFloats:
    """A layer that says so when its weights should become integers or get adapters.

    A model's `quantize` would else go on without it: Keras passes by the layers that do not
    implement it, and those that hold others. Where a layer with kernels holds layers that would
    not refuse, these do it for it: see `refuse_for`.
    """

    def quantize(self, mode=None, type_check=True, config=None):
        """Refuses.

        Args:
            mode, type_check, config: As in `keras.layers.Layer.quantize`.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            f"Expected layers whose weights can be quantized: those of {type(self).__name__} can "
            "not yet, and a model's `quantize` stops here, with the layers before it quantized. "
            "Load the model again and leave it out: `model.quantize(mode, filters=lambda layer: "
            "not layer.__class__.__module__.startswith('keras_attention'))`. "
            f"Received: mode={mode!r} for the layer {self.name!r}"
        )

    def enable_lora(self, rank, *args, **kwargs):
        """Refuses.

        Args:
            rank: As in `keras.layers.Dense.enable_lora`.
            *args, **kwargs: Likewise.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            f"Expected layers that take adapters: {type(self).__name__} takes none yet. "
            f"Received: rank={rank} for the layer {self.name!r}"
        )


def refuse_for(owner, held):
    """Has layers that another one holds refuse to be quantized in its place.

    Keras asks only those layers that hold no other.

    Args:
        owner: An `OnlyFloats` with kernels of its own.
        held: A layer that it holds.
    """
    for layer in held._flatten_layers():
        if not isinstance(layer, OnlyFloats):
            layer.quantize = owner.quantize

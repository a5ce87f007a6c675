"""What layers with kernels of their own cannot do yet, said instead of passed over."""

import keras


class OnlyFloats:
    """A layer that says so when its weights should become integers or get adapters.

    A model's `quantize` would else go on without it: Keras passes by the layers that do not
    implement it, and those that hold others. A layer with kernels that holds others also holds a
    `Refusal`.
    """

    @property
    def _refused(self):
        """The class and the name of the layer whose weights are meant."""
        return type(self).__name__, self.name

    def quantize(self, mode=None, type_check=True, config=None):
        """Refuses.

        Args:
            mode, type_check, config: As in `keras.layers.Layer.quantize`.

        Raises:
            ValueError: Always.
        """
        kind, name = self._refused
        raise ValueError(
            f"Expected layers whose weights can be quantized: those of {kind} can "
            "not yet, and a model's `quantize` stops here, with the layers before it quantized. "
            "Load the model again and leave it out: `model.quantize(mode, filters=lambda layer: "
            "not layer.__class__.__module__.startswith('keras_attention'))`. "
            f"Received: mode={mode!r} for the layer {name!r}"
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


class Refusal(OnlyFloats, keras.layers.Layer):
    """A layer without weights that refuses for the one that holds it.

    Keras asks only those layers that hold no other.

    Args:
        owner: An `OnlyFloats` with kernels of its own that holds layers.
        **kwargs: `name`, `dtype`, `trainable` of `keras.layers.Layer`.
    """

    def __init__(self, owner, **kwargs):
        super().__init__(**kwargs)
        self._names = type(owner).__name__, owner.name
        self.built = True

    @property
    def _refused(self):
        return self._names

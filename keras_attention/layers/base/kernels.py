"""Kernels and biases: how they start, and what holds them in training; for all that own some."""

import keras

from keras_attention.layers.base.refusals import OnlyFloats

INITIALIZERS = ("kernel_initializer", "bias_initializer")
OTHERS = ("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint")


@keras.saving.register_keras_serializable("keras_attention")
class WithKernels(OnlyFloats):
    """A layer with kernels and biases; a base class beside `keras.layers.Layer`.

    Args:
        kernel_initializer: Initializer of all kernels, as a Keras layer takes it; if not given,
            that of the layer or of its paper.
        bias_initializer: Initializer of all biases.
        kernel_regularizer, bias_regularizer: Regularizers of all kernels and all biases, or None.
        kernel_constraint, bias_constraint: Constraints of them, or None.
        **kwargs: Those of the next base class.
    """

    def __init__(
        self,
        *args,
        kernel_initializer=None,
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def add_kernel(self, name, shape, fan_in=None, **options):
        """A new kernel of this layer.

        Args:
            name: Its name.
            shape: Its shape.
            fan_in: How many numbers each output sums up. Without a `kernel_initializer` the
                standard deviation is `fan_in ** -0.5`, which keeps the scale of what is multiplied;
                "glorot_uniform" if not given.
            **options: Further ones of `keras.layers.Layer.add_weight`.

        Returns:
            The weight.
        """
        own = "glorot_uniform"
        if fan_in is not None:
            own = keras.initializers.RandomNormal(stddev=fan_in**-0.5)
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=_copy(self.kernel_initializer) or own,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            **options,
        )

    def add_bias(self, name, shape):
        """A new bias of this layer.

        Args:
            name: Its name.
            shape: Its shape.

        Returns:
            The weight.
        """
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=_copy(self.bias_initializer),
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    @property
    def kernel_arguments(self):
        """The arguments of this base class, for layers that this one holds."""
        return {name: getattr(self, name) for name in (*INITIALIZERS, *OTHERS)}

    def get_config(self):
        config = {}
        for name, value in self.kernel_arguments.items():
            module = {
                "initializer": keras.initializers,
                "regularizer": keras.regularizers,
                "constraint": keras.constraints,
            }[name.partition("_")[2]]
            config[name] = None if value is None else module.serialize(value)
        return {**super().get_config(), **config}


def _copy(initializer):
    """One that draws other numbers: an instance of Keras draws the same at each call."""
    if not isinstance(initializer, keras.initializers.Initializer):
        return initializer
    return type(initializer).from_config(initializer.get_config())

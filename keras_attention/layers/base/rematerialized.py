"""Layers under `keras.RematScope`."""

import functools

import keras


class Rematerialized:
    """Mixin that lets JAX compute a layer again in the backward pass, under `keras.RematScope`.

    Keras hands all arguments of a call to `jax.checkpoint`, which traces them: a layer could not
    ask whether it trains. Here those that are no tensors stay as they are, and what lies inside the
    layer is computed again with it. A layer that draws random numbers in training keeps its
    results, as numbers drawn inside could not be drawn again.
    """

    def rematerialized_call(self, layer_call, *args, **kwargs):
        """See `keras.Layer`; public there, for subclasses such as this."""
        static = {name: x for name, x in kwargs.items() if isinstance(x, bool | int | float | str)}
        if keras.backend.backend() != "jax":
            return super().rematerialized_call(layer_call, *args, **kwargs)
        if static.get("training") and _draws(self):
            return layer_call

        @functools.wraps(layer_call)
        def call(*args, **kwargs):
            return layer_call(*args, **kwargs, **static)

        again = super().rematerialized_call(call, *args, **kwargs)
        if again is not call:
            for layer in self._flatten_layers(include_self=False):
                layer._remat_mode = None

        def with_tensors(*args, **kwargs):
            return again(*args, **{name: x for name, x in kwargs.items() if name not in static})

        return with_tensors


def _draws(layer):
    """Whether a layer, or one inside it, has a generator of random numbers."""
    return any(
        isinstance(value, keras.random.SeedGenerator)
        for one in layer._flatten_layers()
        for value in vars(one).values()
    )


class RematerializedByParts:
    """Mixin of what is made of such layers: under `keras.RematScope` each is computed again alone.

    To compute all of them again at once would save no memory.
    """

    def rematerialized_call(self, layer_call, *args, **kwargs):
        """See `keras.Layer`."""
        return layer_call

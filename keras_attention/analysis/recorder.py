"""Attention layers made to keep their weights while a model runs."""

import inspect

import numpy as np
from keras import ops

from keras_attention.layers import Attention, ResidualAttention

# Methods that return `(context, weights, ...)`, and the argument that asks for the weights.
CALL = {"call": "return_attention_scores"}
# What models call in the place of `call`, when they have projected a memory.
OWN_METHODS = {**CALL, "attend": "return_weights", "step": None}


class Recorder:
    """Keeps what the attention layers of a model return as weights.

    As a context it puts functions of its own in the place of the layers' methods, and puts those
    back at the end. They ask for the weights, keep them, and return what the caller asked for.

    Args:
        layers: dict of layer by name.
    """

    def __init__(self, layers):
        self._layers = layers
        self._calls = {name: [] for name in layers}
        self._refusals = {}
        self._running = []  # The layers whose weights are being computed, the outermost first.
        self._inside = set()  # Names of layers whose weights are those of a layer around them.
        self._replaced = []

    def __enter__(self):
        for name, layer in self._layers.items():
            own = isinstance(layer, Attention | ResidualAttention)
            for method, flag in (OWN_METHODS if own else CALL).items():
                if hasattr(layer, method):
                    self._replace(name, layer, method, flag)
        return self

    def __exit__(self, *error):
        for layer, method, of_instance in reversed(self._replaced):
            del vars(layer)[method]
            vars(layer).update(of_instance)

    def weights(self, all_needed):
        """What was kept.

        Args:
            all_needed: bool. Whether a layer that was not called is an error.

        Returns:
            A dict of array, or tuple of arrays, by name.

        Raises:
            ValueError: A layer could not give its weights, or was not called.
        """
        for name, reason in self._refusals.items():
            others = [other for other in self._layers if other not in self._refusals]
            raise ValueError(
                f"The attention layer {name} cannot give its weights: {reason} "
                f"Those that can, for `layers`: {', '.join(others) or 'none'}."
            )
        silent = [
            name for name, calls in self._calls.items() if not calls and name not in self._inside
        ]
        if len(silent) == len(self._calls) or (silent and all_needed):
            raise ValueError(
                "Expected inputs that reach the attention layers asked for. Received: inputs with "
                f"which the model does not call {', '.join(silent)}"
            )
        return {
            f"{name}:{number}" if number > 1 else name: call.weights()
            for name, calls in self._calls.items()
            for number, call in enumerate(calls, start=1)
        }

    def _replace(self, name, layer, method, flag):
        original = getattr(layer, method)
        signature = inspect.signature(original)
        flag = flag if flag in signature.parameters else None

        def recorded(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            asked = flag is None or bool(bound.arguments[flag])
            # A layer of several methods, or one that returns these weights as its own.
            if layer in self._running or (asked and self._running):
                if layer not in self._running:
                    self._inside.add(name)
                return original(*args, **kwargs)
            outputs = self._run(name, layer, original, bound, flag)
            if outputs is None:
                return original(*args, **kwargs)
            count = getattr(layer, "number_of_contexts", 1)
            if method == "step":  # The last output is the new state.
                self._keep(name, outputs[count:-1], bound.arguments["memory"])
            else:
                self._keep(name, outputs[count:])
            if asked or method != "call":  # The others return a tuple in any case.
                return outputs
            return outputs[0] if count == 1 else outputs[:count]

        # A function that the user put in the place of the method is called, and comes back.
        of_instance = {method: vars(layer)[method]} if method in vars(layer) else {}
        vars(layer)[method] = recorded
        self._replaced.append((layer, method, of_instance))

    def _run(self, name, layer, original, bound, flag):
        """What a method returns when it is asked for weights, None where it refuses."""
        if flag is not None:
            bound.arguments[flag] = True
        self._running.append(layer)
        try:
            return original(*bound.args, **bound.kwargs)
        # Whatever the reason, the caller runs the layer as it is: an error of its own comes again.
        except Exception as error:
            self._refusals.setdefault(name, f"{str(error).strip().rstrip('.')}.")
            return None
        finally:
            self._running.pop()

    def _keep(self, name, weights, memory=None):
        if any(tensor is None for tensor in weights):
            self._refusals.setdefault(name, "it returns None.")
            return
        try:
            arrays = [ops.convert_to_numpy(tensor) for tensor in weights]
        except Exception as error:  # Each backend has errors of its own for what is not computed.
            reason = f"it runs inside a compiled function ({type(error).__name__})."
            self._refusals.setdefault(name, reason)
            return
        calls = self._calls[name]
        if memory is not None and calls and calls[-1].memory is memory:
            calls[-1].steps.append(arrays)
        else:
            calls.append(_Call(memory, [arrays]))


class _Call:
    """The weights of one call, or of steps over one memory."""

    def __init__(self, memory, steps):
        self.memory = memory
        self.steps = steps

    def weights(self):
        if self.memory is None:
            (arrays,) = self.steps
        else:
            arrays = [
                np.concatenate(of_steps, axis=-2) for of_steps in zip(*self.steps, strict=True)
            ]
        return arrays[0] if len(arrays) == 1 else tuple(arrays)

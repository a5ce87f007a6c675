"""How the memory of a layer's forward pass grows with length, as JAX' compiler reports it.

XLA says what a compiled program needs beside its arguments and results. Nothing is run.
"""

import math

import keras
import numpy as np

# Long enough that no fixed size counts: below, blocks are as large as a cache, not as the length.
LENGTHS = 32768, 65536, 131072
NAMES = {0.0: "1", 0.5: "√n", 1.0: "n", 2.0: "n²", 3.0: "n³"}
# Settings that their layers' docstrings tell to choose by the length.
SQUARE_ROOTS = {"StridedAttention": "stride", "FixedAttention": "block_length"}


def memory_order(case):
    """The order of growth with the length `n` of query and key, and notes on how it was found."""
    try:
        sizes = [temporary_bytes(case, length) for length in LENGTHS]
    except ValueError as error:  # the layer takes no such length, and the table says so
        return "-", [_reason(error)]
    setting = SQUARE_ROOTS.get(type(case.make()).__name__)
    return order(sizes), [f"With `{setting}` near √n."] if setting else []


def order(sizes):
    """The name of the order of growth, from the memory at lengths that double.

    What does not grow at all cancels in the differences.
    """
    first, second = np.diff(sizes)
    if second <= 0:
        return NAMES[0.0]
    exponent = round(2 * math.log2(second / max(first, 1))) / 2
    return NAMES.get(exponent, f"n^{exponent:g}")


def temporary_bytes(case, length):
    """What the forward pass without scores needs beside its arguments and results."""
    import jax

    layer = at_length(case.make(), length)
    sizes = case.shapes(length)
    case.apply(layer, *(keras.KerasTensor(size) for size in sizes))  # makes the weights
    arguments = [jax.ShapeDtypeStruct(size, np.float32) for size in sizes]
    compiled = jax.jit(lambda *arrays: case.apply(layer, *arrays)).lower(*arguments).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def at_length(layer, length):
    """The layer as it would be made for this length, layers inside too."""
    config = layer.get_config()
    for_length = _raised(config, length)
    setting = SQUARE_ROOTS.get(type(layer).__name__)
    if setting:
        for_length[setting] = round(length**0.5)
    return layer if for_length == config else type(layer).from_config(for_length)


def _raised(config, length):
    """A configuration whose `max_length`, wherever there is one, lets this length through."""
    if isinstance(config, dict):
        return {
            name: length if name == "max_length" and setting else _raised(setting, length)
            for name, setting in config.items()
        }
    return [_raised(item, length) for item in config] if isinstance(config, list) else config


def _reason(error):
    """The layer's own words, from Keras' message around them."""
    lines = [line for line in str(error).splitlines() if "Expected" in line]
    return lines[0][lines[0].index("Expected") :].removesuffix("\x1b[0m") if lines else str(error)

"""The attention layers of a model, and what they are called."""

import inspect

import keras


def attention_layers(model):
    """The layers of a model that can return weights, by name.

    Args:
        model: Keras model or layer.

    Returns:
        A dict of layer by name, which begins with the names of the layers that hold it; the first
        one wins where several hold it. Names that occur twice are numbered.
    """
    found, seen = {}, set()

    def visit(layer, name):
        if id(layer) in seen:
            return
        seen.add(id(layer))
        if returns_weights(layer):
            found[_free(name or layer.name, found)] = layer
        for child in _children(layer):
            visit(child, f"{name}/{child.name}" if name else child.name)

    visit(model, "")
    return found


def returns_weights(layer):
    """Whether the `call` of a layer takes `return_attention_scores`.

    Args:
        layer: Keras layer.
    """
    return "return_attention_scores" in inspect.signature(layer.call).parameters


def select(found, wanted, model):
    """The layers among those of a model that are asked for.

    Args:
        found: What `attention_layers` returned.
        wanted: Name or layer, or list of them; None for all.
        model: The model, for the message of an error.

    Returns:
        A dict as `found`, in its order.

    Raises:
        ValueError: There is no attention layer, or none of a name.
    """
    if not found:
        raise ValueError(
            "Expected a model with attention layers, whose `call` takes `return_attention_scores`. "
            f"Received: model={model.name}, a {type(model).__name__} without any"
        )
    if wanted is None:
        return found
    wanted = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
    chosen = set()
    for item in wanted:
        matches = {name for name in found if _matches(name, found[name], item)}
        if not matches:
            raise ValueError(
                f"Expected `layers` to name attention layers of {model.name}, which has "
                f"{', '.join(found)}. Received: layers={wanted}"
            )
        chosen |= matches
    return {name: layer for name, layer in found.items() if name in chosen}


def _matches(name, layer, item):
    """Whether a layer is the one that is asked for, or is inside it."""
    if isinstance(item, keras.layers.Layer):
        return any(layer is inner for inner in item._flatten_layers())
    return name == item or layer.name == item or name.startswith(f"{item}/")


def _children(layer):
    if isinstance(layer, keras.Model):
        return layer.layers
    return layer._flatten_layers(include_self=False, recursive=False)


def _free(name, taken):
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free

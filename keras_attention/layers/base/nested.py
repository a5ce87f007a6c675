"""Layers that another layer holds."""

import weakref


def build_once(nested, owner, *shapes):
    """Builds a layer that another one holds, if the first that builds it is that one.

    Keras writes a shared layer's weights to disk once, and reads them back into the one of two
    layers: what was trained could not be loaded. A layer that came built from a file has no owner
    yet, and one without weights may have any number.

    Args:
        nested: The layer to build, left as it is where it is built.
        owner: The layer that holds it.
        *shapes: The arguments of its `build`.

    Raises:
        ValueError: If it has weights and another layer built it.
    """
    # Weak, as a strong reference would make the owner a sublayer of what it holds.
    first = getattr(nested, "_built_by", lambda: None)()
    if first not in (None, owner) and nested.weights:
        raise ValueError(
            f"Expected a {type(nested).__name__} for each layer, as Keras does not save weights "
            f"that two layers share. Received: {nested.name} in {first.name} and in {owner.name}"
        )
    nested._built_by = weakref.ref(owner)
    if not nested.built:
        nested.build(*shapes)

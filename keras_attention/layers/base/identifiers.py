"""Arguments that are objects, by name or as they are; all others are refused in one way."""

import keras


def get_object(name, identifier, base, named=(), optional=True):
    """The object of an argument.

    Args:
        name: The argument's name.
        identifier: An instance of `base`, its configuration, a name, or None.
        base: A class.
        named: Dict of names to classes that need no arguments.
        optional: Whether None is allowed.

    Returns:
        An instance of `base`, or None.

    Raises:
        ValueError: If it is something else.
    """
    if isinstance(identifier, base) or (optional and identifier is None):
        return identifier
    if isinstance(identifier, str) and identifier in named:
        return named[identifier]()
    if isinstance(identifier, dict) and "class_name" in identifier:
        return get_object(name, keras.saving.deserialize_keras_object(identifier), base, named)
    kinds = [f"an instance of `{base.__name__}`"]
    kinds += [f"one of {sorted(named)}"] if named else []
    kinds += ["None"] if optional else []
    raise ValueError(
        f"Expected `{name}` to be {', or '.join(kinds)}. Received: {name}={identifier!r}"
    )


def get_objects(name, identifiers, base, named=()):
    """The objects of an argument that is a list.

    Args:
        name: The argument's name.
        identifiers: List or tuple of what `get_object` takes.
        base: A class.
        named: Dict of names to classes that need no arguments.

    Returns:
        List of instances of `base`.

    Raises:
        ValueError: If it is no list, or holds something else.
    """
    if not isinstance(identifiers, (list, tuple)):
        raise ValueError(
            f"Expected `{name}` to be a list of instances of `{base.__name__}`"
            + (f", or of names: {sorted(named)}" if named else "")
            + f". Received: {name}={identifiers!r}"
        )
    return [get_object(name, each, base, named, optional=False) for each in identifiers]

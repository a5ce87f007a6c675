"""Functions in a configuration: by the name under which they are registered."""

import keras


def registered_name(function, argument):
    """The name under which `keras.saving.get_registered_object` finds this function again.

    Args:
        function: A function.
        argument: Name of the argument that it was given as, for the error.

    Returns:
        A string.

    Raises:
        ValueError: If it is not registered.
    """
    # Keras asks for a name of its own, which a partial function, say, has not.
    name = keras.saving.get_registered_name(function) if hasattr(function, "__name__") else ""
    if keras.saving.get_registered_object(name) is not function:
        raise ValueError(
            f"Expected `{argument}` to be registered with "
            "`keras.saving.register_keras_serializable`, otherwise it cannot be saved. "
            f"Received: {argument}={function!r}"
        )
    return name

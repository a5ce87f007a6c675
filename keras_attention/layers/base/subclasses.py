"""What a subclass overrides, found out once, where the class is made."""

import functools
import warnings


def overridden_after(cls, attribute, hooks):
    """Whether a class overrides a hook and does not say itself what the attribute says of it.

    Args:
        cls: A class.
        attribute: Name of a class attribute that describes the hooks.
        hooks: Names of methods.

    Returns:
        A bool, True where a hook is defined by a class nearer to `cls` than the attribute.
    """

    return any(_defined_by(cls, hook) < _defined_by(cls, attribute) for hook in hooks)


def _defined_by(cls, name):
    """How far up in the order of base classes the one stands that a name is taken from."""
    bases = enumerate(cls.__mro__)
    return next((i for i, base in bases if name in vars(base)), len(cls.__mro__))


def keep_old_names(cls, names):
    """Lets a class override and offer methods under the names that they had before 0.2.

    Args:
        cls: A class.
        names: Dict of old to new names.
    """
    for old, new in names.items():
        if _defined_by(cls, old) < _defined_by(cls, new):
            warnings.warn(
                f"{cls.__name__}.{old}: the method is called `{new}` now, and `{old}` will not be "
                "looked for any more.",
                DeprecationWarning,
                stacklevel=4,
            )
            setattr(cls, new, getattr(cls, old))
        elif new in vars(cls):
            setattr(cls, old, _old_name(getattr(cls, new), old, new))


def _old_name(method, old, new):
    @functools.wraps(method)
    def renamed(self, *args, **kwargs):
        message = f"`{old}` is called `{new}` now; the old name will go."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return method(self, *args, **kwargs)

    return renamed

"""The options that a dataclass stands for, and what their types allow."""

import dataclasses
import types
import typing
from pathlib import Path

# What the help calls a value, and an error says of it.
VALUES = {
    int: ("INT", "a whole number"),
    float: ("FLOAT", "a number"),
    str: ("TEXT", "a text"),
    Path: ("PATH", "a path"),
}


def options_of(kind, prefix=""):
    """Flag and type of each option of a dataclass and of those inside it, None left out.

    A field whose type is marked as `tyro.conf.Fixed` is no option.

    Args:
        kind: dataclass.
        prefix: str. What the flags begin with; None if those inside have no prefix either.

    Yields:
        Pairs of str and type.
    """
    import tyro  # Belongs to the extras, which a user of the layers may lack.

    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        plain, details = without_details(hint)
        name = f"{prefix or ''}{name.replace('_', '-')}"
        if dataclasses.is_dataclass(plain):
            is_flat = prefix is None or tyro.conf.OmitArgPrefixes in details
            yield from options_of(plain, None if is_flat else f"{name}.")
        elif not {tyro.conf.Positional, tyro.conf.Fixed} & set(details):
            yield f"--{name}", plain
            if plain is bool:
                yield f"--no-{name}", plain


def takes_texts(kind):
    """Whether a command takes any number of texts, which are no options.

    Args:
        kind: dataclass whose fields are the options.
    """
    hints = typing.get_type_hints(kind, include_extras=True).values()
    return any(typing.get_origin(without_details(hint)[0]) is tuple for hint in hints)


def without_details(hint):
    """A type without None and without what `Annotated` adds, and the list of what it added."""
    details = []
    if typing.get_origin(hint) is typing.Annotated:
        hint, *details = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        hint = kinds[0] if len(kinds) == 1 else hint
    return hint, details


def choices(kind):
    """The values of a `Literal`, as they are typed; none of another type."""
    is_literal = typing.get_origin(kind) is typing.Literal
    return [str(choice) for choice in typing.get_args(kind)] if is_literal else []

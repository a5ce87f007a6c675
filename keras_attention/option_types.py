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
        if families(plain):
            plain = merged(families(plain))
        name = f"{prefix or ''}{name.replace('_', '-')}"
        if dataclasses.is_dataclass(plain):
            is_flat = prefix is None or tyro.conf.OmitArgPrefixes in details
            yield from options_of(plain, None if is_flat else f"{name}.")
        elif not {tyro.conf.Positional, tyro.conf.Fixed} & set(details):
            yield f"--{name}", plain
            if plain is bool:
                yield f"--no-{name}", plain


def families(hint):
    """The dataclasses of a union, such as the options of each family of models; else none."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return ()
    kinds = typing.get_args(hint)
    return kinds if all(map(dataclasses.is_dataclass, kinds)) else ()


def merged(kinds):
    """A dataclass that has the options of several, for whoever asks which options there can be.

    An option that several have takes the values of all.

    Args:
        kinds: dataclasses.
    """
    fields = {}
    for kind in kinds:
        hints = typing.get_type_hints(kind, include_extras=True)
        for field in dataclasses.fields(kind):
            hint = hints[field.name]
            if field.name in fields and choices(hint):
                values = *typing.get_args(fields[field.name][0]), *typing.get_args(hint)
                hint = typing.Literal[tuple(dict.fromkeys(values))]
            default = fields.get(field.name, (None, field.default))[1]
            fields[field.name] = (hint, default)
    made = dataclasses.make_dataclass(
        "Options",
        [(name, hint, dataclasses.field(default=value)) for name, (hint, value) in fields.items()],
        frozen=True,
    )
    made.merged_from = tuple(kinds)
    made.__doc__ = kinds[0].__mro__[1].__doc__  # What they have in common.
    return made


def sources(kind):
    """The classes in whose source the options of a dataclass stand, its own last."""
    kinds = getattr(kind, "merged_from", (kind,))
    return [base for one in reversed(kinds) for base in reversed(one.__mro__[:-1])]


def with_types(kind, **hints):
    """A dataclass like another one, with other types for some of its fields.

    Args:
        kind: dataclass.
        **hints: type by the name of the field.
    """
    changed = type(kind.__name__, (kind,), {"__annotations__": hints, "__doc__": kind.__doc__})
    for name in hints:
        field = kind.__dataclass_fields__[name]
        if field.default is not dataclasses.MISSING:
            setattr(changed, name, field.default)
    return dataclasses.dataclass(frozen=True)(changed)


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

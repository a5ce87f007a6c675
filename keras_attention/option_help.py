"""What the command line tells of its options: the help, and what a shell completes.

The help of an option is the text below the field of its dataclass.
"""

import contextlib
import dataclasses
import io
import shutil
import textwrap
import typing

from keras_attention.option_types import VALUES, choices, families, merged, sources, without_details

MAX_WIDTH = 100  # columns of a paragraph; longer lines are hard to read


def completion(commands, shell):
    """A script that completes the commands and options of `keras-attention` in a shell.

    Args:
        commands: dict of dataclass by the name of the command.
        shell: str. `"bash"`, `"zsh"`, `"fish"` or `"tcsh"`.

    Returns:
        str.
    """
    import tyro

    kinds = [typing.Annotated[kind, tyro.conf.subcommand(name)] for name, kind in commands.items()]
    script = io.StringIO()
    with contextlib.redirect_stdout(script), contextlib.suppress(SystemExit):
        tyro.cli(
            typing.Union[tuple(kinds)],  # noqa: UP007  As many as there are commands.
            prog="keras-attention",
            args=["--tyro-print-completion", shell],
            registry=registry(),
        )
    return script.getvalue()


def wrapped(text):
    """Paragraphs no wider than the terminal; the parser prints what is indented as it is."""
    width = min(shutil.get_terminal_size().columns, MAX_WIDTH)
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    indents = {"initial_indent": "  ", "subsequent_indent": "  "}
    return "\n".join(textwrap.fill(part, width, **indents) for part in paragraphs)


def registry():
    """Makes each field of a dataclass an option whose help is the text below the field."""
    import docstring_parser  # Comes with tyro.
    import tyro
    from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec

    rules = ConstructorRegistry()

    @rules.struct_rule
    def rule(info):
        if not dataclasses.is_dataclass(info.type) or hasattr(info.type, "__parameters__"):
            return None  # Generic dataclasses are the parser's own.
        hints = typing.get_type_hints(info.type, include_extras=True)
        texts = {
            parameter.arg_name: parameter.description
            for kind in sources(info.type)
            for parameter in docstring_parser.parse_from_object(kind).params
        }
        fields = []
        for field in dataclasses.fields(info.type):
            default = tyro.MISSING
            if isinstance(info.default, info.type):
                default = getattr(info.default, field.name)
            elif field.default is not dataclasses.MISSING:
                default = field.default
            elif field.default_factory is not dataclasses.MISSING:
                default = field.default_factory()
            hint = hints[field.name]
            plain, details = without_details(hint)
            if kinds := families(plain):
                hint = merged(kinds)
                known = {part.name for part in dataclasses.fields(hint)}
                given = vars(default) if dataclasses.is_dataclass(default) else {}
                default = hint(**{name: given[name] for name in known & set(given)})
                hint = typing.Annotated[(hint, *details)] if details else hint
            fields.append(
                StructFieldSpec(
                    name=field.name,
                    type=_described(hint, default, texts.get(field.name)),
                    default=default,
                )
            )
        return StructConstructorSpec(instantiate=info.type, fields=tuple(fields))

    return rules


def _described(hint, default, text):
    """The type of a field with the words that the help uses for it."""
    import tyro

    plain, details = without_details(hint)
    if dataclasses.is_dataclass(plain):
        return hint
    words = {"help": " ".join(text.split()) if text else None}
    if plain in VALUES and not any(getattr(detail, "metavar", None) for detail in details):
        words["metavar"] = VALUES[plain][0]
    elif choices(plain):
        words["metavar"] = "{" + ",".join(filter(None, choices(plain))) + "}"
    if default is None or default is False or default in ("", ()):  # The help says what it means.
        words["help_behavior_hint"] = ""
    return typing.Annotated[hint, tyro.conf.arg(**words)]

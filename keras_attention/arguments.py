"""Command lines made from dataclasses: one sentence for what does not fit.

A field is an option, its type says which values are allowed, the text below it is its help.
"""

import contextlib
import dataclasses
import difflib
import io
import re
import shlex
from pathlib import Path

from keras_attention.errors import UserError
from keras_attention.option_help import registry, wrapped
from keras_attention.option_types import VALUES, choices, options_of, takes_texts
from keras_attention.user_files import expand_home


def parse(kind, arguments, command, description=None, default=None):
    """Parses the arguments of one command.

    Args:
        kind: dataclass whose fields are the options and whose docstrings are their help.
        arguments: list of str.
        command: str. The command as it is typed, for the help and for errors.
        description: str. What the help says above the options; the docstring of `kind` if not
            given.
        default: instance of `kind` that holds the defaults, if they are not those of `kind`.

    Returns:
        An instance of `kind`, with the home folder in place of `~` in paths.

    Raises:
        UserError: there is no such option, or a value is missing or not allowed.
    """
    import tyro  # Belongs to the extras, which a user of the layers may lack.

    program = f"keras-attention {command}"
    if not {"-h", "--help"} & set(arguments):
        check(kind, arguments, program)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            parsed, unknown = tyro.cli(
                kind,
                prog=program,
                args=arguments,
                default=tyro.MISSING if default is None else default,
                description=wrapped(description or kind.__doc__),
                registry=registry(),
                return_unknown_args=True,
            )
    except SystemExit as stopped:
        if not stopped.code:  # The help was printed.
            raise
        raise UserError(_first_sentence(complaint.getvalue(), program)) from None
    if unknown:
        raise UserError(
            f"Unexpected argument {unknown[0]}: {program} --help shows what there can be."
        )
    return _with_home_folder(parsed)


def _with_home_folder(options):
    """A copy of a dataclass in which the home folder takes the place of `~` in every `Path`."""
    changes = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if isinstance(value, Path):
            changes[field.name] = expand_home(value)
        elif dataclasses.is_dataclass(value):
            changes[field.name] = _with_home_folder(value)
    return dataclasses.replace(options, **changes)


def check(kind, arguments, program):
    """Raises `UserError` for an option that does not exist or a value that is not allowed.

    Args:
        kind: dataclass whose fields are the options.
        arguments: list of str.
        program: str. The program with its command, for the error.
    """
    options = dict(options_of(kind))
    remaining = list(arguments)
    while remaining and (argument := remaining.pop(0)) != "--":
        if not _looks_like_an_option(argument):
            continue
        name, assigned, value = argument.partition("=")
        name = name.replace("_", "-")
        if name not in options:
            raise UserError(_unknown(argument, name, options, kind, program))
        if options[name] is bool:
            if assigned:
                raise UserError(f"{name} takes no value. Received: {argument}")
        elif options[name] in VALUES or choices(options[name]):
            if not assigned:
                value = remaining.pop(0) if remaining else "--"
                if _looks_like_an_option(value) and value not in choices(options[name]):
                    hint = _how_to_give(name, value, options)
                    raise UserError(f"{name} needs a value: {_allowed(options[name])}.{hint}")
            _check_value(name, options[name], value)


def given_options(kind, arguments):
    """Names of the options that stand on a command line, whatever their values.

    Args:
        kind: dataclass whose fields are the options.
        arguments: list of str that `check` accepts: no value looks like an option.

    Returns:
        Set of str, the names of fields: `max_length` for `--max-length 3` and `--max_length=3`.
    """
    options = dict(options_of(kind))
    end = arguments.index("--") if "--" in arguments else len(arguments)
    flags = {argument.partition("=")[0].replace("_", "-") for argument in arguments[:end]}
    names = set()
    for flag in flags & set(options):
        positive = flag.replace("--no-", "--", 1)
        is_negation = options[flag] is bool and options.get(positive) is bool
        names.add((positive if is_negation else flag).removeprefix("--").replace("-", "_"))
    return names


def given_values(arguments):
    """What stands behind each option on a command line, before it is known which there can be.

    Args:
        arguments: list of str.

    Returns:
        Dict of str by the name of the field: the next argument, or what follows `=`; `""` where
        nothing follows. Of an option that stands twice the last.

    Example:

    >>> given_values(["dates", "--batch-size=3", "--model", "recurrent"])
    {'batch_size': '3', 'model': 'recurrent'}
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    found = {}
    for argument, following in zip(arguments[:end], [*arguments[1:end], ""], strict=True):
        if argument.startswith("--"):
            flag, assigned, value = argument.partition("=")
            found[flag[2:].replace("-", "_")] = value if assigned else following
    return found


def nearest(name, names):
    """That of several names which a mistyped one is most like; None if none is.

    Example:

    >>> nearest("tarin", ["train", "translate"])
    'train'
    """
    return next(iter(difflib.get_close_matches(name, names, n=1)), None)


def neighbours(name, names, most=3):
    """Those of several names that may be meant by a shortened or mistyped one.

    Args:
        name: str.
        names: list of str, whose words have hyphens between them.
        most: int. A short form that stands for more names than these stands for none.

    Returns:
        List of str: the names with these initials, or that have these words, or their beginnings,
        or else the one most like it, or those that have its letters in this order.

    Example:

    >>> neighbours("lr", ["learning-rate", "label-smoothing"])
    ['learning-rate']
    """
    letters = re.compile(".*".join(map(re.escape, name)))
    near = nearest(name, names)
    ways = (
        [other for other in names if len(name) > 1 and _initials(other) == name],
        [other for other in names if f"-{name}" in f"-{other}"],
        [near] if near else [],
        [other for other in names if len(name) > 2 and letters.match(other)],
    )
    return next((found for found in ways if 0 < len(found) <= most), [])


def _initials(name):
    return "".join(word[:1] for word in name.split("-"))


def _allowed(kind):
    """What an error says of the values that an option takes."""
    names = ", ".join(filter(None, choices(kind)))
    return f"one of {names}" if names else VALUES[kind][1]


def _check_value(name, kind, value):
    try:
        fits = value in choices(kind) if choices(kind) else kind(value) is not None
    except ValueError:
        fits = False
    if not fits and value != "None":
        raise UserError(f"{name} must be {_allowed(kind)}. Received: {value}")


def _unknown(argument, name, options, kind, program):
    near = neighbours(name.lstrip("-"), [option.lstrip("-") for option in options])
    hint = f"{program} --help lists those there are."
    if near:
        hint = f"did you mean {' or '.join(f'--{option}' for option in near)}?"
    elif takes_texts(kind):
        hint += f" A text that begins so stands behind two dashes: -- {shlex.quote(argument)}"
    return f"Unknown option {name}: {hint}"


def _looks_like_an_option(argument):
    """Whether an argument begins with a dash, and is no number."""
    return argument.startswith("-") and not re.match(r"-\.?\d|-$|- ", argument)


def _how_to_give(name, value, options):
    """How to say that a value which looks like an option is none, where that is likely."""
    if options[name] not in (str, Path) or value == "--":
        return ""
    if value.partition("=")[0].replace("_", "-") in options:
        return ""
    return f" One that begins with a dash is given as {name}={shlex.quote(value)}"


def _first_sentence(complaint, program):
    """What the parser draws in a box, as one sentence."""
    text = "\n".join(line.strip("│╭╮╰╯─ ") for line in complaint.splitlines())
    if missing := re.search(r"Missing from .*:\n(\S+)", text):
        return f"{missing[1]} is missing: {program} --help explains it."
    words = " ".join(text.split("\n\n")[0].split()).removesuffix(".")
    return f"{words}: {program} --help explains the options."

"""Command lines made from dataclasses: one sentence for what does not fit.

A field is an option, its type says which values are allowed, the text below it is its help.
"""

import contextlib
import dataclasses
import difflib
import io
import re
from pathlib import Path

from keras_attention.errors import UserError
from keras_attention.option_help import registry, wrapped
from keras_attention.option_types import VALUES, choices, options_of
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
        if not re.match(r"--?[a-zA-Z]", argument):
            continue
        name, assigned, value = argument.partition("=")
        name = name.replace("_", "-")
        if name not in options:
            raise UserError(_unknown(name, options, program))
        if options[name] is bool:
            if assigned:
                raise UserError(f"{name} takes no value. Received: {argument}")
        elif options[name] in VALUES or choices(options[name]):
            if not assigned:
                value = remaining.pop(0) if remaining else "--"
                if re.match(r"--|-[a-zA-Z]", value) and value not in choices(options[name]):
                    raise UserError(f"{name} needs a value: {_allowed(options[name])}.")
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


def nearest(name, names):
    """That of several names which a mistyped one is most like; None if none is.

    Example:

    >>> nearest("tarin", ["train", "translate"])
    'train'
    """
    return next(iter(difflib.get_close_matches(name, names, n=1)), None)


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


def _unknown(name, options, program):
    near = nearest(name.lstrip("-"), [option.lstrip("-") for option in options])
    hint = f"did you mean --{near}?" if near else f"{program} --help lists those there are."
    return f"Unknown option {name}: {hint}"


def _first_sentence(complaint, program):
    """What the parser draws in a box, as one sentence."""
    text = "\n".join(line.strip("│╭╮╰╯─ ") for line in complaint.splitlines())
    if missing := re.search(r"Missing from .*:\n(\S+)", text):
        return f"{missing[1]} is missing: {program} --help explains it."
    words = " ".join(text.split("\n\n")[0].split()).removesuffix(".")
    return f"{words}: {program} --help explains the options."

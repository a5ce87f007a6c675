"""Command lines made from dataclasses, with one sentence for an option that does not exist."""

import dataclasses
from pathlib import Path

from keras_attention.errors import UserError
from keras_attention.user_files import expand_home


def parse(kind, arguments, command, **options):
    """Parses the arguments of one command.

    Args:
        kind: dataclass whose fields are the options and whose docstrings are their help.
        arguments: list of str.
        command: str. The command as it is typed, for the help and for errors.
        **options: further options of `tyro.cli`.

    Returns:
        An instance of `kind`, with the home folder in place of `~` in paths.

    Raises:
        UserError: there is no such option.
    """
    import tyro  # Belongs to the extras, which a user of the layers may lack.

    program = f"keras-attention {command}"
    parsed, unknown = tyro.cli(
        kind, prog=program, args=arguments, return_unknown_args=True, **options
    )
    if unknown:
        raise UserError(f"Unknown option {unknown[0]}: {program} --help lists those there are.")
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

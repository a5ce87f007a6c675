"""Command lines made from dataclasses, with one sentence for an option that does not exist."""

from keras_attention.errors import UserError


def parse(kind, arguments, command, **options):
    """Parses the arguments of one command.

    Args:
        kind: dataclass whose fields are the options and whose docstrings are their help.
        arguments: list of str.
        command: str. The command as it is typed, for the help and for errors.
        **options: further options of `tyro.cli`.

    Returns:
        An instance of `kind`.

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
    return parsed

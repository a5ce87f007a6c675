"""The command line: `keras-attention COMMAND ...`, or `python -m keras_attention COMMAND ...`."""

import importlib
import sys

from keras_attention import UserError, __version__

COMMANDS = {
    "recipes": ("training", "recipes_command", "list the named recipes, their cost and score"),
    "train": ("training", "train_command", "train a recipe in a run directory, or go on with one"),
    "evaluate": ("training", "evaluate_command", "score a run on its validation and test pairs"),
    "translate": ("export", "translate_command", "translate texts with a run or a bundle"),
    "export": ("export", "export_command", "turn a run into a bundle that others serve"),
    "verify": ("export", "verify_command", "repeat the proof that a bundle answers as trained"),
}


def usage():
    """What `keras-attention --help` prints."""
    rows = [f"  {name:<10} {summary}" for name, (_, _, summary) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: keras-attention COMMAND [options]",
            "",
            *rows,
            "",
            "keras-attention COMMAND --help explains the options of a command.",
        ]
    )


def main(arguments=None):
    """Runs one command.

    Args:
        arguments: list of str; those of the process if not given.

    Returns:
        Exit code: 0, or 2 after one sentence on standard error where the user can mend something.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0
    if arguments[0] == "--version":
        print(__version__)
        return 0
    if arguments[0] not in COMMANDS:
        return _fail(f"unknown command {arguments[0]!r}; there are: {', '.join(COMMANDS)}.")
    wing, function, _ = COMMANDS[arguments[0]]
    try:
        module = importlib.import_module(f"keras_attention.{wing}.cli")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("keras_attention"):
            raise
        return _fail(
            f"{arguments[0]} needs {error.name}: "
            f'install it with pip install "keras-attention[{wing}]".'
        )
    try:
        return getattr(module, function)(arguments[1:]) or 0
    except UserError as error:
        return _fail(str(error))
    except BrokenPipeError:  # Who reads our output has seen enough, as `head` has.
        sys.stdout = None
        return 0
    except OSError as error:  # Such as a full disk, or a folder that may not be written to.
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}.")
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from the last checkpoint"
        return _fail(f"stopped{goes_on if arguments[0] == 'train' else ''}.")


def _fail(message):
    print(f"keras-attention: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

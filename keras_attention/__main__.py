"""The command line: `keras-attention COMMAND ...`, or `python -m keras_attention COMMAND ...`."""

import importlib
import sys

from keras_attention.errors import UserError
from keras_attention.version import __version__

COMMANDS = {
    "recipes": ("training", "list the named recipes, their cost and score"),
    "train": ("training", "train a recipe in a run directory, or go on with one"),
    "evaluate": ("training", "score a run on its validation and test pairs"),
    "translate": ("export", "translate texts with a run or a bundle"),
    "export": ("export", "turn a run into a bundle that others serve"),
    "verify": ("export", "repeat the proof that a bundle answers as trained"),
}


def usage():
    """What `keras-attention --help` prints."""
    rows = [f"  {name:<10} {summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: keras-attention COMMAND [options]",
            "",
            *rows,
            "",
            "keras-attention COMMAND --help explains the options of a command.",
        ]
    )


def main(arguments=None, load=importlib.import_module):
    """Runs one command.

    Args:
        arguments: list of str; those of the process if not given.
        load: function of the name of a package, called for those that a command needs, once it has
            read its options.

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
    command, wing = arguments[0], COMMANDS[arguments[0]][0]
    try:
        module = importlib.import_module(f"keras_attention.{wing}.cli")
        options = getattr(module, f"{command}_options")(arguments[1:])
        if command != "recipes":  # It lists what its module holds.
            load("keras_attention")
            load(f"keras_attention.{wing}")
        return getattr(module, f"{command}_command")(options) or 0
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("keras_attention"):
            raise
        return _fail(
            f'{command} needs {error.name}: install it with pip install "keras-attention[{wing}]".'
        )
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
        return _fail(f"stopped{goes_on if command == 'train' else ''}.")


def _fail(message):
    print(f"keras-attention: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    import keras_attention_cli

    sys.exit(keras_attention_cli.main())

"""The commands of `keras-attention`.

`python -m keras_attention COMMAND ...` runs them too, but Python imports the package with Keras
first: it starts slowly, and TensorFlow prints what it likes. `python -m keras_attention_cli` is
the same program as `keras-attention`.
"""

import importlib
import sys

from keras_attention.arguments import nearest
from keras_attention.errors import UserError
from keras_attention.option_help import completion
from keras_attention.version import __version__

COMMANDS = {
    "recipes": ("training", "list the named recipes, their cost and score"),
    "train": ("training", "train a recipe in a run directory, or resume a run"),
    "evaluate": ("training", "score a run on its validation and test pairs"),
    "predict": ("export", "answer texts with a run or a bundle, and show the evidence"),
    "watch": ("export", "label a stream of JSON lines, and tell when shares of labels shift"),
    "translate": ("export", "translate texts with a run or a bundle"),
    "score": ("export", "score given translations with a run"),
    "export": ("export", "export a run as a bundle of files to serve"),
    "verify": ("export", "repeat the parity check of a bundle"),
}
SHELLS = ("bash", "zsh", "fish")


def usage():
    """What `keras-attention --help` prints."""
    rows = [f"  {name:<11} {summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: keras-attention COMMAND [options]",
            "",
            *rows,
            "  completion  print a script for Tab completion in your shell",
            "",
            "keras-attention help COMMAND explains the options of a command.",
        ]
    )


def main(arguments=None, before_work=lambda *packages: None):
    """Runs one command.

    Args:
        arguments: list of str; those of the process if not given.
        before_work: function called when a command that needs Keras has read its options, with the
            names of the packages whose `__init__` must have run.

    Returns:
        Exit code: 0, or 2 after one sentence on standard error where the user can mend something.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["help"]:
        arguments = [*(name for name in arguments[1:2] if name != "help"), "--help"]
    command = arguments[0] if arguments else "--help"
    package, _ = COMMANDS.get(command, ("training", None))
    if sys.stdout is None:
        return _fail("Standard output is closed: send it to a file.")
    try:
        try:
            return _run(command, package, arguments[1:], before_work)
        finally:  # Or what is still in the buffer would fail at the end of the process.
            sys.stdout.flush()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("keras_attention"):
            raise
        return _fail(
            f"{command} needs {error.name}: "
            f'install it with pip install "keras-attention[{package}]".'
        )
    except UserError as error:
        return _fail(str(error))
    except BrokenPipeError:  # Who reads our output has seen enough, as `head` has.
        sys.stdout = None
        return 0
    except OSError as error:  # Such as a full disk, or a folder that may not be written to.
        _drop_unwritable_output()
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}.")


def _run(command, package, arguments, before_work):
    """Does what a command asks for; its exit code."""
    if command in ("-h", "--help"):
        print(usage())
        return 0
    if command == "--version":
        print(__version__)
        return 0
    if command == "completion":
        return _complete(arguments)
    if command not in COMMANDS:
        near = nearest(command, [*COMMANDS, "completion", "help"])
        hint = f"did you mean {near}?" if near else f"there are: {', '.join(COMMANDS)}."
        raise UserError(f"unknown command {command}: {hint}")
    module = importlib.import_module(f"keras_attention.{package}.cli")
    options = getattr(module, f"{command}_options")(arguments)
    if command != "recipes":  # It lists what its module holds.
        before_work("keras_attention", f"keras_attention.{package}")
    return getattr(module, f"{command}_command")(options) or 0


def _drop_unwritable_output():
    """Lets no second error at the end of the process follow the first one."""
    try:
        sys.stdout.flush()
    except OSError:  # Told by the caller.
        sys.stdout = None


def _complete(arguments):
    """Prints the script that completes commands and options in a shell."""
    if len(arguments) != 1 or arguments[0] not in SHELLS:
        raise UserError(f"Name your shell: keras-attention completion {'|'.join(SHELLS)}.")
    kinds = {}
    for command, (package, _) in COMMANDS.items():
        module = importlib.import_module(f"keras_attention.{package}.cli")
        kinds[command] = getattr(module, f"{command.capitalize()}Arguments")
    print(completion(kinds, arguments[0]))
    return 0


def _fail(message):
    if sys.stderr is not None:  # Or `print` would take standard output for it.
        print(f"keras-attention: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    import keras_attention_cli

    sys.exit(keras_attention_cli.main())

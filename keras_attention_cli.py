"""`keras-attention`: starts the command line before Keras and its backend are imported.

Importing any module of `keras_attention` first runs the package's `__init__`, which imports Keras
and registers every class, so that a `.keras` file loads without custom objects. That takes
seconds, and `--help` needs none of it. This module lies outside the package: it makes the packages
of the command line known without running their `__init__`, which runs when a command has read its
options.
"""

import contextlib
import importlib.util
import os
import signal
import sys

# Those whose modules the command line imports to read its options.
PACKAGES = (
    "keras_attention",
    "keras_attention.decoding",
    "keras_attention.training",
    "keras_attention.export",
)


def main():
    """Runs the command of this process.

    Returns:
        Exit code.
    """
    interrupts = Interrupts()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="replace")  # What a terminal cannot show is a question mark.
    for name in PACKAGES:
        if name not in sys.modules:
            defer(name)
    from keras_attention.__main__ import main as run_command
    from keras_attention.native_log import without_chatter

    def before_work(*names):
        log.enter_context(without_chatter())
        for name in names:
            load(name)
        interrupts.let_work_end()

    with contextlib.ExitStack() as log:
        try:
            code = run_command(before_work=before_work)
        except BaseException:  # Whatever an interrupt became in the code that it interrupted.
            if interrupts.received is None:
                raise
        if interrupts.received is not None:
            interrupts.say()
            code = 128 + interrupts.received
    interrupts.reset()
    return code


class Interrupts:
    """What Ctrl-C and SIGTERM do: one sentence, and exit code 128 + the number of the signal.

    Before a command works there is nothing to put in order, and the process ends at once: an
    exception could be caught by what is being imported. From then on the first signal raises
    `KeyboardInterrupt`, so that temporary files are removed; another one ends the process.
    """

    def __init__(self):
        self.received = None
        self._ends_at_once = True
        # A shell starts what runs in the background with Ctrl-C ignored.
        numbers = (signal.SIGINT, signal.SIGTERM)
        self._numbers = [n for n in numbers if signal.getsignal(n) is not signal.SIG_IGN]
        for number in self._numbers:
            signal.signal(number, self._handle)

    def let_work_end(self):
        """Lets the next signal raise `KeyboardInterrupt`."""
        self._ends_at_once = False

    def reset(self):
        """Lets signals end the process without a word: all is done."""
        for number in self._numbers:
            signal.signal(number, signal.SIG_DFL)

    def say(self):
        """Tells the user what happened."""
        trains = sys.argv[1:2] == ["train"]
        goes_on = (
            "; the same command goes on from the last checkpoint, if there is one" if trains else ""
        )
        if sys.stderr is not None:  # Not by `print`, which a signal may have interrupted.
            os.write(sys.stderr.fileno(), f"keras-attention: stopped{goes_on}.\n".encode())

    def _handle(self, number, frame):
        if self._ends_at_once:
            self.say()
            os._exit(128 + number)
        self._ends_at_once = True
        self.received = number
        raise KeyboardInterrupt


def defer(name):
    """Makes a package known without running its `__init__`.

    Its modules can be imported. The `__init__` runs at the first use of another name.

    Args:
        name: str. A package that is not imported, in one that is.
    """
    spec = importlib.util.find_spec(name)
    package = importlib.util.module_from_spec(spec)

    def __getattr__(attribute):
        if attribute.startswith("__"):  # Such as what doctest and inspect look for.
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        module = f"{name}.{attribute}"
        if importlib.util.find_spec(module):
            return importlib.import_module(module)
        load(name)
        return getattr(package, attribute)

    package.__getattr__ = __getattr__
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)


def load(name):
    """Runs the `__init__` of a package that `defer` made known, once.

    Args:
        name: str. The package; one that was imported as usual is left as it is.
    """
    package = sys.modules[name]
    if vars(package).pop("__getattr__", None) is not None:
        package.__spec__.loader.exec_module(package)


if __name__ == "__main__":
    sys.exit(main())

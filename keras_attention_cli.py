"""`keras-attention`: starts the command line before Keras and its backend are imported.

Importing any module of `keras_attention` first runs the package's `__init__`, which imports Keras
and registers every class, so that a `.keras` file loads without custom objects. That takes
seconds, and `--help` needs none of it. This module lies outside the package: it makes the
packages of the command line known without running their `__init__`, which runs when a command has
read its options.
"""

import importlib.util
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
    for name in PACKAGES:
        if name not in sys.modules:
            defer(name)
    from keras_attention.__main__ import main as run_command

    return run_command(load=load)


def defer(name):
    """Makes a package known without running its `__init__`.

    Its modules can be imported. The `__init__` runs at the first use of any other name of it.

    Args:
        name: str. A package that is not imported, in one that is.
    """
    spec = importlib.util.find_spec(name)
    package = importlib.util.module_from_spec(spec)

    def __getattr__(attribute):
        if attribute.startswith("__"):  # Such as what doctest and inspect look for.
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
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

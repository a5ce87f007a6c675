"""Where the modules of the package lie, for the tests of the repository's own shape."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "keras_attention": ROOT / "keras_attention",
    "keras_attention.training": ROOT / "training",
    "keras_attention.export": ROOT / "export",
}


def modules():
    """All modules of the package: full name to file."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = path
    return found


def is_program(name):
    """Whether a module is a program for a process of its own, which must not be imported."""
    return name.rsplit(".", 1)[-1].startswith(("run_", "__main__"))

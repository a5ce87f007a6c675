"""Builds the wheel and unpacks it beside nothing else: `python tests/wheel_files.py FOLDER`.

Works in a copy of the sources: a `build/` left in the repository by another build would put modules
into the wheel that are long deleted.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
FOLDERS = {
    "keras_attention": "keras_attention",
    "training": "keras_attention/training",
    "export": "keras_attention/export",
}
MODULE = "keras_attention_cli.py"
_NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")


def source_files():
    """Where each file of the package lies in the repository and in the wheel."""
    found = {ROOT / MODULE: MODULE}
    for folder, installed in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                found[path] = f"{installed}/{path.relative_to(ROOT / folder).as_posix()}"
    return found


def build_wheel(folder):
    """Builds the wheel from a copy of the sources and gives back its path."""
    copy = Path(folder) / "sources"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=_NOT_SHIPPED)
    for name in (*SOURCES, MODULE):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copy)
    _run("build", "--wheel", "--no-isolation", "--outdir", folder, copy)
    (wheel,) = Path(folder).glob("*.whl")
    return wheel


def unpack_wheel(wheel, site):
    """Installs a wheel into an empty folder, without what it depends on."""
    _run("pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel)
    return Path(site)


def _run(module, *arguments):
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT.parent)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    unpack_wheel(build_wheel(folder), folder / "site")
    print(f"Unpacked the wheel into {folder / 'site'}")

"""Files and folders that are either whole or not there."""

import contextlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path

from keras_attention.errors import UserError
from keras_attention.json_shapes import mismatch

# Names of what `atomic_file` and `atomic_folder` write: the name it will have, and this.
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.temporary\.(?:(?P<kind>[a-z]+)\.)?[a-z0-9_]+(?:\.[^.]+)?")


@contextlib.contextmanager
def atomic_file(path):
    """A temporary path beside `path` that takes its place when the block ends without an error.

    Args:
        path: path of the file to write; its folder is made when it is missing.

    Yields:
        `Path` to write to. An error leaves the file that was there before untouched.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept: Keras chooses the format of a file by it.
    temporary = path.with_name(f".{path.stem}.temporary.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path):
    """A temporary folder beside `path` that takes its place when the block ends without an error.

    Args:
        path: path of the folder to write; one that is there already is replaced as a whole.

    Yields:
        `Path` of an empty folder to write into.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=temporary_prefix(path.name), dir=path.parent))
    temporary.chmod(0o755)
    try:
        yield temporary
        if path.exists():
            prefix = temporary_prefix(path.name, "old")
            old = Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
            os.replace(path, old / path.name)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def temporary_prefix(name, kind=None):
    """What the name of a temporary folder begins with, for `tempfile` to make it unique.

    Args:
        name: str. The name of what it is for.
        kind: str of small letters. What it is, where it does not become that: `"old"` or `"work"`.
    """
    return f".{name}.temporary.{kind}." if kind else f".{name}.temporary."


def is_temporary(path):
    """Whether a path has the name of a temporary file or folder of this module."""
    return _TEMPORARY.fullmatch(path.name) is not None


def remove_temporary(folder, names=None):
    """Removes what processes that were killed left beside what they wrote.

    A folder that `atomic_folder` had moved away, and not yet replaced, takes its place again. No
    other process may write there now: the caller holds a lock.

    Args:
        folder: path.
        names: collection of str. The names of what was written; of everything if not given.
    """
    for path in sorted(Path(folder).glob(".*")):
        found = _TEMPORARY.fullmatch(path.name)
        if found is None or (names is not None and found["name"] not in names):
            continue
        place = path.with_name(found["name"])
        if found["kind"] == "old" and (path / place.name).exists() and not place.exists():
            os.replace(path / place.name, place)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def json_bytes(content, indent=2):
    """`content` as readable JSON in UTF-8.

    A path may hold bytes that are no UTF-8, which Python reads as lone surrogates: then all that is
    not ASCII is escaped, so that the same path is read back.
    """
    try:
        return json.dumps(content, indent=indent, ensure_ascii=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:
        return json.dumps(content, indent=indent).encode("ascii") + b"\n"


def write_json(path, content):
    """Writes `content` as readable JSON, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(json_bytes(content))


def read_json(path, what, shape=None):
    """Content of a JSON file.

    Args:
        path: path of the file.
        what: str. What the file is, for the message of an error, such as `"a run directory"`.
        shape: what its content must be, as `keras_attention.json_shapes` describes it.

    Raises:
        UserError: the file is missing, is not JSON, or its content has another shape.
    """
    return parse_json(read_bytes(path, what), path, shape)


def read_bytes(path, what):
    """Content of a file.

    Args:
        path, what: see `read_json`.

    Raises:
        UserError: the file is missing or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(
            f"{Path(path).parent} is not {what}: it has no {Path(path).name}."
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def parse_json(content, path, shape=None):
    """What JSON says.

    Args:
        content: bytes.
        path: path of the file they come from, for the message of an error.
        shape: see `read_json`.

    Raises:
        UserError: the bytes are not JSON, or what they say has another shape.
    """
    try:
        value = json.loads(content.decode("utf-8-sig"))  # Notepad adds a mark.
    except RecursionError:
        raise UserError(f"{path} is damaged: it is nested too deeply.") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}.") from None
    wrong = shape is not None and mismatch(value, shape)
    if wrong:
        raise UserError(f"{path} is damaged: {wrong}.")
    return value

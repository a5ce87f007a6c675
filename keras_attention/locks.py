"""One process at a time in a folder, on one machine or on several that share a disk.

The operating system's lock (`flock`) decides wherever it can: it ends with its process, however
that ends, so what a killed process leaves behind never blocks. On Linux it reaches other machines
over NFS too. Some shared disks keep such locks to one machine, or know none. For them the file also
names its owner, who touches it every few seconds: a record of another machine is watched for a
while, and only one that is touched blocks. Times are never compared: clocks differ.
"""

import contextlib
import json
import os
import socket
import threading
import time
from pathlib import Path

from keras_attention.errors import UserError

try:
    import fcntl
except ModuleNotFoundError:  # Windows.
    fcntl = None

TOUCH_SECONDS = 5
WATCH_SECONDS = 20


class InUseError(UserError):
    """Another process works in the folder."""


@contextlib.contextmanager
def lock(path, what, report=print):
    """Holds a lock while the block runs.

    Args:
        path: path of the lock's file, which is there as long as the lock is held.
        what: str. What is locked, for the message of the error, such as `"runs/dates"`.
        report: function that tells the user one line, if it takes a while to decide.

    Raises:
        InUseError: another process holds it.
        UserError: the system has no such locks.
    """
    if fcntl is None:
        raise UserError(
            "Training and export run on Linux and macOS, whose file locks they need. On Windows "
            "they run in WSL, the Windows Subsystem for Linux."
        )
    path = Path(path)
    while True:
        with open(path, "a+", encoding="utf-8") as file:
            _claim(file, path, what, report)
            if not _is_at(path, file):  # Its owner removed it while we opened it or waited.
                continue
            try:
                _write(file, {"host": _host(), "process": os.getpid()})
                with _touching(path):
                    yield
            finally:
                path.unlink(missing_ok=True)
            return


def _claim(file, path, what, report):
    """Raises `InUseError` where the owner of a file lives."""
    is_ours = _flock(file)
    owner = _owner(file)
    is_left_over = owner is None or (is_ours and owner["host"] == _host())
    if is_ours is False or (not is_left_over and _lives(path, owner, report)):
        raise InUseError(
            f"{what} is in use by {_name(owner)}. Wait until it ends, or choose another folder."
        )


def _is_at(path, file):
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _flock(file):
    """Whether this process holds the lock now; None where the disk knows no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # The disk has no locks: ENOLCK, EOPNOTSUPP, ENOSYS, ... by its kind.
        return None
    return True


def _owner(file):
    """What the last owner wrote; None if it left the file empty, or half written."""
    file.seek(0)
    try:
        owner = json.loads(file.read())
    except ValueError:
        return None
    return owner if isinstance(owner, dict) and {"host", "process"} <= set(owner) else None


def _write(file, owner):
    try:
        file.truncate(0)
        os.write(file.fileno(), json.dumps(owner).encode())  # No buffer: `close` would fail again.
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno), file.name) from error


def _lives(path, owner, report):
    """Whether an owner touches its file; opened anew, or NFS would answer from its cache."""
    report(f"Waiting up to {WATCH_SECONDS} s to see whether {_name(owner)} is still at work ...")
    before = _touched(path)
    end = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < end:
        time.sleep(min(1, TOUCH_SECONDS / 5))
        now = _touched(path)
        if now is None:  # Its owner ended.
            return False
        if now != before:
            return True
    return False


def _touched(path):
    try:
        with open(path, "rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _touching(path):
    """A thread touches the file while the block runs."""
    stop = threading.Event()
    touching = threading.Thread(target=_touch, args=(path, stop), daemon=True)
    touching.start()
    try:
        yield
    finally:
        stop.set()
        touching.join()


def _touch(path, stop):
    while not stop.wait(TOUCH_SECONDS):
        with contextlib.suppress(OSError):  # Somebody removed the folder: the work itself will say.
            os.utime(path)


def _host():
    return socket.gethostname()


def _name(owner):
    return "another process" if owner is None else "process {process} on {host}".format(**owner)

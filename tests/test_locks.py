"""A lock that ends with its process, and what another machine left behind."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from keras_attention import UserError, locks
from keras_attention.locks import InUseError, lock

HOLD = """
import sys
from keras_attention.locks import lock
with lock(sys.argv[1], "x"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "TOUCH_SECONDS", 0.05)
    monkeypatch.setattr(locks, "WATCH_SECONDS", 0.3)
    return tmp_path / ".lock"


def test_a_second_process_is_refused_while_the_first_lives(path):
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    try:
        assert process.stdout.readline() == b"held\n"
        with (
            pytest.raises(InUseError, match=f"^runs/x is in use by process {process.pid} on "),
            lock(path, "runs/x"),
        ):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    finally:
        process.kill()
        process.communicate()
    assert json.loads(path.read_text())["process"] == process.pid
    with lock(path, "runs/x", report=pytest.fail):  # Nothing to wait for.
        assert json.loads(path.read_text())["process"] == os.getpid()
    assert not path.exists()


def test_an_error_in_the_block_ends_the_lock(path):
    with pytest.raises(ZeroDivisionError), lock(path, "x"):
        raise ZeroDivisionError
    with lock(path, "x"), pytest.raises(InUseError), lock(path, "x"):
        pass
    assert not path.exists()


def test_a_lock_that_cannot_be_written(path, monkeypatch):
    def no_space(file, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(locks.os, "write", no_space)
        with pytest.raises(OSError, match="No space left on device") as error, lock(path, "x"):
            pytest.fail("The block ran without a lock.")
    assert error.value.filename == str(path)
    assert not path.exists()


@pytest.mark.parametrize("has_locks", [True, False])
def test_a_record_of_another_machine_blocks_while_it_is_touched(path, monkeypatch, has_locks):
    if not has_locks:

        def flock(file, operation):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(locks.fcntl, "flock", flock)
    path.write_text('{"host": "elsewhere", "process": 3}')
    lines = []
    with lock(path, "x", lines.append):  # Killed: nobody touches its record.
        pass
    assert "process 3 on elsewhere" in lines[0]

    path.write_text('{"host": "elsewhere", "process": 3}')
    stop = threading.Event()
    owner = threading.Thread(target=locks._touch, args=(path, stop))
    owner.start()
    with pytest.raises(InUseError, match="process 3 on elsewhere"), lock(path, "x", lines.append):
        pass
    stop.set()
    owner.join()


def test_a_record_whose_owner_ends_while_it_is_watched(path):
    path.write_text('{"host": "elsewhere", "process": 3}')
    with lock(path, "x", lambda line: path.unlink()):
        assert json.loads(path.read_text())["process"] == os.getpid()
        with pytest.raises(InUseError), lock(path, "x"):
            pass


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_record_that_was_half_written(path, content):
    path.write_text(content)
    with lock(path, "x", report=pytest.fail):
        pass


def test_a_system_without_file_locks(path, monkeypatch):
    """Such as Windows, where there is no module `fcntl`."""
    monkeypatch.setattr(locks, "fcntl", None)
    with pytest.raises(UserError, match="run on Linux and macOS.* On Windows they run in WSL"):
        lock(path, "x").__enter__()
    assert not path.exists()
    program = "import sys; sys.modules['fcntl'] = None; from keras_attention.locks import fcntl"
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    subprocess.run(
        [sys.executable, "-c", f"{program}; assert fcntl is None"], env=environment, check=True
    )

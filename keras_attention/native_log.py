"""What native libraries write to standard error, without what says nothing to a user."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("run_log_filter.py")


@contextlib.contextmanager
def without_chatter():
    """Leaves known start-up lines of TensorFlow, absl and CUDA out of standard error in the block.

    A process of its own copies the other lines, so that a message survives the crash it announces.
    What Python writes goes past it. With `TF_CPP_MIN_LOG_LEVEL=0` in the environment all is shown.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0" or sys.stderr is None:
        yield
        return
    python_stream, terminal = sys.stderr, os.dup(2)
    command = [sys.executable, "-I", "-S", str(PROGRAM)]
    # A session of its own: Ctrl-C must not end it before what it has to copy.
    copier = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    os.dup2(copier.stdin.fileno(), 2)
    copier.stdin.close()
    sys.stderr = os.fdopen(
        terminal,
        "w",
        encoding=python_stream.encoding,
        errors=python_stream.errors,
        buffering=1,
        closefd=False,
    )
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = python_stream
        os.dup2(terminal, 2)
        os.close(terminal)
        # Processes that go on, such as those of a pool, may hold the pipe open.
        with contextlib.suppress(subprocess.TimeoutExpired):
            copier.wait(timeout=1)

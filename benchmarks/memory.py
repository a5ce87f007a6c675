"""What one call needs beyond what was there before: the peak of the resident memory, on Linux."""

import json
import os
import subprocess
import sys
from pathlib import Path

# Freed blocks must leave the process, or the next call's peak would not be seen. The last is for
# TensorFlow with oneDNN, which else keeps what it once had.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "0",
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",
}


def peaks_apart(*arguments):
    """What the running script prints last when it is called with `--peaks` and the arguments.

    That is a process of its own, whose allocator gives memory back: it takes every large block from
    the kernel page by page, which nobody does who wants to be fast.

    Args:
        *arguments: str.

    Returns:
        Whatever its last line says in JSON.
    """
    command = [sys.executable, sys.argv[0], "--peaks", *arguments]
    environment = {**os.environ, **ALLOCATOR}
    child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(child.stdout.splitlines()[-1])


def resident_peak(run):
    """Bytes, or None where the kernel does not count them.

    Args:
        run: function without arguments.
    """
    if not sys.platform.startswith("linux"):
        return None
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the kernel forgets the peak so far
    run()
    return max(0, _status("VmHWM") - before)


def _status(name):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {name}")

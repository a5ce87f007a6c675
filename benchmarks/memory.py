"""What one call needs beyond what was there before: the peak of the resident memory, on Linux."""

import os
import sys
from pathlib import Path

# Freed blocks must leave the process, or the next call's peak would not be seen. The last is for
# TensorFlow with oneDNN, which else keeps what it once had.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "0",
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",
}


def start_anew():
    """Starts the running program again with an allocator that gives memory back."""
    if any(name not in os.environ for name in ALLOCATOR):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**ALLOCATOR, **os.environ})


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

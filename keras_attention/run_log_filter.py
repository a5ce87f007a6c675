"""Copies standard input to standard error, without the start-up lines of TensorFlow: a program.

Left out are lines of the level "information", and of warnings and errors those listed here, which
say nothing that a user could change. Everything else passes, crash messages first of all.
"""

import re
import sys

# As absl writes it, and as TensorFlow does: `W0000 00:00:1795818559.099529  9792 file.cc:31] ...`,
# `2026-11-27 22:29:16.081234: W tensorflow/core/file.cc:31] ...`.
HEAD = r"(?:%s\d{4} \d\d:\d\d:\d+\.\d+ +\d+ \S+:\d+\]|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: %s )"
INFORMATION = HEAD % ("I", "I")
ANY_LEVEL = HEAD % ("[IWE]", "[IWE]")
KNOWN = (
    # Two libraries in one process know the same plug-ins of CUDA.
    "Unable to register cu[A-Z]+ factory",
    "computation placer already registered",
    # A machine with CUDA's libraries and without a GPU.
    "failed call to cuInit: .*(?:CUDA_ERROR_NO_DEVICE|no CUDA-capable device|UNKNOWN ERROR .303.)",
    # How each pass over a data set ends.
    "Local rendezvous is aborting with status: OUT_OF_RANGE: End of sequence",
)
CHATTER = re.compile(
    "|".join(
        [
            r"WARNING: All log messages before absl::InitializeLog\(\) is called",
            r"To enable the following instructions: .* rebuild TensorFlow",
            INFORMATION,
            f"{ANY_LEVEL}.*(?:{'|'.join(KNOWN)})",
        ]
    ).encode()
)


def main():
    """Copies line by line until the input ends."""
    for line in sys.stdin.buffer:
        if not CHATTER.match(line):
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()


if __name__ == "__main__":
    main()

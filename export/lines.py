"""Lines of a stream in batches: full where lines come fast, at once where they do not."""

import queue
import select
import sys
import threading
import time
from typing import NamedTuple

from keras_attention.errors import UserError
from keras_attention.user_files import decode_lines

LINES_AT_A_TIME = 256
WAIT = 0.1  # Seconds that a line waits for others to share its batch.
_CHUNK = 1 << 16


def standard_input():
    """The binary file that is standard input.

    Raises:
        UserError: it is closed.
    """
    if sys.stdin is None:
        raise UserError("Standard input is closed: give texts as arguments, or open it.")
    return sys.stdin.buffer


def batches_of_lines(stream, report, size=LINES_AT_A_TIME, wait=WAIT):
    """Lists of the lines of a stream, as they come.

    A thread reads ahead, so that lines which come while a batch is answered make the next one full.

    Args:
        stream: binary file. Invalid UTF-8 is reported and read with U+FFFD in place of what is
            broken; a byte-order mark at the beginning is no text.
        report: function that tells the user one line.
        size: int. The most lines of a batch.
        wait: float. The most seconds that the first line of a batch waits for the others.

    Yields:
        Lists of str; of one line each from a keyboard.

    Raises:
        UserError: the stream is UTF-16 or UTF-32.
    """
    size = 1 if stream.isatty() else size
    lines = queue.Queue(maxsize=4 * size)  # No more of a large file than is soon answered.
    # A daemon: it may wait for a line that never comes when everything else has ended.
    threading.Thread(target=_read, args=(stream, lines, report), daemon=True).start()
    ended = None
    while ended is None:
        batch, ended = _batch(lines, size, wait)
        if batch:
            yield batch
    if ended.error is not None:
        raise ended.error


class _Ended(NamedTuple):
    """What stands behind the last line: the error that reading ended with, if it did."""

    error: Exception | None = None


def _batch(lines, size, wait):
    """The next batch, and `_Ended` if there is nothing behind it."""
    batch, until = [], None
    while len(batch) < size:
        try:
            line = lines.get(timeout=until and max(until - time.monotonic(), 0))
        except queue.Empty:
            break
        if isinstance(line, _Ended):
            return batch, line
        until = until or time.monotonic() + wait
        batch.append(line)
    return batch, None


def _read(stream, lines, report):
    try:
        for line in decode_lines(_lines(stream), report):
            lines.put(line.rstrip("\r"))
    except Exception as error:  # Raised in the main thread, by the reader of the queue.
        lines.put(_Ended(error))
    else:
        lines.put(_Ended())


def _lines(stream):
    """The lines of a binary stream without their ends."""
    # Not its buffer: that one is locked while it waits, and the end of the process waits for it.
    stream = getattr(stream, "raw", stream)
    rest = []
    while (chunk := stream.read(_CHUNK)) != b"":
        if chunk is None:  # A pipe that does not block, and is empty for now.
            select.select([stream], [], [])
            continue
        *whole, last = chunk.split(b"\n")
        for line in whole:
            yield b"".join([*rest, line])
            rest = []
        rest.append(last)
    if any(rest):
        yield b"".join(rest)


def readable(texts, name):
    """Arguments of the command line, with U+FFFD in place of bytes that are not UTF-8, as told.

    Args:
        texts: sequence of str, as Python decodes arguments.
        name: str. What they are called, such as `"Text"`.
    """
    shown = []
    for number, text in enumerate(texts, start=1):
        shown.append(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        if shown[-1] != text:
            tell(f"{name} {number} is not valid UTF-8: U+FFFD takes the place of what is not.")
    return shown


def tell(sentence):
    """Tells the user one line, on standard error."""
    if sys.stderr is not None:  # Or `print` would take standard output for it.
        print(f"keras-attention: {sentence}", file=sys.stderr, flush=True)

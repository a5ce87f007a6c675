"""Text files of a user: found, decompressed, decoded, and repaired where it is clear how.

Every program that reads a text file that we did not write reads it here.
"""

import codecs
import os
import re
import stat
from pathlib import Path

from keras_attention.compression import decompress
from keras_attention.errors import UserError

# Longer ones first: UTF-32 begins like UTF-16.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# A pattern, what takes its place, and what is reported.
_DAMAGE = (
    ("\0", "", "NUL characters were removed"),
    ("^\ufeff", "", "byte-order marks between joined files were removed"),
    (
        "\ufeff",
        "",
        "byte-order marks inside of lines were removed; where files were joined, a line end is "
        "missing there",
    ),
    ("\r", " ", "carriage returns inside of lines became spaces"),
    ("\ufffd", "\ufffd", "U+FFFD stands for characters that an earlier conversion lost"),
    (
        "[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac.",
        r"\g<0>",
        "what looks like UTF-8 that was once read as Windows-1252, as Ã¼ for ü, is kept",
    ),
)
_ADVICE = (
    "Convert it, for example with iconv -f windows-1252 -t utf-8; training takes --encoding too"
)


def expand_home(path):
    """`path` with the home folder in place of `~`, which a shell leaves alone behind a `=`.

    Args:
        path: str or `os.PathLike`.

    Returns:
        `Path`.
    """
    return Path(os.path.expanduser(path))


def read_text(path, report=print, encoding="auto"):
    """The text of a file, plain or compressed, with `\\n` at the ends of its lines.

    Clear damage is repaired and reported: line ends of old Macs, byte-order marks between files
    that were joined, NUL characters. A pipe is read to its end.

    Args:
        path: str or `os.PathLike`; `~` is the home folder.
        report: function that tells the user one line.
        encoding: str. Name of an encoding that Python knows; `"auto"` is UTF-8, or what a
            byte-order mark says.

    Returns:
        str.

    Raises:
        UserError: the file is missing, empty, broken, or not of this encoding (names the line).
    """
    path = expand_home(path)
    data, is_pipe = _read_bytes(path)
    text = _decoded(decompress(data, path), path, report, encoding)
    if 20 * len(re.findall("[\0-\x08\x0e-\x1f]", text)) > len(text):
        raise UserError(f"{path} is no text: too many of its characters are control characters.")
    text = _repaired(text, path, report)
    if not text.strip():
        again = "; a pipe can be read only once" if is_pipe else ""
        raise UserError(f"{path} is empty{again}.")
    if is_pipe:
        report(f"{path} is a pipe: it is read once, and a later command has to be given it again.")
    return text


def read_lines(path, report=print, encoding="auto"):
    """The lines of a text file, as `read_text` reads it.

    Lines end at `\\n` alone and not, as in `str.splitlines`, at characters that a sentence may
    hold, such as U+2028.

    Args:
        path, report, encoding: as for `read_text`.

    Returns:
        List of str.

    Raises:
        UserError: as `read_text`.
    """
    return read_text(path, report, encoding).removesuffix("\n").split("\n")


def decode_lines(lines, report, name="Standard input"):
    """The lines of a stream of UTF-8 as text, each as soon as it comes.

    What is not UTF-8 becomes U+FFFD, and the first such line is reported; a byte-order mark at the
    beginning is no text.

    Args:
        lines: iterable of bytes.
        report: function that tells the user one line.
        name: what the stream is called in reports.

    Yields:
        str.

    Raises:
        UserError: a byte-order mark says that the stream is UTF-16 or UTF-32.
    """
    is_sound = True
    for number, line in enumerate(lines, start=1):
        if number == 1 and line.startswith(tuple(_BYTE_ORDER_MARKS)):
            raise UserError(
                f"{name} is UTF-16 or UTF-32, as its byte-order mark says. Convert it, for example "
                "with iconv -f utf-16 -t utf-8."
            )
        text = line.decode("utf-8", "replace")
        if is_sound and text.encode("utf-8") != line:
            is_sound = False
            report(
                f"{name} is not valid UTF-8 in line {number:,}: U+FFFD takes the place of what is "
                "not, there and in later lines."
            )
        yield text.removeprefix("\ufeff") if number == 1 else text


def _read_bytes(path):
    """The bytes of a file and whether it is a pipe."""
    try:
        with open(path, "rb") as file:
            return file.read(), stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
    except FileNotFoundError as error:
        of_one_command = str(path).startswith(("/dev/fd/", "/proc/self/fd/"))
        more = (
            ": a process substitution lasts for one command. Give a file" if of_one_command else ""
        )
        raise UserError(f"There is no file {path}{more}.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _decoded(data, path, report, encoding):
    if encoding == "auto":
        marks = (name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark))
        encoding = next(marks, "utf-8")
        if encoding != "utf-8":
            report(f"{path} is {encoding.upper()}, as its byte-order mark says, and is read so.")
        elif 10 * data.count(0) > 3 * len(data):
            raise UserError(
                f"{path} is mostly NUL bytes: maybe UTF-16 without a byte-order mark. {_ADVICE}."
            )
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        before, _ = _unified_ends(data[: error.start].decode(encoding, "replace"))
        line = before.count("\n") + 1
        raise UserError(
            f"{path} is not valid {encoding.upper()} in line {line:,}. {_ADVICE}."
        ) from error
    except (LookupError, ValueError) as error:
        raise UserError(f"Python knows no text encoding {encoding!r}.") from error


def _repaired(text, path, report):
    """`text` without what no text should hold; reports how often and where it was."""
    text, of_old_macs = _unified_ends(text.removeprefix("\ufeff"))
    if of_old_macs:
        report(f"{path} has the line ends of old Macs; they are read as line ends.")
    for pattern, new, message in _DAMAGE:
        if first := re.search(pattern, text, re.MULTILINE):
            line = text.count("\n", 0, first.start()) + 1
            text, count = re.subn(pattern, new, text, flags=re.MULTILINE)
            report(f"{path}: {message} ({count:,}, the first in line {line:,}).")
    return text


def _unified_ends(text):
    """`text` with `\\n` at the ends of lines, and whether they were lone `\\r`, as on old Macs."""
    text = re.sub(r"\r+\n", "\n", text)
    of_old_macs = text.count("\r") > text.count("\n")
    return text.replace("\r", "\n") if of_old_macs else text, of_old_macs

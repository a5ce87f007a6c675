"""Text files as people have them: compressed, in other encodings, damaged, or no files at all."""

import bz2
import gzip
import lzma
import os
import threading
import zipfile

import pytest

from keras_attention.errors import UserError
from keras_attention.user_files import decode_lines, read_lines, read_text

TEXT = "eins\nzwölf 跑\n"


@pytest.fixture
def read(tmp_path):
    """Writes bytes to a file; returns its text and what was reported on the way."""

    def write_and_read(content, name="a.txt", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        reported = []
        text = read_text(path, reported.append, **options)
        assert all(str(path) in line and "\n" not in line for line in reported)
        return text, [line.replace(str(path), "a") for line in reported]

    return write_and_read


def zstd_compress(data):
    return pytest.importorskip("backports.zstd").compress(data)


METHODS = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "bzip2": bz2.compress,
    "Zstandard": zstd_compress,
}


@pytest.mark.parametrize("method", METHODS)
def test_compression_is_recognised_by_content(read, method):
    compress = METHODS[method]
    for name in ("a.gz", "a.txt", "a.zst"):
        assert read(compress(TEXT.encode()), name) == (TEXT, [])
    if method != "lzma":  # It has no end mark, so nothing can follow it.
        assert read(compress(b"one\n") + compress(b"two\n")) == ("one\ntwo\n", [])
    assert read(gzip.compress(compress(TEXT.encode()))) == (TEXT, [])
    with pytest.raises(UserError, match=r"a\.txt is empty"):
        read(compress(b""))


@pytest.mark.parametrize("method", ["gzip", "xz", "bzip2", "Zstandard"])
def test_broken_compression(read, method):
    whole = METHODS[method](bytes(range(256)) * 99)
    with pytest.raises(UserError, match=rf"a\.txt is not a whole {method} file: .*\.$"):
        read(whole[:-9])


def test_plain_text_of_a_name_that_says_compressed(read):
    assert read(TEXT, "a.gz") == (TEXT, [])


def test_archives_and_documents_are_named(read, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "one")
    with pytest.raises(UserError, match="is a zip archive .* not text. Unpack it"):
        read((tmp_path / "a.zip").read_bytes(), "a.csv")
    with pytest.raises(UserError, match="is a tar archive"):
        read(bytes(257) + b"ustar\0" + bytes(249))
    with pytest.raises(UserError, match="is a Parquet file"):
        read(b"PAR1\x15\x04")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_mark_at_the_beginning(read, encoding):
    text, reported = read(TEXT.encode(encoding))
    assert text == TEXT
    expected = [f"a is {encoding.upper()}, as its byte-order mark says, and is read so."]
    assert reported == ([] if encoding == "utf-8-sig" else expected)


def test_big_endian(read):
    assert read(b"\xfe\xff" + TEXT.encode("utf-16-be"))[0] == TEXT


def test_encoding_that_is_named(read):
    assert read(TEXT.replace("跑", "").encode("latin-1"), encoding="windows-1252") == (
        "eins\nzwölf \n",
        [],
    )
    assert read(TEXT.encode("utf-16-le"), encoding="utf-16-le") == (TEXT, [])
    with pytest.raises(UserError, match="not valid SHIFT_JIS in line 2"):
        read(b"eins\nzw\x81", encoding="shift_jis")
    for encoding in ("klingon", "rot13"):
        with pytest.raises(UserError, match=f"knows no text encoding '{encoding}'"):
            read(TEXT, encoding=encoding)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_not_utf_8(read, end):
    content = end.join(["eins", "zwei", "zw\xf6lf", ""]).encode("latin-1")
    with pytest.raises(UserError, match=r"is not valid UTF-8 in line 3\. Convert it"):
        read(content)


def test_utf_16_without_a_mark(read):
    with pytest.raises(UserError, match="mostly NUL bytes: maybe UTF-16"):
        read("eins\nzwei\n".encode("utf-16-be"))


@pytest.mark.parametrize(
    ("content", "text", "reported"),
    [
        ("a\r\nb\r\n", "a\nb\n", None),
        ("a\r\r\nb\r\r\n", "a\nb\n", None),
        ("a\rb\rc\r", "a\nb\nc\n", "a has the line ends of old Macs; they are read as line ends."),
        (
            "a\nb\rc\nd\n",
            "a\nb c\nd\n",
            "a: carriage returns inside of lines became spaces (1, the first in line 2).",
        ),
        (
            "a\n\ufeffb\n\ufeffc\n",
            "a\nb\nc\n",
            "a: byte-order marks between joined files were removed (2, the first in line 2).",
        ),
        (
            "a\nb\ufeffc\n",
            "a\nbc\n",
            "a: byte-order marks inside of lines were removed; where files were joined, a line end "
            "is missing there (1, the first in line 2).",
        ),
        (
            f"a\n\n\0b\0{40 * 'c'}\n",
            f"a\n\nb{40 * 'c'}\n",
            "a: NUL characters were removed (2, the first in line 3).",
        ),
        (
            "a\nb\ufffdc\n",
            "a\nb\ufffdc\n",
            "a: U+FFFD stands for characters that an earlier conversion lost (1, the first in "
            "line 2).",
        ),
        (
            "zw\u00f6lf\nzw\u00c3\u00b6lf \u00e2\u20ac\u0153\n",
            "zw\u00f6lf\nzw\u00c3\u00b6lf \u00e2\u20ac\u0153\n",
            "a: what looks like UTF-8 that was once read as Windows-1252, as Ã¼ for ü, is "
            "kept (2, the first in line 2).",
        ),
        ("N\u00c3O \u00c2ge \u00e2ge 5 \u20ac\n", "N\u00c3O \u00c2ge \u00e2ge 5 \u20ac\n", None),
        ("zwei\u2028drei\x0bvier\x85\n", "zwei\u2028drei\x0bvier\x85\n", None),
    ],
)
def test_damage_is_repaired_and_reported(read, content, text, reported):
    assert read(content) == (text, [reported] if reported else [])


def test_binary_data(read):
    with pytest.raises(UserError, match="is no text: too many of its characters are control"):
        read(bytes(range(10)) * 9)


def test_lines(tmp_path):
    path = tmp_path / "a"
    for content in (b"a\n\nb\x0cc\n", b"a\r\n\r\nb\x0cc"):
        path.write_bytes(content)
        assert read_lines(path) == ["a", "", "b\x0cc"]


def test_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a").write_text("one\n")
    assert read_text("~/a") == "one\n"
    with pytest.raises(UserError, match=rf"There is no file {tmp_path}/b\."):
        read_text("~/b")


def test_pipes(tmp_path):
    pipe, reported = tmp_path / "pipe", []
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(gzip.compress(b"one\n")))
    writer.start()
    assert read_text(pipe, reported.append) == "one\n"
    writer.join()
    assert reported == [
        f"{pipe} is a pipe: it is read once, and a later command has to be given it again."
    ]


def test_process_substitutions(tmp_path):
    read_end, write_end = os.pipe()
    os.write(write_end, b"one\n")
    os.close(write_end)
    path = f"/dev/fd/{read_end}"
    assert read_text(path, lambda line: None) == "one\n"
    with pytest.raises(UserError, match="is empty; a pipe can be read only once"):
        read_text(path)
    os.close(read_end)
    with pytest.raises(UserError, match="a process substitution lasts for one command"):
        read_text(path)


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_text(tmp_path)


def test_lines_of_a_stream():
    reported = []
    lines = [
        b"\xef\xbb\xbfone",
        "zw\u00f6lf\ufffd".encode(),
        b"zw\xf6lf",
        b"\xff",
        b"\xef\xbb\xbfx",
    ]
    expected = ["one", "zw\u00f6lf\ufffd", "zw\ufffdlf", "\ufffd", "\ufeffx"]
    stream = iter(lines)
    found = decode_lines(stream, reported.append)
    assert next(found) == "one" and next(stream) == lines[1]  # It does not read ahead.
    assert list(decode_lines(lines, reported.append, "a")) == expected
    (line,) = reported
    assert line.startswith("a is not valid UTF-8 in line 3: U+FFFD")
    with pytest.raises(UserError, match="^Standard input is UTF-16 or UTF-32"):
        list(decode_lines("eins\n".encode("utf-16").split(b"\n"), reported.append))

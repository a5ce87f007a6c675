"""Compressed data, recognised by its first bytes: the name of a file may say something else."""

import bz2
import gzip
import lzma
import sys
import zlib

from keras_attention.errors import UserError

_BZ2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # The first block, or the end of an empty file.

# What holds text but is not read: how it begins, what it is, what to do.
_REFUSED = (
    (b"PK\x03\x04", "a zip archive (so are .xlsx and .docx)", "Unpack it, or save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "a document of an old Excel or Word", "Save it as CSV or as text"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it"),
    (b"Rar!\x1a", "a rar archive", "Unpack it"),
    (b"\x1f\x9d", "compressed by compress", "Unpack it"),
    (b"\x04\x22\x4d\x18", "compressed by lz4", "Unpack it"),
    (b"PAR1", "a Parquet file", "Save it as CSV or JSON lines"),
    (b"ARROW1\x00\x00", "an Arrow file", "Save it as CSV or JSON lines"),
    (b"%PDF-", "a PDF document", "Save it as text"),
)


def decompress(data, path):
    """The content of a file of text, decompressed if it is compressed.

    Args:
        data: bytes of the file: plain, or compressed by gzip, xz, lzma, bzip2 or Zstandard, once or
            several times. Joined compressed files are read to the end.
        path: name of the file, for the messages of errors.

    Returns:
        bytes.

    Raises:
        UserError: the data is broken, or an archive or document that holds no plain text.
    """
    while method := _method(data):
        name, function = method
        try:
            data = function(data)
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
            raise UserError(f"{path} is not a whole {name} file: {error}.") from error
    for beginning, kind, advice in _REFUSED:
        if data.startswith(beginning):
            raise UserError(f"{path} is {kind}, not text. {advice}.")
    if data[257:262] == b"ustar":
        raise UserError(f"{path} is a tar archive, not text. Unpack it.")
    return data


def _method(data):
    """Name and function of the compression that data begins with, or None."""
    if data.startswith(b"\x1f\x8b"):
        return "gzip", gzip.decompress
    if data.startswith((b"\xfd7zXZ\x00", b"]\x00\x00")):
        return "xz", lzma.decompress
    if data.startswith(b"BZh") and data[4:10] in _BZ2_BLOCKS:
        return "bzip2", bz2.decompress
    if data.startswith((b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18")):  # The second is pzstd's.
        return "Zstandard", _decompress_zstd
    return None


def _decompress_zstd(data):
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise UserError(
            'Zstandard files (.zst) need backports.zstd: pip install "keras-attention[training]".'
        ) from error
    try:
        return zstd.decompress(data)
    except zstd.ZstdError as error:
        raise EOFError(error) from error

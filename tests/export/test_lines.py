"""Lines from another program: answered while its output is still open, in full batches if fast."""

import io
import os
import threading

import pytest

from keras_attention.errors import UserError
from keras_attention.export.lines import batches_of_lines


def test_lines_of_a_pipe_that_stays_open_come_at_once():
    reading, writing = os.pipe()
    with open(reading, "rb") as stream, open(writing, "wb", buffering=0) as pipe:
        batches = batches_of_lines(stream, print, size=256, wait=0.01)
        pipe.write(b"first\nsecond\nhal")
        seen = []
        while seen != ["first", "second"]:
            seen += next(batches)
        pipe.write("f \U0001f600\r\n".encode()[:5])
        pipe.write("f \U0001f600\r\n".encode()[5:])
        assert next(batches) == ["half \U0001f600"]
        pipe.write(b"last")
        pipe.close()
        assert list(batches) == [["last"]]


def test_lines_that_come_fast_fill_their_batches():
    content = b"".join(b"%d\n" % number for number in range(600))
    batches = list(batches_of_lines(io.BytesIO(content), print, size=256, wait=600))
    assert [len(batch) for batch in batches] == [256, 256, 88]
    assert sum(batches, []) == [str(number) for number in range(600)]


def test_lines_that_are_slow_share_a_batch_while_its_time_lasts():
    reading, writing = os.pipe()
    second = threading.Event()

    def write():
        with open(writing, "wb", buffering=0) as pipe:
            pipe.write(b"a\n")
            second.wait()
            pipe.write(b"b\n")

    threading.Thread(target=write).start()
    with open(reading, "rb") as stream:
        batches = batches_of_lines(stream, print, size=2, wait=600)
        threading.Timer(0.05, second.set).start()
        assert next(batches) == ["a", "b"]
        assert list(batches) == []


def test_odd_streams():
    assert list(batches_of_lines(io.BytesIO(b""), print)) == []
    assert list(batches_of_lines(io.BytesIO(b"\n\n"), print, wait=600)) == [["", ""]]
    lines = []
    stream = io.BytesIO(b"\xef\xbb\xbfa\r\n\xff")
    assert list(batches_of_lines(stream, lines.append, wait=600)) == [["a", "\ufffd"]]
    assert ["not valid UTF-8 in line 2" in line for line in lines] == [True]
    with pytest.raises(UserError, match="Standard input is UTF-16"):
        list(batches_of_lines(io.BytesIO("a\n".encode("utf-16")), print))


def test_an_empty_pipe_that_does_not_block_has_not_ended():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(reading, "rb") as stream, open(writing, "wb", buffering=0) as pipe:
        batches = batches_of_lines(stream, print, size=1)
        threading.Timer(0.05, pipe.write, [b"first\n"]).start()
        assert next(batches) == ["first"]
        pipe.write(b"last")
        pipe.close()
        assert list(batches) == [["last"]]


def test_whatever_reading_ends_with_reaches_its_caller():
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(batches_of_lines(Broken(), print))

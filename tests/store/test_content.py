"""store/content: a message is read from its beginning, and nobody changes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.store import content


def test_bytes_are_one_piece() -> None:
    assert list(content.pieces(b"abc")) == [b"abc"]


def test_a_descriptor_is_read_from_its_beginning_and_keeps_its_position(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"x" * content.PIECE_BYTES + b"rest")
    with open(tmp_path / "m", "rb", buffering=0) as stream:
        stream.seek(7)
        assert [len(piece) for piece in content.pieces(stream.fileno())] == [content.PIECE_BYTES, 4]
        assert stream.tell() == 7


def test_a_beginning_may_be_replaced_and_a_copy_has_it(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"old" + b"rest" * 100_000)
    with open(tmp_path / "m", "rb", buffering=0) as stream:
        message = content.kept(content.Spliced(stream.fileno(), b"another ", 3))
    assert b"".join(content.pieces(message)) == b"another " + b"rest" * 100_000
    assert isinstance(message, content.Spliced)
    descriptor = content.as_descriptor(message)
    with open(descriptor, "rb") as copy:
        assert copy.read() == b"another " + b"rest" * 100_000
    content.close(message)
    with pytest.raises(OSError):
        os.fstat(message.descriptor)


def test_a_message_that_cannot_be_read_is_temporary_and_says_why(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with pytest.raises(content.Unreadable) as caught:
        list(content.pieces(reading))
    os.close(reading)
    os.close(writing)
    assert caught.value.text == "Unable to read message: unseekable descriptor. (#4.3.0)"


def test_a_message_in_memory_gets_a_descriptor_that_cannot_be_written() -> None:
    descriptor = content.as_descriptor(b"text" * 100_000)
    assert b"".join(content.pieces(descriptor)) == b"text" * 100_000
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0
    with pytest.raises(PermissionError):
        os.write(descriptor, b"x")
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    os.close(descriptor)

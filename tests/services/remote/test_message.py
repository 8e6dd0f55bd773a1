from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.services.remote.message import BLOCK_BYTES, READ_BYTES, SCAN_BYTES, Message, Unreadable


def in_file(path: Path, content: bytes) -> Message:
    path.write_bytes(content)
    return Message(None, os.open(path, os.O_RDONLY))


@given(st.binary(max_size=50), st.sampled_from([1, 400, 4000, 10_000]))
def test_what_came_with_the_order_is_given_as_it_came(piece: bytes, times: int) -> None:
    message = Message(piece * times, None)
    assert message.size == len(piece) * times
    assert b"".join(message.blocks()) == piece * times
    while not message.is_surveyed:
        message.look_on()
    assert message.survey.is_eight_bit == any(byte > 127 for byte in piece)
    assert message.small in (None, piece * times)


@pytest.mark.parametrize("size", [0, 1, READ_BYTES, READ_BYTES + 1, BLOCK_BYTES, 3 * BLOCK_BYTES + 1])
def test_a_file_is_given_as_it_is_and_twice(tmp_path: Path, size: int) -> None:
    content = bytes(number % 128 for number in range(size))
    message = in_file(tmp_path / "m", content)
    for _ in range(2):
        assert b"".join(message.blocks()) == content
    while not message.is_surveyed:
        message.look_on()
    assert (message.size, message.survey.is_eight_bit) == (size, False)
    message.close()
    message.close()


@pytest.mark.parametrize("head", [b"", b"h" * 10, b"hello\n" * 30])
@pytest.mark.parametrize("size", [100, READ_BYTES, 3 * BLOCK_BYTES])
def test_the_beginning_of_a_file_may_be_another(tmp_path: Path, size: int, head: bytes) -> None:
    path = tmp_path / "message"
    path.write_bytes(b"x" * 20 + b"a\n" * size)
    message = Message(None, os.open(path, os.O_RDONLY), head, 20)
    wanted = head + b"a\n" * size
    assert message.size == len(wanted)
    for _ in range(2):
        assert b"".join(message.blocks()) == wanted
    while not message.is_surveyed:
        message.look_on()
    assert message.survey.growth_bytes == wanted.count(b"\n") and message.small is None
    message.close()


def test_a_small_file_is_closed_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"x" * READ_BYTES)
    descriptor = os.open(tmp_path / "m", os.O_RDONLY)
    message = Message(None, descriptor)
    with pytest.raises(OSError):
        os.fstat(descriptor)
    assert message.small == b"x" * READ_BYTES


@pytest.mark.parametrize("at", [0, BLOCK_BYTES, SCAN_BYTES - 1, SCAN_BYTES, 2 * SCAN_BYTES])
def test_eight_bits_are_found_anywhere_a_piece_at_a_time(tmp_path: Path, at: int) -> None:
    content = bytearray(b"x\n" * SCAN_BYTES + b"x")
    content[at] = 200
    message = in_file(tmp_path / "m", bytes(content))
    looks = 0
    while not message.is_surveyed:
        message.look_on()
        looks += 1
    assert (looks, message.survey.is_eight_bit) == (3, True)
    assert message.survey.growth_bytes == content.count(b"\n")
    message.close()


def test_a_file_that_has_become_shorter_cannot_be_read(tmp_path: Path) -> None:
    message = in_file(tmp_path / "m", b"x" * 100_000)
    os.truncate(tmp_path / "m", 70_000)
    with pytest.raises(Unreadable):
        list(message.blocks())
    with pytest.raises(Unreadable):
        message.look_on()
    message.close()


def test_what_is_no_file_is_refused_and_closed(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with pytest.raises(OSError):
        Message(None, descriptor)
    with pytest.raises(OSError):
        os.fstat(descriptor)

"""The log never holds up mail, and never lies about what it left out."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator

import pytest

from qmtwist.services.log.writer import UNREAD_LIMIT_BYTES, LogWriter, Stream


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


def writer(descriptor: int, limit_bytes: int = UNREAD_LIMIT_BYTES) -> LogWriter:
    """What standard output has."""
    return LogWriter(Stream(descriptor), lambda count: b"lost: %d" % count, limit_bytes)


def rest(descriptor: int) -> bytes:
    """Everything until the end of the file."""
    found = b""
    while piece := os.read(descriptor, 65536):
        found += piece
    return found


def test_lines_come_out_whole_and_in_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    log = writer(writing)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(rest(reading)))
    reader.start()
    lines = [b"line %d" % at for at in range(5000)]
    for line in lines:
        log.write(line)
    log.close()
    os.close(writing)
    reader.join(10)
    assert found[0].splitlines() == lines


def test_a_reader_that_stalls_holds_up_nobody_and_hears_what_it_missed(pipe: tuple[int, int]) -> None:
    """S078."""
    reading, writing = pipe
    log = writer(writing, 1000)
    for _ in range(20_000):
        log.write(b"x" * 99)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(rest(reading)))
    reader.start()
    log.close()
    os.close(writing)
    reader.join(10)
    lines = found[0].splitlines()
    dropped = [int(line.split()[1]) for line in lines if line.startswith(b"lost: ")]
    assert dropped
    assert sum(dropped) + lines.count(b"x" * 99) == 20_000


def test_a_reader_that_never_comes_back_does_not_keep_us(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    log = writer(writing)
    log.write(b"x" * 100_000)
    closing = threading.Thread(target=log.close, args=(0.05,), daemon=True)
    closing.start()
    closing.join(10)
    is_kept = closing.is_alive()
    os.close(reading)
    assert not is_kept


def test_a_reader_that_is_gone_is_no_trouble(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    log = writer(writing)
    for _ in range(2):  # the one who writes outlives the first failure
        log.write(b"line")
        deadline = time.monotonic() + 10
        while log._lines:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    log.close()
    assert log._thread is not None and not log._thread.is_alive()


def test_a_pipe_that_was_made_non_blocking_loses_nothing(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    log = writer(writing)
    log.write(b"x" * 100_000)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(rest(reading)))
    reader.start()
    log.close()
    os.close(writing)
    reader.join(10)
    assert found == [b"x" * 100_000 + b"\n"]


class Slow:
    """A place that takes lines only when it is told to, and may refuse them."""

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.lines: list[bytes] = []
        self.trouble = 0
        self.rotated_at: list[int] = []
        self.is_closed = False

    def put(self, lines: list[bytes]) -> None:
        assert self.may_go.wait(10)
        if self.trouble:
            self.trouble -= 1
            raise OSError(errno.EIO, "refused")
        self.lines += lines

    def rotate(self) -> None:
        self.rotated_at.append(len(self.lines))

    def close(self) -> None:
        self.is_closed = True


def lost(count: int) -> bytes:
    return b"lost: %d" % count


def test_what_fits_into_the_limit_waits_and_only_the_rest_is_lost() -> None:
    place = Slow()
    log = LogWriter(place, lost, limit_bytes=999, is_held=True)
    for at in range(30):
        log.write(b"%099d" % at)
    place.may_go.set()
    log.close()
    assert place.lines == [*(b"%099d" % at for at in range(11)), b"lost: 19"]
    assert place.is_closed


def test_lines_that_the_place_refuses_are_counted_too() -> None:
    place = Slow()
    place.trouble = 1
    place.may_go.set()
    log = LogWriter(place, lost)
    log.write(b"one")
    log.flush()
    log.write(b"two")
    log.close()
    assert place.lines == [b"two", b"lost: 1"]


def test_a_flush_waits_for_what_was_written_but_not_for_ever() -> None:
    place = Slow()
    log = LogWriter(place, lost)
    log.write(b"one")
    log.flush(0.05)
    assert place.lines == []
    place.may_go.set()
    log.flush()
    assert place.lines == [b"one"]
    log.close()


def test_a_new_file_is_begun_where_it_was_asked_for() -> None:
    place = Slow()
    place.may_go.set()
    log = LogWriter(place, lost)
    log.write(b"one")
    log.flush()
    log.rotate()
    log.close()
    assert place.rotated_at == [1]


def test_lines_that_were_held_go_to_the_place_that_came_later() -> None:
    first, second = Slow(), Slow()
    second.may_go.set()
    log = LogWriter(first, lost, is_held=True)
    log.write(b"early")
    log.use(second)
    log.begin()
    log.close()
    assert (first.lines, second.lines) == ([], [b"early"])


def test_a_stamp_can_be_left_out(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    Stream(writing, 3).put([b"12 one", b"34 two"])
    os.close(writing)
    assert rest(reading) == b"one\ntwo\n"

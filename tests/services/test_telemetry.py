"""The log never holds up mail, and never lies about what it left out."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator

import pytest

from qmtwist.logbook.facts import Bounced, DeliveryStarted, Exiting, MessageInfo, Status
from qmtwist.services.telemetry import LogPipe, Telemetry


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


def rest(descriptor: int) -> bytes:
    """Everything until the end of the file."""
    found = b""
    while piece := os.read(descriptor, 65536):
        found += piece
    return found


def test_lines_come_out_whole_and_in_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    log = LogPipe(writing)
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
    reading, writing = pipe
    log = LogPipe(writing, limit_bytes=1000)
    for _ in range(20_000):
        log.write(b"x" * 99)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(rest(reading)))
    reader.start()
    log.close()
    os.close(writing)
    reader.join(10)
    lines = found[0].splitlines()
    dropped = [int(line.split()[5]) for line in lines if line.startswith(b"warning: log reader too slow, ")]
    assert dropped
    assert sum(dropped) + lines.count(b"x" * 99) == 20_000


def test_a_reader_that_never_comes_back_does_not_keep_us(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    log = LogPipe(writing)
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
    log = LogPipe(writing)
    for _ in range(2):  # the one who writes outlives the first failure
        log.write(b"line")
        deadline = time.monotonic() + 10
        while log._lines:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    log.close()
    assert not log._thread.is_alive()


def test_a_pipe_that_was_made_non_blocking_loses_nothing(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    log = LogPipe(writing)
    log.write(b"x" * 100_000)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(rest(reading)))
    reader.start()
    log.close()
    os.close(writing)
    reader.join(10)
    assert found == [b"x" * 100_000 + b"\n"]


def test_facts_are_worded_as_qmail_does() -> None:
    lines: list[bytes] = []
    telemetry = Telemetry(lines.append, False, lambda: 0.0)
    telemetry.fact(Status(1, 10, 0, 20, False))
    telemetry.line(b"smtpd: hello")
    telemetry.notice("warning", "trouble")
    telemetry.notice("", "remark")
    telemetry.remark("alert", "more")
    assert lines == [
        b"status: local 1/10 remote 0/20",
        b"smtpd: hello",
        b"warning: trouble",
        b"remark",
        b"alert: more",
    ]


def test_remarks_go_aside_where_only_qmails_own_lines_are_wanted() -> None:
    lines: list[bytes] = []
    aside: list[bytes] = []
    telemetry = Telemetry(lines.append, False, lambda: 0.0, aside.append)
    telemetry.remark("warning", "not qmail's")
    telemetry.notice("warning", "qmail's")
    assert (lines, aside) == ([b"warning: qmail's"], [b"warning: not qmail's"])


def test_json_is_one_object_a_line_whatever_the_bytes() -> None:
    lines: list[bytes] = []
    telemetry = Telemetry(lines.append, True, lambda: 12.3456789)
    telemetry.fact(MessageInfo(7, 100, b"a\n\xff@x", 8, 1000))
    telemetry.fact(DeliveryStarted(1, 7, "local", b"b@x"))
    telemetry.fact(Bounced(7, 9))
    telemetry.fact(Exiting())
    telemetry.line(b"other\xfe")
    assert not any(b"\n" in line for line in lines)
    assert [json.loads(line) for line in lines] == [
        {"time": 12.345679, "event": "MessageInfo", "number": 7, "size": 100, "sender": "a\n\\xff@x", "qp": 8,
         "uid": 1000},
        {"time": 12.345679, "event": "DeliveryStarted", "delivery": 1, "number": 7, "channel": "local",
         "recipient": "b@x"},
        {"time": 12.345679, "event": "Bounced", "number": 7, "qp": 9},
        {"time": 12.345679, "event": "Exiting"},
        {"time": 12.345679, "event": "Line", "text": "other\\xfe"},
    ]  # fmt: skip

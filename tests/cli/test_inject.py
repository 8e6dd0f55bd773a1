"""qmail-inject as a program, with a stand-in for the queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.inject_home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_message_is_completed_and_queued(home: Home) -> None:
    assert home.run("qmail-inject", message=b"To: ann\n\nhello") == (0, b"", b"")
    queued = home.queued()
    assert queued is not None
    assert queued[0] == b"Fjoe@me.example\0Tann@me.example\0\0"
    assert queued[1].startswith(b"Date: ") and queued[1].endswith(
        b"From: joe@me.example\nTo: ann@me.example\n\nhello\n"
    )


def test_a_crlf_message_is_queued_with_lf(home: Home) -> None:
    body = b"".join(b"line %d\r\n" % number for number in range(20_000))
    assert home.run("sendmail", "-t", message=b"To: ann@x.y\r\nSubject: s\r\n\r\n" + body)[0] == 0
    queued = home.queued()
    assert queued is not None and b"\r" not in queued[1] and queued[1].endswith(b"\n\n" + body.replace(b"\r\n", b"\n"))


def test_n_prints_instead_of_queueing(home: Home) -> None:
    status, printed, _ = home.run("qmail-inject", "-n", "-f", "me@x.y", message=b"To: a@b.c\n\nx\n")
    assert status == 0 and printed.startswith(b"Return-Path: <me@x.y>\nDate: ") and printed.endswith(b"\n\nx\n")
    assert home.queued() is None


@pytest.mark.parametrize(("status", "ends"), [(31, 100), (53, 111), (11, 100), (99, 111)])
def test_the_queues_verdict_is_the_exit_status(home: Home, status: int, ends: int) -> None:
    home.queue(status)
    assert home.run("qmail-inject", "a@b.c", message=b"\nx\n")[0] == ends


def test_a_message_without_recipients_is_an_error(home: Home) -> None:
    status, _, complaint = home.run("qmail-inject", message=b"Subject: lost\n\nx\n")
    assert status == 100 and complaint.startswith(b"qmail-inject: fatal: no recipients")
    assert home.queued() is None

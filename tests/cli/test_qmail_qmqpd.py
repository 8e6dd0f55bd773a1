"""cli/submit/qmail_qmqpd.py: the real program on a socket pair, with a stand-in for qmail-queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.mail.envelope import Envelope
from qmtwist.wire.qmqp import frame
from tests.support.stdio_home import StdioHome


@pytest.fixture
def home(tmp_path: Path) -> StdioHome:
    return StdioHome(tmp_path, "qmtwist.cli.submit.qmail_qmqpd")


def request(message: bytes, sender: bytes = b"a@example.com", *recipients: bytes) -> bytes:
    before, after = frame(len(message), Envelope(sender, recipients))
    return before + message + after


def test_a_request_is_queued_and_answered_and_the_connection_closed(home: StdioHome) -> None:
    said = home.talk(request(b"Subject: x\n\nbody\n", b"a@b", b"u@far.example", b"v"), WAIT="yes")
    assert b":Kok " in said and said.endswith(b",")
    assert (home.status, home.errors) == (0, b"")
    [(envelope, message)] = home.queued()
    assert envelope == b"Fa@b\0Tu@far.example\0Tv\0\0"
    first, second, rest = message.split(b"\n", 2)
    assert first == b"Received: from client.example.com (192.0.2.7)"
    assert second.startswith(b"  by mail.example.org with QMQP; ")
    assert rest == b"Subject: x\n\nbody\n"


def test_no_control_file_is_read(home: StdioHome) -> None:
    for name in ("rcpthosts", "databytes", "timeoutsmtpd", "maxrecipients", "me"):
        (home.path / "control" / name).symlink_to("nowhere")
    assert b":Kok " in home.talk(request(b"x", b"s", b"r"), RELAYCLIENT="@hub", DATABYTES="0")
    assert [envelope for envelope, _ in home.queued()] == [b"Fs\0Tr\0\0"]


def test_a_message_may_have_no_recipient(home: StdioHome) -> None:
    assert b":Kok " in home.talk(request(b"x"))
    assert [envelope for envelope, _ in home.queued()] == [b"Fa@example.com\0\0"]


@pytest.mark.parametrize("bad", [b"a\0b", b"a" * 1000])
def test_a_bad_address_refuses_it_all(home: StdioHome, bad: bytes) -> None:
    said = home.talk(request(b"x", b"s", b"r", bad), EXIT="53")
    assert said == b"51:Dsorry, I can't accept addresses like that (#5.1.3),"
    assert (home.status, home.queued()) == (0, [])


@pytest.mark.parametrize(
    ("code", "own", "reply"),
    [
        ("31", "", b"50:Dmail server permanently rejected message (#5.3.0),"),
        ("53", "", b"37:Zqq write error or disk full (#4.3.0),"),
        ("82", "Dcustom", b"7:Dcustom,"),
    ],
)
def test_what_the_queue_program_says_is_the_answer(home: StdioHome, code: str, own: str, reply: bytes) -> None:
    assert home.talk(request(b"x", b"s", b"r"), EXIT=code, SAY=own, WAIT="yes") == reply


@pytest.mark.parametrize(
    ("sent", "status"), [(b"x", 100), (b"5:9:abcdefghi,", 100), (b"2000000010:", 111), (b"20:3:abc,", 0), (b"", 0)]
)
def test_the_exit_status_tells_how_it_ended(home: StdioHome, sent: bytes, status: int) -> None:
    assert home.talk(sent) == b""
    assert (home.status, home.queued()) == (status, [])


def test_a_silent_client_is_left_alone(home: StdioHome) -> None:
    home.before = "import qmtwist.cli.submit.qmail_qmqpd as program; program.TIMEOUT_S = 0.3"
    assert home.talk(request(b"x")[:-1], WAIT="yes") == b""
    assert (home.status, home.queued()) == (111, [])

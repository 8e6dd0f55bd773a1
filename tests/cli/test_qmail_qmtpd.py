"""cli/submit/qmail_qmtpd.py: the real program on a socket pair, with a stand-in for qmail-queue."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.wire.netstring import netstring
from tests.support.stdio_home import StdioHome

NO_RELAY = b"66:Dsorry, that domain isn't in my list of allowed rcpthosts (#5.7.1),"


@pytest.fixture
def home(tmp_path: Path) -> StdioHome:
    home = StdioHome(tmp_path, "qmtwist.cli.submit.qmail_qmtpd")
    home.control(rcpthosts=b"example.org\n")
    return home


def package(message: bytes, sender: bytes = b"a@example.com", *recipients: bytes) -> bytes:
    listed = b"".join(map(netstring, recipients or (b"u@example.org",)))
    return netstring(b"\n" + message) + netstring(sender) + netstring(listed)


def letters(said: bytes) -> list[bytes]:
    found = []
    while said:
        length, _, rest = said.partition(b":")
        found.append(rest[:1])
        said = rest[int(length) + 1 :]
    return found


def test_a_message_is_queued_and_each_recipient_answered(home: StdioHome) -> None:
    said = home.talk(
        package(b"Subject: x\n\nbody\n", b"a@example.com", b"u@example.org", b"v@far.example", b"postmaster")
    )
    assert letters(said) == [b"K", b"D", b"K"]
    assert NO_RELAY in said and b":Kok " in said and b" qp " in said
    assert (home.status, home.errors) == (0, b"")
    [(envelope, message)] = home.queued()
    assert envelope == b"Fa@example.com\0Tu@example.org\0Tpostmaster\0\0"
    first, second, rest = message.split(b"\n", 2)
    assert first == b"Received: from client.example.com (192.0.2.7)"
    assert second.startswith(b"  by mail.example.org with QMTP; ")
    assert rest == b"Subject: x\n\nbody\n"


def test_several_messages_come_down_one_connection_in_any_pieces(home: StdioHome) -> None:
    data = package(b"one\n") + package(b"two\n", b"", b"v@example.org") + package(b"three\n")
    assert letters(home.talk_on(bytes([byte]) for byte in data)) == [b"K", b"K", b"K"]
    assert [message.splitlines()[-1] for _, message in home.queued()] == [b"one", b"two", b"three"]


def test_relayclient_and_databytes_come_from_the_environment(home: StdioHome) -> None:
    home.control(databytes=b"5\n")
    said = home.talk(
        package(b"1234567890", b"s", b"x@far.example", b"r" * 995) + package(b"12345678901"),
        RELAYCLIENT="@fixme",
        DATABYTES="10",
    )
    assert letters(said) == [b"K", b"D", b"D"]
    assert b"46:Dsorry, I can't handle that recipient (#5.1.3)," in said
    assert said.endswith(b"61:Dsorry, that message size exceeds my databytes limit (#5.3.4),")
    assert [envelope for envelope, _ in home.queued()] == [b"Fs\0Tx@far.example@fixme\0\0"]


@pytest.mark.parametrize(
    ("code", "own", "reply"),
    [
        ("31", "", b"50:Dmail server permanently rejected message (#5.3.0),"),
        ("53", "Zignored", b"37:Zqq write error or disk full (#4.3.0),"),
        ("82", "Dno thanks (#5.7.1)", b"19:Dno thanks (#5.7.1),"),
        ("82", "Kok 1 qp 2", b"10:Zok 1 qp 2,"),
        ("100", "", b"30:Zqq temporary problem (#4.3.0),"),
    ],
)
def test_what_the_queue_program_says_is_the_answer(home: StdioHome, code: str, own: str, reply: bytes) -> None:
    assert home.talk(package(b"x", b"s", b"u@example.org", b"v@far.example"), EXIT=code, SAY=own) == reply + NO_RELAY


def test_without_a_queue_program_everything_is_for_later(home: StdioHome) -> None:
    home.program.unlink()
    assert home.talk(package(b"x") * 2) == b"27:Zunable to exec qq (#4.3.0)," * 2
    assert home.status == 0


@pytest.mark.parametrize(("sent", "status"), [(b"0:,", 100), (b"3:\nab;", 100), (b"2000000010:", 111), (b"5:\nab", 0)])
def test_the_exit_status_tells_how_it_ended(home: StdioHome, sent: bytes, status: int) -> None:
    assert letters(home.talk(package(b"x") + sent)) == [b"K"]
    assert (home.status, len(home.queued())) == (status, 1)


def test_a_silent_client_is_left_alone(home: StdioHome) -> None:
    home.control(timeoutsmtpd=b"1\n")
    assert letters(home.talk(package(b"x") + b"5:\nab", WAIT="yes")) == [b"K"]
    assert (home.status, len(home.queued())) == (111, 1)


def test_a_session_lasts_an_hour_at_most(home: StdioHome) -> None:
    home.before = "import qmtwist.agents.submit.packageserver as server; server.SESSION_S = 0.3"
    assert letters(home.talk(package(b"x") + b"5:\nab", WAIT="yes")) == [b"K"]
    assert (home.status, len(home.queued())) == (111, 1)


def test_the_hour_does_not_end_while_the_queue_has_the_message(home: StdioHome) -> None:
    home.install('#!/bin/sh\ncat >"$0.message.$$"\ncat <&1 >"$0.envelope.$$"\nsleep 0.5\nexit 0\n')
    home.before = "import qmtwist.agents.submit.packageserver as server; server.SESSION_S = 0.3"
    said = home.talk(package(b"x"), WAIT="yes")
    assert (letters(said), home.status, len(home.queued())) == ([b"K"], 111, 1)


def test_a_client_that_is_gone_is_no_failure(home: StdioHome) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        process = home.start(theirs.fileno())
    with ours:
        ours.sendall(package(b"x"))
    process.communicate(timeout=20)
    assert (process.returncode, len(home.queued())) == (0, 1)


def test_without_rcpthosts_a_warning_is_given_and_everybody_may_relay(home: StdioHome) -> None:
    (home.path / "control/rcpthosts").unlink()
    assert letters(home.talk(package(b"x", b"s", b"v@far.example"))) == [b"K"]
    assert home.errors == b"qmail-qmtpd: warning: no control/rcpthosts: anybody can relay through this host\n"


def test_without_any_control_file_but_rcpthosts_it_works(home: StdioHome) -> None:
    assert sorted(os.listdir(home.path / "control")) == ["rcpthosts"]
    assert letters(home.talk(package(b"x"))) == [b"K"]


@pytest.mark.parametrize("name", ["rcpthosts", "databytes", "timeoutsmtpd", "maxrecipients"])
def test_a_control_file_that_cannot_be_read_ends_it(home: StdioHome, name: str) -> None:
    (home.path / "control/rcpthosts").unlink()
    (home.path / "control" / name).symlink_to("nowhere")
    assert home.talk(package(b"x"), WAIT="yes") == b""
    assert (home.status, home.queued()) == (111, [])


def test_a_damaged_morercpthosts_ends_it_when_it_is_needed(home: StdioHome) -> None:
    home.control(**{"morercpthosts.cdb": b"damaged"})
    assert letters(home.talk(package(b"x") + package(b"y", b"s", b"v@far.example"))) == []
    assert (home.status, len(home.queued())) == (111, 1)


def test_recipients_beyond_maxrecipients_come_later(home: StdioHome) -> None:
    home.control(maxrecipients=b"2\n")
    said = home.talk(package(b"x", b"s", *[b"u@example.org"] * 3))
    assert letters(said) == [b"K", b"K", b"Z"]


def test_loops_are_ended_but_a_hundred_hops_are_not_counted(home: StdioHome) -> None:
    said = home.talk(package(b"Received: x\n" * 150) + package(b"Received: x\n" * 1000))
    assert letters(said) == [b"K", b"D"]
    assert said.endswith(b"48:Dtoo many hops, this message is looping (#5.4.6),")


def test_a_long_message_needs_no_memory(home: StdioHome) -> None:
    home.install("#!/bin/sh\ncat >/dev/null\ncat <&1 >/dev/null\n")
    size = 40_000_000

    def pieces() -> Iterator[bytes]:
        yield b"%d:\n" % (size + 1)
        for _ in range(size // 40_000):
            yield b"x" * 40_000
        yield package(b"")[3:] + package(b"", b"s", b"v@far.example")

    assert letters(home.talk_on(pieces())) == [b"K", b"D"]
    assert home.status == 0
    assert 0 < home.peak_kb < 40_000

"""What is wrong with twisted.mail.smtp.ESMTP, a test each on our subclass; and how it writes to a real socket."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactor

from qmtwist.mail.errors import Temporary
from qmtwist.services.smtp.smtpd import SmtpProtocol
from qmtwist.services.smtp.twistedsmtp import ESMTP
from tests.support.smtp_pump import one_by_one
from tests.support.smtp_service import SmtpHouse

MAIL = b"MAIL FROM:<a@example.com>\r\n"
RCPT = b"RCPT TO:<u@example.org>\r\n"
OPENING = MAIL + RCPT + b"DATA\r\n"


def test_it_is_twisteds_esmtp() -> None:
    assert isinstance(SmtpHouse().connect().protocol, ESMTP)


def test_starttls_is_neither_offered_nor_begun() -> None:
    """1. Bytes sent after STARTTLS in the same write ran as commands of the encrypted session."""
    client = SmtpHouse().connect()
    assert b"STARTTLS" not in client.send(b"EHLO x\r\n")
    assert client.codes(b"STARTTLS\r\nNOOP\r\n") == [502, 250]  # still the same session, in the clear


@pytest.mark.parametrize("length", [16383, 16384, 16385, 200_000])
def test_a_long_line_in_a_message_is_a_line_of_the_message(length: int) -> None:
    """2. A line over 16384 bytes in DATA returned to command mode, and the rest of the body ran."""
    house = SmtpHouse()
    client = house.connect()
    client.send(OPENING)
    body = b"x" * length + b"\r\nRSET\r\nQUIT\r\n"
    for at in range(0, len(body), 8192):
        assert client.send(body[at : at + 8192]) == b""
    assert client.codes(b".\r\n") == [250]
    assert house.intake.queued[0].body == b"x" * length + b"\nRSET\nQUIT\n"


def test_commands_wait_while_an_answer_is_pending_and_replies_keep_their_order() -> None:
    """3. Commands ran while a Deferred was pending: replies out of order, pipelined RCPT answered 503."""
    house = SmtpHouse(is_rcptcheck=True)
    pending: Deferred[bool | None] = Deferred()
    house.check.answers[b"u@example.org"] = pending
    client = house.connect()
    assert client.codes(MAIL + RCPT + b"RCPT TO:<x@far.example>\r\nDATA\r\nx\r\n.\r\nNOOP\r\n") == [250]
    assert client.is_paused
    pending.callback(True)
    assert client.codes() == [250, 553, 354, 250, 250]
    assert not client.is_paused


def test_a_full_disk_is_451_or_452() -> None:
    """4. Any failure at the end of a message was answered 550, and the mail bounced."""
    house = SmtpHouse()
    house.intake.commit_error = Temporary("qq write error or disk full (#4.3.0)", "4.3.0")
    assert house.connect().codes(OPENING, b"x\r\n.\r\n") == [250, 250, 354, 451]
    house.intake.commit_error = Temporary("disk full", "4.3.1")
    assert house.connect(port=2).codes(OPENING, b"x\r\n.\r\n") == [250, 250, 354, 452]


def test_an_endless_line_is_not_kept_and_its_rest_is_no_command() -> None:
    """5. The buffer was not cleared after an over-long line without an end."""
    client = SmtpHouse().connect()
    for _ in range(50):
        assert client.send(b"x" * 20000) == b""
        assert len(client.protocol._session._buffer) == 0
    assert client.codes(b"RSET\r\nNOOP\r\n") == [500, 250]


def test_recipients_size_and_parameters_are_limited() -> None:
    """6. No limit on recipients or size; unknown parameters were accepted."""
    house = SmtpHouse(databytes=1000)
    client = house.connect()
    client.send(b"EHLO x\r\n")
    assert client.codes(b"MAIL FROM:<a@b> SIZE=1001\r\n", b"MAIL FROM:<a@b> FOO=1\r\n") == [552, 555]
    assert client.codes(MAIL, RCPT * 101) == [250] * 101 + [452]
    assert client.codes(b"DATA\r\n", b"x" * 1001 + b"\r\n.\r\n") == [354, 552]


def test_domain_literals_noop_help_and_vrfy_are_known() -> None:
    """7. Literals were refused; NOOP, HELP and VRFY were missing."""
    client = SmtpHouse().connect()
    assert client.codes(b"MAIL FROM:<a@[192.0.2.9]>\r\n", b"RCPT TO:<u@[127.0.0.1]>\r\n") == [250, 250]
    assert client.codes(b"NOOP\r\n", b"HELP\r\n", b"VRFY x\r\n") == [250, 214, 252]


@pytest.mark.parametrize("command", [b"\xff\xfe\r\n", b"AUTH\r\n", b"AUTH \r\n", b"\xe4HLO x\r\n", b"__class__\r\n"])
def test_no_command_raises_out_of_the_protocol(command: bytes) -> None:
    """8. A verb that is not ASCII, or a bare AUTH, raised out of dataReceived."""
    house = SmtpHouse()
    client = house.connect()
    assert client.codes(command, b"NOOP\r\n") == [502, 250]
    assert not any(b"bug" in line for line in house.lines)


def test_importing_the_service_looks_no_name_up() -> None:
    """9. The import called socket.getfqdn(), which may wait for a name server."""
    program = (
        "import socket\n"
        "def never(*_): raise AssertionError('a name was looked up')\n"
        "socket.getfqdn = socket.gethostbyaddr = socket.gethostbyname = never\n"
        "import qmtwist.services.smtp.smtpd\n"
        "assert socket.getfqdn is never\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("sequence", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r"])
def test_no_other_line_end_smuggles_a_second_message_in(sequence: bytes) -> None:
    smuggled = b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<u@example.org>\r\nDATA\r\nevil\r\n.\r\n"
    for pieces in ([b"x" + sequence + smuggled], one_by_one(b"x" + sequence + smuggled)):
        house = SmtpHouse()
        client = house.connect()
        client.send(OPENING)
        codes = []
        for piece in pieces:
            if not client.is_closed:
                codes += client.codes(piece)
        assert codes in ([451], [554])
        assert house.intake.queued == []


# -- a real socket


@pytest.fixture
def wired() -> Iterator[tuple[SmtpHouse, Connection, socket.socket, MemoryReactor]]:
    """The service, its transport on one end of a socket pair, and the client's end."""
    house, reactor = SmtpHouse(), MemoryReactor()
    ours, theirs = socket.socketpair()
    protocol = house.protocol()
    assert isinstance(protocol, SmtpProtocol)
    transport = type("Wire", (Connection,), {"getHost": lambda self: None, "setTcpNoDelay": lambda self, on: None})(
        ours, protocol, reactor
    )
    transport.connected = 1
    transport.startReading()
    protocol.makeConnection(transport)
    theirs.settimeout(5)
    yield house, transport, theirs, reactor
    theirs.close()
    ours.close()


def test_a_reply_leaves_at_once_when_nothing_waits(
    wired: tuple[SmtpHouse, Connection, socket.socket, MemoryReactor],
) -> None:
    _, transport, theirs, reactor = wired
    theirs.send(b"NOOP\r\n")
    transport.doRead()
    assert theirs.recv(100).endswith(b"250 ok\r\n")
    assert reactor.getWriters() == []


def test_replies_that_do_not_fit_are_kept_in_order(
    wired: tuple[SmtpHouse, Connection, socket.socket, MemoryReactor],
) -> None:
    _, transport, theirs, reactor = wired
    transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    protocol = transport.protocol
    said = 0
    while not reactor.getWriters():  # until the socket takes no more
        protocol.dataReceived(MAIL + b"RCPT TO:<u%d@example.org>\r\n" % said + b"DATA\r\nx\r\n.\r\n")
        said += 1
    protocol.dataReceived(MAIL)
    received = b""
    theirs.settimeout(0.05)
    while reactor.getWriters():
        received += theirs.recv(65536)
        transport.doWrite()
    while received.count(b"\r\n") < 4 * said + 2:
        received += theirs.recv(65536)
    codes = [int(line[:3]) for line in received.splitlines()]
    assert codes == [220, *[250, 250, 354, 250] * said, 250]


def test_a_client_that_has_gone_ends_the_session(
    wired: tuple[SmtpHouse, Connection, socket.socket, MemoryReactor],
) -> None:
    house, transport, theirs, _ = wired
    theirs.close()
    reason = transport.doRead()
    transport.readConnectionLost(reason)
    assert house.lines == [b"smtp 1: 127.0.0.1:50321 closed: the client closed the connection, 0 accepted"]

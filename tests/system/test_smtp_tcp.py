"""The SMTP service over real TCP: what only the kernel can show."""

from __future__ import annotations

import smtplib
import socket
import struct
from collections.abc import Iterator
from subprocess import Popen

import pytest

from tests.support.smtp_listener import smtp_listener

pytestmark = pytest.mark.system
OPENING = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<u@example.org>\r\nDATA\r\n"
Listener = tuple[int, Popen[bytes]]


@pytest.fixture
def listener() -> Iterator[Listener]:
    with smtp_listener(timeout_s=2, concurrencyperip=3) as running:
        yield running


def lines_until(listener: Listener, end: bytes) -> list[bytes]:
    """The log up to the line that has `end` in it."""
    assert listener[1].stdout is not None
    lines = []
    while not lines or end not in lines[-1]:
        lines.append(listener[1].stdout.readline())
        assert lines[-1], lines
    return lines


def connect(listener: Listener) -> socket.socket:
    return socket.create_connection(("127.0.0.1", listener[0]), timeout=10)


def read_all(sock: socket.socket) -> bytes:
    said = b""
    while data := sock.recv(65536):
        said += data
    return said


def test_an_ordinary_client_sends_ordinary_mail(listener: Listener) -> None:
    with smtplib.SMTP("127.0.0.1", listener[0], local_hostname="client.test") as client:
        assert client.has_extn("size") or client.ehlo()[0] == 250
        for size in (0, 1000, 3_000_000):
            assert client.sendmail("a@example.com", ["u@example.org"], b"x" * size + b"\r\n.dot\r\n") == {}
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@example.com", ["u@far.example"], b"x\r\n")
    log = lines_until(listener, b"closed: quit, 3 accepted")
    assert any(b"queued 3000006 bytes" in line for line in log)


def test_a_client_that_says_all_at_once_and_hangs_up_half_gets_every_answer(listener: Listener) -> None:
    with connect(listener) as sock:
        sock.sendall(b"HELO x\r\n" + OPENING + b"x\r\n.\r\n" + OPENING + b"y\r\n.\r\nNOOP\r\n")
        sock.shutdown(socket.SHUT_WR)
        codes = [line[:3] for line in read_all(sock).splitlines()]
    assert codes == [b"220", b"250"] + [b"250", b"250", b"354", b"250"] * 2 + [b"250"]
    assert b"2 accepted" in lines_until(listener, b"closed")[-1]


def test_a_reset_in_a_message_queues_nothing(listener: Listener) -> None:
    with connect(listener) as sock:
        sock.sendall(OPENING + b"part")
        while b"354" not in sock.recv(1000):
            pass
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    log = lines_until(listener, b"closed")
    assert b"in the middle of a message, 0 accepted" in log[-1] and len(log) == 1


def test_a_silent_client_is_timed_out(listener: Listener) -> None:
    with connect(listener) as sock:
        assert read_all(sock).endswith(b"451 timeout (#4.4.2)\r\n")


def test_the_connection_beyond_the_limit_is_told_so(listener: Listener) -> None:
    held = [connect(listener) for _ in range(3)]
    for sock in held:
        assert sock.recv(100).startswith(b"220 ")
    with connect(listener) as one_more:
        assert read_all(one_more) == b"421 too many connections (#4.7.0)\r\n"
    for sock in held:
        sock.close()
    assert lines_until(listener, b"turned away")


def test_a_client_that_reads_no_replies_is_not_read_and_loses_its_place(listener: Listener) -> None:
    with connect(listener) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(0.5)
        commands = b"RCPT TO:<u@example.org>\r\n" * 2000
        sock.sendall(b"MAIL FROM:<a@example.com>\r\n")
        sent = 0
        with pytest.raises(TimeoutError):  # the kernel's buffers are full: nobody reads
            while sent < 100_000_000:
                sent += sock.send(commands)
        assert b"closed: timeout" in lines_until(listener, b"closed")[-1]

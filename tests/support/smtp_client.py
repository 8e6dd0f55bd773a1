"""SMTP client sessions for tests of the core: what they say, and how far they have come."""

from __future__ import annotations

from qmtwist.wire.smtp.client import ClientSession, Tls
from tests.support.outgoing import Letter, Sender

MAIL = b"MAIL FROM:<a@example.com>\r\n"
RCPT = b"RCPT TO:<%s@far.example>\r\n"
EHLO = b"EHLO mail.example.org\r\n"
PLAIN = b"250 mx.example.net\r\n"
OFFERS = b"250-mx.example.net\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 10000\r\n"


def letter(*names: bytes, message: bytes = b"hi\n", sender: bytes = b"a@example.com") -> Letter:
    return Letter(sender, [name + b"@far.example" for name in names or (b"u",)], message)


def client(tls: Tls = Tls.MAY) -> ClientSession:
    return ClientSession(b"mail.example.org", b"192.0.2.1", tls)


def greeted(hello: bytes, *letters: Letter, tls: Tls = Tls.MAY) -> Sender:
    """A sender whose first transaction has begun."""
    sender = Sender(client(tls), letters)
    assert sender.receive(b"220 mx.example.net ESMTP\r\n") == EHLO
    sender.receive(hello)
    return sender


def reports(sender: Sender) -> list[bytes]:
    return [result.records() for result in sender.results]

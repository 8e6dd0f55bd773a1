"""The POP3 service without a network: a mailbox, a clock, and clients that say what a test says."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from qmtwist.control import passwords
from qmtwist.control.passwords import PasswordFile, set_password
from qmtwist.control.settings import PopSettings
from qmtwist.services.pop3.login import Gatekeeper
from qmtwist.services.pop3.pop3d import Pop3Factory, mailboxes_by
from tests.support.mailboxes import InProcessAgent, make_maildir

OK = b"+OK \r\n"
GREETING = b"+OK pop.example.org POP3 service\r\n"
MESSAGES = {
    "new/1000.a": b"Subject: one\n\n.dot\n",
    "cur/1001.b:2,S": b"Subject: two\n\nbody\nmore\n",
    "new/1002.c": b"x",
}


class Inline:
    """A thread pool without threads."""

    def run(self, work, a: bytes, b: bytes, c: bytes, /) -> Deferred[bool]:
        return succeed(work(a, b, c))


class Client:
    """One connection to the factory, seen from the other side."""

    def __init__(self, factory: Pop3Factory, host: str = "192.0.2.1") -> None:
        self.session = factory.buildProtocol(IPv4Address("TCP", host, 50321))
        assert self.session is not None
        self.transport = StringTransport()
        self.session.makeConnection(self.transport)
        self.received = 0

    def say(self, data: bytes) -> bytes:
        self.session.dataReceived(data)
        return self.read()

    def read(self) -> bytes:
        data = self.transport.value()
        self.transport.clear()
        self.received += len(data)
        return data

    def hang_up(self) -> None:
        self.session.connectionLost(Failure(ConnectionDone()))

    @property
    def is_closed(self) -> bool:
        return self.transport.disconnecting


def settings(**changes: object) -> PopSettings:
    usual = PopSettings(
        greeting=b"pop.example.org",
        timeout_s=600,
        checkpassword=None,
        maildir=b"Maildir",
        concurrency=100,
        max_failures=3,
    )
    return attrs.evolve(usual, **changes)


class Server:
    """A factory with one user, joe with the password `secret`, and his maildir."""

    def __init__(self, tmp_path: Path, has_file: bool = True, **changes: object) -> None:
        self.home = tmp_path
        self.maildir = tmp_path / "joe" / "Maildir"
        make_maildir(self.maildir, MESSAGES)
        self.clock = Clock()
        self.clock.advance(10_000)
        self.log: list[bytes] = []
        self.agent = InProcessAgent({b"joe": tmp_path / "joe"})
        book = PasswordFile(str(tmp_path)) if has_file else None
        keeper = Gatekeeper(self.clock, self.agent, Inline(), book, mailboxes_by(None))
        self.factory = Pop3Factory(self.clock, keeper, self.log.append)
        self.factory.configure(settings(checkpassword=None if has_file else b"check", **changes))

    def client(self, host: str = "192.0.2.1") -> Client:
        return Client(self.factory, host)

    def entered(self) -> Client:
        client = self.client()
        assert client.say(b"USER joe\r\nPASS secret\r\n") == GREETING + OK + OK
        return client

    def files(self) -> list[str]:
        return sorted(f"{room}/{name}" for room in ("new", "cur") for name in os.listdir(self.maildir / room))


def furnished(home: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server whose password file is cheap to ask."""
    monkeypatch.setattr(passwords, "_LOG_N", 2)
    (home / "users").mkdir()
    set_password(str(home), b"joe", b"secret")
    return Server(home)

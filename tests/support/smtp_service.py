"""An SMTP service in memory: a `task.Clock`, string transports, a fake queue, and the log as a list."""

from __future__ import annotations

from typing import cast

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from qmtwist.control.settings import AccessSettings, SmtpSettings
from qmtwist.services.door.clientnames import ClientNames
from qmtwist.services.door.listen import NO_ACCESS
from qmtwist.services.smtp.clerk import Staff
from qmtwist.services.smtp.smtpd import SmtpProtocol, make_smtp_factory

from .fake_intake import FakeIntake

NOW = 1795238029
SETTINGS = SmtpSettings(
    greeting=b"mail.example.org",
    localiphost=b"mail.example.org",
    timeout_s=1200,
    databytes=0,
    rcpthosts=frozenset([b"example.org", b"mail.example.org"]),
    morercpthosts=None,
    badmailfrom=frozenset(),
    is_rcptcheck=False,
    concurrencyincoming=200,
    concurrencyperip=50,
    max_recipients=100,
    max_command_bytes=1000,
    max_errors=20,
    max_idle_commands=100,
)


class FakeCheck:
    """Says what the test has put into `answers` (default: yes)."""

    def __init__(self) -> None:
        self.answers: dict[bytes, bool | None | Deferred[bool | None]] = {}
        self.asked: list[bytes] = []

    def check(self, address: bytes) -> bool | None | Deferred[bool | None]:
        self.asked.append(address)
        return self.answers.get(address, True)


class Client:
    """One connection to the service."""

    def __init__(self, protocol: SmtpProtocol) -> None:
        self.protocol = protocol
        self.transport = StringTransport()
        self.is_lost = False
        protocol.makeConnection(self.transport)

    def send(self, *pieces: bytes) -> bytes:
        """The replies that come at once."""
        for piece in pieces:
            assert self.transport.producerState == "producing" or piece == b""
            self.protocol.dataReceived(piece)
        return self.said()

    def said(self) -> bytes:
        """What was said since the last time."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def codes(self, *pieces: bytes) -> list[int]:
        """The codes of the replies that come at once."""
        return [int(line[:3]) for line in self.send(*pieces).splitlines() if line[3:4] == b" "]

    def lose(self) -> None:
        """The connection is gone."""
        self.protocol.connectionLost(Failure(ConnectionDone()))

    @property
    def is_closed(self) -> bool:
        """Whether the service has hung up."""
        return bool(self.transport.disconnecting or self.transport.disconnected)

    @property
    def is_paused(self) -> bool:
        """Whether the service reads nothing now."""
        return self.transport.producerState == "paused"


class SmtpHouse:
    """The service under test and all it talks to."""

    def __init__(self, access: AccessSettings = NO_ACCESS, names: ClientNames | None = None, **changes: object) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.intake = FakeIntake()
        self.check = FakeCheck()
        self.lines: list[bytes] = []
        staff = Staff(self.clock, self.intake, self.check, self.lines.append, 1002, names=names)
        self.settings = attrs.evolve(SETTINGS, **changes)
        self.factory = make_smtp_factory(staff, self.settings, access)

    def protocol(self, host: str = "127.0.0.1", port: int = 50321) -> object:
        """What the factory makes of a connection."""
        return self.factory.buildProtocol(IPv4Address("TCP", host, port))

    def connect(self, host: str = "127.0.0.1", port: int = 50321, is_greeting_read: bool = True) -> Client:
        """A connection that was let in."""
        client = Client(cast(SmtpProtocol, self.protocol(host, port)))
        if is_greeting_read:
            client.said()
        return client

    def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Let the clock tick."""
        self.clock.pump([step] * round(seconds / step))

"""The QMTP and QMQP services in memory: a `task.Clock`, string transports, a fake queue, and the log as a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import attrs
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from qmtwist.control.settings import AccessSettings
from qmtwist.services.qmtp.factory import Listener, PackageSettings
from qmtwist.services.qmtp.packages import PackageProtocol
from qmtwist.services.qmtp.qmqpd import make_qmqp_service
from qmtwist.services.qmtp.qmtpd import make_qmtp_service
from qmtwist.services.smtp.clerk import Staff
from qmtwist.services.tls.incoming import IncomingTls
from qmtwist.wire.netstring import netstring

from .fake_intake import FakeIntake
from .smtp_service import NOW, SETTINGS, FakeCheck

PACKAGES = PackageSettings(timeout_s=600, concurrency=50, concurrencyperip=20, tlsclients={})
MESSAGE = b"Subject: hello\n\nhow are you\n"


def package(
    *recipients: bytes, sender: bytes = b"joe@example.com", message: bytes = MESSAGE, newline: bytes = b"\n"
) -> bytes:
    """What a QMTP client sends for one message."""
    return netstring(newline + message) + netstring(sender) + netstring(b"".join(map(netstring, recipients)))


def request(*recipients: bytes, sender: bytes = b"joe@example.com", message: bytes = MESSAGE) -> bytes:
    """What a QMQP client sends."""
    return netstring(b"".join(map(netstring, (message, sender, *recipients))))


class SlowTls:
    """Handshakes that take as long as the test wants; each client then has the key `key`."""

    def __init__(self) -> None:
        self.key = b""

    def greeting(self) -> SlowTls:
        return self

    def pin(self) -> bytes:
        return self.key


class SecureTransport(StringTransport):
    """A transport that could be encrypted."""

    def startTLS(self, greeting: object) -> None:
        """It will be."""


class Client:
    """One connection to a service."""

    def __init__(self, protocol: PackageProtocol) -> None:
        self.protocol = protocol
        self.transport = SecureTransport()
        protocol.makeConnection(self.transport)

    def send(self, *pieces: bytes) -> bytes:
        """What is answered at once."""
        for piece in pieces:
            self.protocol.dataReceived(piece)
        return self.said()

    def said(self) -> bytes:
        """What was answered since the last time."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

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


class PackageHouse:
    """One of the services, and all it talks to."""

    def __init__(self, kind: str = "qmtp", rules: Mapping[str, object] | None = None, **changes: object) -> None:
        """`changes` are those of the SMTP service's settings; `rules` of AccessSettings."""
        self.clock = Clock()
        self.clock.advance(NOW)
        self.intake = FakeIntake()
        self.check = FakeCheck()
        self.lines: list[bytes] = []
        self.tls = SlowTls()
        staff = Staff(self.clock, self.intake, self.check, self.lines.append, 1002)
        packages = attrs.evolve(PACKAGES, **changes.pop("packages", {}))  # type: ignore[arg-type]
        access = AccessSettings(**(rules or {}))  # type: ignore[arg-type]
        settings = attrs.evolve(SETTINGS, **changes)
        self.listener: Listener
        if kind.startswith("qmtp"):
            tls = cast(IncomingTls, self.tls) if kind == "qmtps" else None
            self.service = make_qmtp_service(staff, packages, settings, access, tls)
            self.listener = self.service.secure if tls else self.service.clear
        else:
            self.listener = make_qmqp_service(staff, packages, b"mail.example.org", access).clear

    def knock(self, host: str = "127.0.0.1", port: int = 50321) -> object:
        """What the factory makes of a connection."""
        address = UNIXAddress(host.encode()) if host.startswith("/") else IPv4Address("TCP", host, port)
        return self.listener.buildProtocol(address)

    def connect(self, host: str = "127.0.0.1", port: int = 50321) -> Client:
        """A connection that was let in."""
        protocol = self.knock(host, port)
        assert isinstance(protocol, PackageProtocol)
        return Client(protocol)

    def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Let the clock tick."""
        self.clock.pump([step] * round(seconds / step))

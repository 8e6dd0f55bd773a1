"""The injection socket's service with a fake intake, and clients without a network."""

from __future__ import annotations

import socket
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError
from qmtwist.services.intake.injection import (
    InjectionFactory,
    InjectionProtocol,
)
from qmtwist.services.seams import Committed, Origin
from qmtwist.wire.queuelist import listing

LISTED = [listing(number, 0, 1, b"s@x", False, ()) for number in (7, 8)]
ENVELOPE = Envelope(b"s@x", (b"a@b",))


class FakeDraft:
    number = 4711

    def __init__(self, is_slow: bool) -> None:
        self.data = b""
        self.envelope: Envelope | None = None
        self.done: Committed | None = None
        self.is_abandoned = False
        self._is_slow = is_slow

    def write(self, data: bytes) -> bool:
        self.data += data
        return not self._is_slow

    def commit(self, envelope: Envelope, done: Committed) -> None:
        self.envelope, self.done = envelope, done

    def abandon(self) -> None:
        self.is_abandoned = True


class FakeIntake:
    def __init__(self) -> None:
        self.trouble: MailError | None = None
        self.is_slow = False
        self.drafts: list[FakeDraft] = []
        self.origins: list[Origin] = []
        self.on_drain: Callable[[], None] = lambda: None

    def open(self, origin: Origin, on_drain: Callable[[], None]) -> FakeDraft:
        if self.trouble is not None:
            raise self.trouble
        self.origins.append(origin)
        self.on_drain = on_drain
        self.drafts.append(FakeDraft(self.is_slow))
        return self.drafts[-1]


class Lines(list[bytes]):
    def line(self, line: bytes, /) -> None:
        self.append(line)


class UnixTransport(StringTransport):
    """A peer with our own uid."""

    def __init__(self) -> None:
        super().__init__()
        self.ours, self.theirs = socket.socketpair()

    def getHandle(self) -> socket.socket:
        return self.ours


class Bench:
    def __init__(self, believed: tuple[int, ...] = ()) -> None:
        self.intake, self.log, self.clock = FakeIntake(), Lines(), Clock()
        self.factory = InjectionFactory(self.intake, believed, self.log, self.clock, lambda: LISTED)
        self.transports: list[UnixTransport] = []

    def connect(self) -> tuple[InjectionProtocol, UnixTransport]:
        protocol, transport = self.factory.buildProtocol(None), UnixTransport()
        protocol.makeConnection(transport)
        self.transports.append(transport)
        return protocol, transport

    def close(self) -> None:
        for transport in self.transports:
            transport.ours.close()
            transport.theirs.close()

"""What our sessions need of a transport; every streaming transport of Twisted has it."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IAddress, IPushProducer


class Wire(Protocol):
    """Twisted's own type for a protocol's transport promises only what every transport has, which is less."""

    def write(self, data: bytes) -> None:
        """Send, or keep until it can be sent."""

    def loseConnection(self) -> None:
        """Close when everything is written."""

    def abortConnection(self) -> None:
        """Close now."""

    def pauseProducing(self) -> None:
        """Read nothing for now."""

    def resumeProducing(self) -> None:
        """Read again."""

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> None:
        """Tell the producer when too much waits to be written."""

    def unregisterProducer(self) -> None:
        """Tell it no longer."""

    def getHost(self) -> IAddress:
        """Our own address."""

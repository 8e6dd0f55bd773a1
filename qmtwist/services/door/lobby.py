"""The lobby: where a connection waits until its client's name or IDENT is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from qmtwist.services.wire import Wire

from .listen import Denied, Door, Peer, Unknown


class Lobby(TwistedProtocol):
    """One connection that waits. Made by `Sessions`; then the session that `seat` makes takes its place.

    Nothing is read or written meanwhile. It takes no longer than the lookups of `Door.judge` may.
    """

    def __init__(
        self,
        door: Door,
        client: Unknown,
        seat: Callable[[Peer], IProtocol],
        gone: Callable[[Lobby, Unknown], None],
    ) -> None:
        self._client = client
        self._gone = gone
        self._door = door
        self._seat = seat
        self._is_over = False

    def connectionMade(self) -> None:
        """Begin to ask."""
        wire = cast(Wire, self.transport)
        wire.pauseProducing()
        here = wire.getHost()
        local = (getattr(here, "host", "") or "", getattr(here, "port", 0) or 0)
        self._door.judge(self._client, local).addCallback(self._judged).addErrback(self._fail)

    def _judged(self, answer: Peer | Denied) -> None:
        if self._is_over:
            return
        self._is_over = True
        transport: Any = self.transport
        transport.resumeProducing()
        if isinstance(answer, Denied):
            transport.loseConnection()
            return
        session = self._seat(answer)
        # `protocol` is a socket's, `wrappedProtocol` that of TLS and the like
        name = "wrappedProtocol" if getattr(transport, "wrappedProtocol", None) is self else "protocol"
        setattr(transport, name, session)
        session.makeConnection(transport)

    def _fail(self, bug: Failure) -> None:
        self._is_over = True
        self._door.note_bug(bug.getTraceback())
        cast(Wire, self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It has gone, or was sent away."""
        self._is_over = True
        self._gone(self, self._client)

    # -- sessions.Session

    def look(self, now: float) -> None:
        """Time has passed; the lookups have their own limits."""

    def stop(self) -> None:
        """The server stops."""
        self._is_over = True
        cast(Wire, self.transport).loseConnection()

    def cut_off(self) -> None:
        """At once."""
        cast(Wire, self.transport).abortConnection()

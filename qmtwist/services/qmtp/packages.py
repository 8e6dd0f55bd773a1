"""A connection of the QMTP or QMQP service: a transport here, a `PackageSession` there, a clerk who answers.

The same shell serves both protocols, in clear and inside TLS. It keeps the time, lets nothing be read that there is no
room for, and says once why a session ended.
"""

from __future__ import annotations

import traceback
from typing import Protocol as Typed
from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
    ITCPTransport,
    ITLSTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from qmtwist.services.door.listen import Peer
from qmtwist.services.pumped import Pumped
from qmtwist.services.tls.incoming import Greeting
from qmtwist.services.tls.outgoing import words_of
from qmtwist.services.wire import Wire
from qmtwist.wire.package import Closed, PackageSession, Violation
from qmtwist.wire.session import NEED_DATA, Pause

from .clerk import PackageClerk

FIRST_S = 60  # for a client that has not said anything yet, and for a handshake
CLOSING_S = 60  # for a client that does not read our last words
SESSION_S = 3600  # then no further message begins (QMTP: sessions should end after one hour)
RATE_WINDOW_S = 300  # over which a message must come in faster than
RATE_BYTES_S = 10

STOPPING = b"the server is stopping"


class Service(Typed):
    """The factory, as a session sees it."""

    def seconds(self) -> float:
        """What time it is, by the reactor."""

    def gone(self, session: PackageProtocol, peer: Peer) -> None:
        """A session's connection has ended."""

    def recognize(self, session: PackageProtocol, pin: bytes) -> bytes:
        """Why a client with this key (empty: none was shown) may not go on; empty: he may. Asked after a handshake."""


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class PackageProtocol(Pumped, Protocol):
    """One connection. Made by its factory, which it tells when it is gone. `greeting`: TLS comes first."""

    def __init__(
        self,
        service: Service,
        peer: Peer,
        core: PackageSession,
        clerk: PackageClerk,
        timeout_s: float,
        greeting: Greeting | None,
    ) -> None:
        self.clerk = clerk
        self.peer = peer
        self._service = service
        self._core = core
        self._timeout_s = timeout_s
        self._greeting = greeting  # while the handshake lasts
        self._is_stopping = self._has_heard = False
        self._began = self._active = self._window = service.seconds()
        self._window_bytes = 0
        clerk.attach(self._run, self._fail)

    # -- what the transport tells us

    def connectionMade(self) -> None:
        """Say nothing: the client begins."""
        transport = self.transport
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        self._wire = cast(Wire, transport)  # Twisted's type promises only what every transport has
        here = self._wire.getHost()
        if isinstance(here, IPv4Address | IPv6Address):
            self.clerk.local = here.host.encode("ascii", "replace"), here.port
        if self._greeting is None:
            self._wire.registerProducer(self, True)
            self.clerk.begin()
        else:
            cast(ITLSTransport, transport).startTLS(self._greeting)

    def handshakeCompleted(self) -> None:
        """IHandshakeListener"""
        greeting, self._greeting = self._greeting, None
        if greeting is None or self._is_over:
            return None
        self._wire.registerProducer(self, True)
        self._active = self._window = self._service.seconds()
        objection = self._service.recognize(self, greeting.pin())
        if objection:
            return self._end(objection)
        self.clerk.begin()
        return self._run()

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; while we owe an answer they wait, and no more are read."""
        self._active = self._service.seconds()
        self._window_bytes += len(data)
        self._has_heard = True
        self._core.receive(data)
        self._run()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, by us or by them; a message that did not end is forgotten."""
        self._is_lost = True
        if self._greeting is not None:
            self._end(b"no TLS: " + words_of(reason.value).encode("ascii", "replace"))
        where = b" in the middle of a message" if self._core.is_in_message else b""
        self._end(b"the client closed the connection" + where)
        self._service.gone(self, self.peer)

    # -- the pump

    def _run(self) -> None:
        if self._greeting is None:
            super()._run()

    def _pump(self) -> None:
        core, clerk, wants_more = self._core, self.clerk, False
        while not (clerk.is_behind or self._is_congested or self._is_over):
            event = core.next_event()
            if isinstance(event, Closed | Violation):
                self._flush()
                self._end(event.reason if isinstance(event, Closed) else b"protocol violation: " + event.text)
            elif not isinstance(event, Pause):
                clerk.serve(event)
            elif event is NEED_DATA and not core.is_in_message and self._is_late():
                core.abort(STOPPING if self._is_stopping else b"an hour is over")
            elif event is NEED_DATA and self._is_eof:
                core.eof()
            else:
                wants_more = event is NEED_DATA
                break
        self._flush()
        # While we owe an answer reading stops, but only when there is something that waits: most clients wait too.
        if wants_more or core.has_input:
            self._set_reading(wants_more)

    def _is_late(self) -> bool:
        return self._is_stopping or self._service.seconds() - self._began >= SESSION_S

    def _flush(self) -> None:
        data = self._core.take_output()
        if data and not self._is_lost:
            self._note_progress()
            self._wire.write(data)

    def _note_progress(self) -> None:
        self._active = self._window = self._service.seconds()
        self._window_bytes = 0

    def _fail(self) -> None:
        self.clerk.note_bug(traceback.format_exc())
        try:
            self._core.abort(b"internal error")
            self._end(b"internal error")
        except Exception:
            self.clerk.note_bug(traceback.format_exc())
            self._wire.abortConnection()

    def _end(self, reason: bytes) -> None:
        """Say why it is over, once, and hang up when the answers are written."""
        if self._is_over:
            return
        self._is_over = True
        self._active = self._service.seconds()
        self.clerk.note_end(reason)
        try:
            self.clerk.forget()
        finally:
            if not self._is_lost:
                if self._greeting is None:
                    self._wire.unregisterProducer()
                self._wire.loseConnection()

    # -- what the factory asks for

    def look(self, now: float) -> None:
        """Time has passed: hang up on a client that is silent, or sends its message drop by drop."""
        if self._is_over:
            return self._wire.abortConnection() if now - self._active > CLOSING_S else None
        if self._greeting is not None:
            return self._hang_up(b"no TLS: timed out") if now - self._active >= FIRST_S else None
        if self.clerk.is_busy:
            return self._note_progress()  # it is we who are slow
        limit_s = self._timeout_s if self._has_heard else min(self._timeout_s, FIRST_S)
        is_late = now - self._active >= limit_s
        if self._core.is_in_message and now - self._window >= RATE_WINDOW_S:
            is_late = is_late or self._window_bytes < RATE_WINDOW_S * RATE_BYTES_S
            self._window, self._window_bytes = now, 0
        elif not self._core.is_in_message:
            self._window, self._window_bytes = now, 0
        if is_late:
            self._hang_up(b"timeout")
        elif self._is_late():
            self._run()
        return None

    def stop(self) -> None:
        """The server stops: as soon as no message is under way the session ends."""
        self._is_stopping = True
        if self._greeting is not None:
            self._hang_up(STOPPING)
        self._run()

    def cut_off(self) -> None:
        """The server will not wait for this client any longer."""
        self._hang_up(STOPPING)
        self._wire.abortConnection()

    def _hang_up(self, reason: bytes) -> None:
        """End it now, whatever the client is doing. What was answered is still written."""
        self._core.abort(reason)
        self._end(reason)

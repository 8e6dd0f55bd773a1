"""The SMTP service: Twisted's ESMTP with our own grammar, data phase and order of replies. (qmail-smtpd(8))

`SmtpProtocol` pumps between a transport and a `ServerSession`; a `Clerk` answers. It is an `ESMTP` for what that class
will be asked for (TLS, AUTH, cred). Nothing of that class's reading, commands or data phase is used; what is wrong with
them is listed, a test each, in tests/services/test_smtpd_esmtp.py.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IDelayedCall, IHalfCloseableProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

from qmtwist.control.settings import AccessSettings, SmtpSettings
from qmtwist.services.door.listen import NO_ACCESS, Door, Peer
from qmtwist.services.door.sessions import Sessions
from qmtwist.services.pumped import Pumped
from qmtwist.services.wire import Wire
from qmtwist.wire.session import NEED_DATA, Pause
from qmtwist.wire.smtp import reply as replies
from qmtwist.wire.smtp.events import Closed, Refused
from qmtwist.wire.smtp.reply import Reply
from qmtwist.wire.smtp.server import ServerSession

from .clerk import Clerk, Staff
from .policy import SmtpPolicy
from .twistedsmtp import ESMTP, SMTPFactory

FIRST_COMMAND_S = 60  # for a client that has not said anything yet
CLOSING_S = 60  # for a client that does not read our last words
RATE_WINDOW_S = 300  # over which a message must come in faster than
RATE_BYTES_S = 10


@implementer(IHalfCloseableProtocol, IPushProducer)
class SmtpProtocol(Pumped, ESMTP):
    """One connection. Made by `SmtpFactory`, which it tells when it is gone."""

    noisy = False

    def __init__(self, service: SmtpFactory, policy: SmtpPolicy, peer: Peer, serial: int) -> None:
        ESMTP.__init__(self)  # type: ignore[no-untyped-call]
        self._service = service
        self._clock = service.staff.clock
        self._timeout_s = policy.settings.timeout_s
        self._peer = peer
        self._session = service.session(policy, peer)
        self._clerk = service.clerk(policy, peer, serial, self._session, self._run, self._fail)
        self._delay: IDelayedCall | None = None
        self._is_stopping = False
        self._writes = 0
        self._active = self._window = self._clock.seconds()
        self._window_bytes = 0

    # -- what the transport tells us

    def connectionMade(self) -> None:
        """Greet."""
        transport = self.transport
        # One reply, one packet: Nagle's algorithm would hold it back until the last one is acknowledged.
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        self._direct = transport if isinstance(transport, Connection) else None
        self._wire = cast(Wire, transport)  # Twisted's type promises only what every transport has
        here = self._wire.getHost()
        if isinstance(here, IPv4Address | IPv6Address):
            self._clerk.local_ip, self._clerk.local_port = here.host.encode("ascii", "replace"), here.port
        self._wire.registerProducer(self, True)
        self._run()

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; while we owe an answer they wait, and no more are read."""
        session = self._session
        if session.is_in_message:
            self._active = self._clock.seconds()
            self._window_bytes += len(data)
        session.receive(data)
        self._run()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, by us or by them; a message that did not end is forgotten."""
        self._is_lost = True
        if self._delay is not None and self._delay.active():
            self._delay.cancel()
        where = b" in the middle of a message" if self._session.is_in_message else b""
        self._end(b"the client closed the connection" + where)
        self._service.gone(self, self._peer)
        if self._service.staff.turns is not None and not self._is_stopping:
            self._service.staff.turns.session_ended(self._peer)

    # -- the pump

    def _pump(self) -> None:
        session, clerk, wants_more = self._session, self._clerk, False
        while not (clerk.is_behind or self._is_congested or self._is_over):
            event = session.next_event()
            if isinstance(event, Closed):
                self._flush()
                self._end(event.reason)
            elif not isinstance(event, Pause):
                if isinstance(event, Refused) and event.delay_s:
                    self._delay = self._clock.callLater(event.delay_s, self._resume)
                clerk.serve(event)
            elif event is NEED_DATA and self._is_stopping and not session.is_in_message:
                session.abort(replies.STOPPING, b"the server is stopping")
            elif event is NEED_DATA and self._is_eof:
                session.eof()
            else:
                wants_more = event is NEED_DATA
                break
        self._flush()
        # While we owe an answer reading stops, but only when there is something that waits: most clients wait too.
        if wants_more or session.has_input:
            self._set_reading(wants_more)

    def _flush(self) -> None:
        data = self._session.take_output()
        if not data or self._is_lost:
            return
        self._writes += 1
        self._note_progress()
        direct = self._direct
        # Nothing waits to be written: send at once, which saves a turn of the reactor and two calls of epoll_ctl.
        if direct is not None and direct.connected and not (direct.TLS or direct.dataBuffer or direct._tempDataBuffer):
            sent = direct.writeSomeData(data)
            if isinstance(sent, int):
                data = data[sent:]
        if data:
            self._wire.write(data)

    def _note_progress(self) -> None:
        self._active = self._window = self._clock.seconds()
        self._window_bytes = 0

    def _resume(self) -> None:
        self._session.resume()
        self._run()

    def _fail(self) -> None:
        self._clerk.note_bug(traceback.format_exc())
        try:
            self._session.abort(replies.INTERNAL, b"internal error")
            self._flush()
            self._end(b"internal error")
        except Exception:
            self._clerk.note_bug(traceback.format_exc())
            self._wire.abortConnection()

    def _end(self, reason: bytes) -> None:
        """Say why it is over, once, and hang up when the replies are written."""
        if self._is_over:
            return
        self._is_over = True
        self._active = self._clock.seconds()
        self._clerk.note_end(reason)
        try:
            self._clerk.forget()
        finally:
            if not self._is_lost:
                self._wire.unregisterProducer()
                self._wire.loseConnection()

    # -- what the factory asks for

    def look(self, now: float) -> None:
        """Time has passed: hang up on a client that is silent, or sends its message drop by drop."""
        if self._is_over:
            return self._wire.abortConnection() if now - self._active > CLOSING_S else None
        if self._clerk.is_behind:
            return self._note_progress()  # it is we who are slow
        limit_s = min(self._timeout_s, FIRST_COMMAND_S) if self._writes <= 1 else self._timeout_s
        is_late = now - self._active >= limit_s
        if self._session.is_in_message and now - self._window >= RATE_WINDOW_S:
            is_late = is_late or self._window_bytes < RATE_WINDOW_S * RATE_BYTES_S
            self._window, self._window_bytes = now, 0
        if is_late:
            self._hang_up(replies.TIMEOUT, b"timeout")
        return None

    def stop(self) -> None:
        """The server stops: as soon as no message is under way the session ends."""
        self._is_stopping = True
        self._run()

    def cut_off(self) -> None:
        """The server will not wait for this client any longer."""
        self._hang_up(replies.STOPPING, b"the server is stopping")
        self._wire.abortConnection()

    def _hang_up(self, reply: Reply, reason: bytes) -> None:
        try:
            self._clerk.forget()
        except Exception:
            self._clerk.note_bug(traceback.format_exc())
        self._is_congested = False
        self._session.abort(reply, reason)
        self._run()


class TurnedAway(TwistedProtocol):
    """A connection too many: told so, and closed."""

    def connectionMade(self) -> None:
        """Say 421 and hang up. (RFC 5321 §3.8)"""
        wire = cast(Wire, self.transport)
        wire.write(replies.TOO_MANY_CONNECTIONS.plain)
        wire.loseConnection()


class SmtpFactory(SMTPFactory):
    """Makes sessions of the connections that may come in. Made by `make_smtp_factory`; lives as long as the service."""

    noisy = False
    word = b"smtp"
    is_closed = False

    def __init__(self, staff: Staff) -> None:
        SMTPFactory.__init__(self)  # type: ignore[no-untyped-call]
        self.staff = staff
        self.before_connection: Callable[[], None] = lambda: None  # may call `configure`
        door = Door(self.word, staff.clock, staff.log, staff.names, self.is_closed)
        self._sessions: Sessions[SmtpProtocol] = Sessions(staff.clock, door, self._period_s)
        self._policy: SmtpPolicy | None = None
        self._serial = 0
        self.gone = self._sessions.gone
        self.door = door
        self.drain = self._sessions.drain

    def configure(self, settings: SmtpSettings, access: AccessSettings = NO_ACCESS) -> None:
        """Settings for the connections that come from now on; at start and at every reload.

        :raises OSError, Malformed: control/tcprules cannot be used; nothing has changed.
        """
        self._sessions.door.configure(settings.concurrencyincoming, settings.concurrencyperip, access)
        self._policy = SmtpPolicy(settings)

    def buildProtocol(self, addr: IAddress) -> TwistedProtocol | None:  # type: ignore[override]
        """A session, a 421, or nothing at all."""
        self.before_connection()
        return self._sessions.protocol(addr, self._protocol, TurnedAway)

    def session(self, policy: SmtpPolicy, peer: Peer) -> ServerSession:
        """For a client that was let in."""
        terms, turns = policy.terms(peer), self.staff.turns
        return ServerSession(terms if turns is None else turns.terms(terms, peer))

    def clerk(
        self,
        policy: SmtpPolicy,
        peer: Peer,
        serial: int,
        session: ServerSession,
        wake: Callable[[], None],
        fail: Callable[[], None],
    ) -> Clerk:
        """Who answers what happens in it."""
        return Clerk(self.staff, policy, peer, serial, session, self.door, wake, fail)

    def _protocol(self, peer: Peer) -> SmtpProtocol:
        assert self._policy is not None
        self._serial += 1
        return SmtpProtocol(self, self._policy, peer, self._serial)

    def _period_s(self) -> float:
        # A time-out comes late by at most an eighth of it.
        timeout_s = FIRST_COMMAND_S if self._policy is None else self._policy.settings.timeout_s
        return min(5.0, timeout_s / 8)


def make_smtp_factory(staff: Staff, settings: SmtpSettings, access: AccessSettings = NO_ACCESS) -> SmtpFactory:
    """The SMTP service's factory, for any stream endpoint; at a reload call its `configure`, at a stop its `drain`.

    :raises OSError, Malformed: control/tcprules cannot be used.
    """
    factory = SmtpFactory(staff)
    factory.configure(settings, access)
    return factory

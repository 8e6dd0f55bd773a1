"""One connection to another host: a transport here, a session core (wire/smtp/client, wire/qmtp) there.

This shell only pumps. It keeps the time: one deadline for each turn of the session and for each block that is written;
`Connections` looks at all deadlines four times a second, which costs less than a timer for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, assert_never, cast

from twisted.internet import protocol
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IHandshakeListener,
    IPullProducer,
    IReactorTCP,
    IReactorTime,
    ITLSTransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from qmtwist.logbook import outtls as words
from qmtwist.rules.handshakes import HandshakeFailed
from qmtwist.rules.tlspolicy import Level, Policy
from qmtwist.services.tls.outgoing import TIMED_OUT, Attempt, OutgoingTls
from qmtwist.services.wire import Wire
from qmtwist.wire.outgoing import Ended, Lost, Ready, SendBody, StartTls, Transaction, Wait
from qmtwist.wire.qmtp import QmtpClient
from qmtwist.wire.session import Pause
from qmtwist.wire.smtp.client import ClientSession, Tls

from .message import Message, Unreadable

SWEEP_S = 0.25
FAREWELL_S = 5.0  # for what is still to be written when a connection ends
_log = Logger(namespace="qmtwist")
NEVER = float("inf")


class IRemoteReactor(IReactorTCP, IReactorTime):
    """What the remote agent needs of the reactor."""


class Key(NamedTuple):
    """What two transactions must agree in to share a connection."""

    address: str
    port: int
    protocol: str
    bind: str | None  # our own address, if control/outgoingip names one
    policy: Policy
    names: tuple[bytes, ...]  # of which the certificate must bear one; only where it is verified
    helohost: bytes


class Client(Protocol):
    """Who has a transaction for a connection, and hears of it. After `ended` or `lost` he hears no more."""

    def connected(self) -> None:
        """The other host is there; the session begins."""

    def ready(self, connection: Connection) -> None:
        """A transaction may begin: `connection.begin`, now or later."""

    def ended(self, connection: Connection, event: Ended) -> None:
        """The transaction is over."""

    def lost(self, connection: Connection, event: Lost) -> None:
        """So is the connection."""

    def unreadable(self, connection: Connection) -> None:
        """So is the connection, because the message could not be read."""

    def waited(self, connection: Connection) -> None:
        """`connection.due` has come and no transaction has begun."""


class Connections:
    """All connections of the agent, and what they share; lives as long as the agent."""

    def __init__(self, reactor: IReactorTime, note: Callable[[bytes], None]) -> None:
        self.reactor = reactor
        self.note = note
        self.open: set[Connection] = set()
        self._sweep: IDelayedCall | None = None
        self._waiting: list[Callable[[], None]] = []

    def add(self, connection: Connection) -> None:
        """Watch over its deadlines from now on."""
        self.open.add(connection)
        if self._sweep is None:
            self._sweep = self.reactor.callLater(SWEEP_S, self._look)

    def discard(self, connection: Connection) -> None:
        """It is gone."""
        self.open.discard(connection)
        if not self.open:
            for call in self._waiting:
                call()
            self._waiting.clear()

    def end(self) -> None:
        """Nobody needs any of them: cut off those that are not parting already."""
        for connection in list(self.open):
            if not connection.is_over:
                connection.abort()

    def when_none(self, call: Callable[[], None]) -> None:
        """Call when no connection is open, which may be now."""
        if self.open:
            self._waiting.append(call)
        else:
            call()

    def _look(self) -> None:
        now = self.reactor.seconds()
        for connection in [connection for connection in self.open if connection.due <= now]:
            try:
                connection.overdue()
            except Exception:  # a bug ends this connection, and nobody else's time
                _log.failure("ending {address}", address=connection.key.address)
                connection.abort()
        self._sweep = self.reactor.callLater(SWEEP_S, self._look) if self.open else None


class Terms(NamedTuple):
    """What a connection is made with, beside its key."""

    name: bytes  # of the host, as the route has it
    names: tuple[bytes, ...]  # wanted in its certificate
    tls: OutgoingTls
    is_clear: bool  # a handshake failed lately: do not ask for TLS where that is allowed
    timeout_s: float


@implementer(IHandshakeListener, IPullProducer)
class Connection(protocol.Protocol):
    """Made by a delivery that connects; lives from one delivery to the next, and in the pool between them."""

    def __init__(self, connections: Connections, key: Key, terms: Terms, client: Client) -> None:
        self.key = key
        self.client: Client = client
        self.due = NEVER
        self.messages = 0  # transactions begun
        self.has_tls_failed = False
        self.is_unwanted = False  # of no use to another transaction
        self.is_over = False
        self._connections = connections
        self._terms = terms
        self._session = _session(key, terms.is_clear)
        self._attempt: Attempt | None = None  # while the handshake lasts
        self._message: Message | None = None
        self._blocks: Iterator[bytes] | None = None  # while a large message is on its way
        self._turn = -1
        self._is_pumping = False

    @property
    def is_clear(self) -> bool:
        """Whether TLS was left out, because it failed before."""
        return self._terms.is_clear

    # -- what its client does

    def begin(self, transaction: Transaction, message: Message) -> None:
        """Begin a transaction; the session is ready for one."""
        self.messages += 1
        self._message = message
        try:
            self._session.begin(transaction)
        except Exception:
            self._break()
        else:
            self._pump()

    def wait_until(self, due: float) -> None:
        """Call the client's `waited` then, unless a transaction has begun."""
        self.due = due

    def quit(self) -> None:
        """Part politely; nobody hears of the connection any more."""
        if not self.is_over:
            self._session.quit()
            self._close()

    def abort(self) -> None:
        """Close without another word."""
        self.is_over = True
        self._stop_feeding()
        self._wire.abortConnection()

    # -- what Twisted says

    @property
    def _wire(self) -> Wire:
        return cast(Wire, self.transport)  # Protocol.transport promises less than every real transport has

    def connectionMade(self) -> None:
        """The other host has answered."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]
        self._connections.add(self)
        self.client.connected()
        self._pump()

    def dataReceived(self, data: bytes) -> None:
        """It has said something."""
        if not self.is_over:
            self._session.receive(data)
            self._pump()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """It has gone."""
        self._connections.discard(self)
        if self.is_over:
            return
        if self._attempt is not None:
            self._handshake_failed(self._attempt.failure(reason))
        else:
            self._session.eof()
        self._pump()
        self.is_over = True

    def handshakeCompleted(self) -> None:
        """IHandshakeListener"""
        attempt, self._attempt = self._attempt, None
        if attempt is None or self.is_over:
            return
        try:
            agreed = attempt.handshake()
        except HandshakeFailed as failed:
            self._handshake_failed(failed)
        else:
            self._connections.note(words.word(agreed, self._terms.name, self.key.address))
            self._session.tls_started()
        self._pump()

    def resumeProducing(self) -> None:
        """IPullProducer: what was given to the transport is written; give it the next block."""
        while self._blocks is not None:
            self._touch()
            try:
                block = next(self._blocks, None)
            except Unreadable:
                self.abort()
                self.client.unreadable(self)
                return
            if block is None:
                self._stop_feeding()
                self._session.end_body()
                self._pump()
                return
            self._session.body(block)
            if output := self._session.take_output():
                self._wire.write(output)
                return

    def stopProducing(self) -> None:
        """IPullProducer: the connection is lost, as `connectionLost` will say."""
        self._blocks = None

    # -- time

    def overdue(self) -> None:
        """Its deadline has passed."""
        if self.is_over:
            self._wire.abortConnection()
        elif self._attempt is not None:
            self._handshake_failed(HandshakeFailed(TIMED_OUT.decode()))
            self._end_in_silence()
        elif self._session.wait is Wait.NOTHING:
            self.due = NEVER
            self.client.waited(self)
        else:
            self._session.timed_out()
            self._end_in_silence()

    def _end_in_silence(self) -> None:
        self._pump()
        self.abort()

    def _touch(self) -> None:
        self.due = self._connections.reactor.seconds() + self._terms.timeout_s

    # -- the pump

    def _pump(self) -> None:
        """A guard post: whatever goes wrong here costs this connection, and delays its message."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            self._run()
            if not self.is_over:
                self._flush()
                self._keep_time()
        except Exception:
            self._break()
        finally:
            self._is_pumping = False

    def _break(self) -> None:
        """A bug: the client goes on without this connection."""
        _log.failure("talking to {address}", address=self.key.address)
        self.abort()
        self.client.lost(self, Lost(None, False))

    def _run(self) -> None:
        session = self._session
        while not self.is_over:
            event = session.next_event()
            if isinstance(event, Pause):
                return
            if isinstance(event, SendBody):
                self._send_body()
            elif isinstance(event, Ended):
                self._stop_feeding()
                self.client.ended(self, event)
            elif isinstance(event, Ready):
                self.client.ready(self)
            elif isinstance(event, Lost):
                self._close()
                self.client.lost(self, event)
            elif isinstance(event, StartTls):
                self._start_tls()
            else:
                assert_never(event)

    def _flush(self) -> None:
        output = self._session.take_output()
        if output:
            self._wire.write(output)

    def _keep_time(self) -> None:
        """Each turn has its time; between transactions the client says how long."""
        if self._session.turn != self._turn:
            self._turn = self._session.turn
            if self._session.wait is not Wait.NOTHING:
                self._touch()

    def _send_body(self) -> None:
        assert self._message is not None
        small = self._message.small
        if small is not None:
            self._session.body(small)
            self._session.end_body()
            return
        self._flush()
        self._blocks = self._message.blocks()
        cast(IConsumer, self.transport).registerProducer(self, False)

    def _stop_feeding(self) -> None:
        if self._blocks is not None:
            self._blocks = None
            self._wire.unregisterProducer()

    def _close(self) -> None:
        self._stop_feeding()
        self.is_over = True
        self._flush()
        self.due = self._connections.reactor.seconds() + FAREWELL_S
        self._wire.loseConnection()

    # -- TLS

    def _start_tls(self) -> None:
        terms = self._terms
        self._flush()
        try:
            is_known = self.key.protocol == "qmtps"  # a route names the host
            self._attempt = terms.tls.attempt(self.key.policy, terms.names, terms.name, is_known)
        except HandshakeFailed as failed:
            self._handshake_failed(failed)
            return
        cast(ITLSTransport, self.transport).startTLS(self._attempt)

    def _handshake_failed(self, failed: HandshakeFailed) -> None:
        self._attempt = None
        self.has_tls_failed = True
        self._connections.note(words.word_failure(failed.why, self._terms.name, self.key.address))
        self._session.tls_failed(failed.why)


def _session(key: Key, is_clear: bool) -> ClientSession | QmtpClient:
    address = key.address.encode()
    if key.protocol != "smtp":
        return QmtpClient(address, is_encrypted=key.protocol == "qmtps")
    tls = Tls.MUST if key.policy.is_demanded else Tls.MAY
    if key.policy.level is Level.NONE or (is_clear and not key.policy.is_demanded):
        tls = Tls.NONE
    return ClientSession(key.helohost, address, tls)

"""Sessions of the clients that control/recordio lists, recorded in the log, in recordio's form. (ucspi-tcp)

`recordio SERVICE IP:PORT < TEXT` is from the client, `>` to it. A blank ends a line that was complete, `+` one that was
cut; of a line ended by CR LF the CR is not shown. What PASS, APOP and AUTH carry is not recorded. A session inside TLS
is recorded as the two sides understand it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer, providedBy

from qmtwist.mail.errors import Malformed
from qmtwist.rules.clienttable import ClientTable
from qmtwist.rules.recording import Recording

from .listen import plain_ip


class Recorder:
    """Made by `assemble`. `lines` are those of control/recordio, as they are now."""

    def __init__(self, lines: Callable[[], tuple[bytes, ...]], log: Callable[[bytes], None]) -> None:
        self._lines = lines
        self._log = log
        self._read: tuple[bytes, ...] = ()
        self._table = ClientTable(())

    def around(self, service: str, factory: Factory) -> Factory:
        """A factory that makes the same sessions, some of them recorded."""
        return _Around(self, service.encode(), factory)

    def wants(self, ip: bytes) -> bool:
        """Whether this client's sessions are recorded."""
        lines = self._lines()
        if lines != self._read:
            self._read = lines
            try:
                self._table = ClientTable(lines)
            except Malformed as trouble:  # the settings do not have such lines
                self._log(b"recordio: warning: " + trouble.text.encode("utf-8", "backslashreplace"))
        return bool(lines) and self._table.find(ip) is not None

    def recording(self, service: bytes, ip: bytes, port: int) -> Recording:
        """For one session."""
        return Recording(b"recordio %s %s:%d" % (service, ip, port), self._log)


class _Around(Factory):
    noisy = False

    def __init__(self, recorder: Recorder, service: bytes, factory: Factory) -> None:
        self._recorder = recorder
        self._service = service
        self._factory = factory

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """The session itself, or one that is recorded."""
        session = self._factory.buildProtocol(addr)
        host, port = getattr(addr, "host", None), getattr(addr, "port", 0)
        if session is None or host is None:
            return session
        ip = plain_ip(host)
        if not self._recorder.wants(ip):
            return session
        return Recorded(session, self._recorder.recording(self._service, ip, port))

    def doStart(self) -> None:
        """The port is there."""
        self._factory.doStart()  # type: ignore[no-untyped-call]

    def doStop(self) -> None:
        """The port is gone."""
        self._factory.doStop()  # type: ignore[no-untyped-call]


@implementer(IHalfCloseableProtocol, IHandshakeListener)
class Recorded(Protocol):
    """Stands between a transport and a session: a protocol to the one, a transport to the other.

    TLS that a session starts goes between the transport and this, so what passes here is clear text.
    """

    def __init__(self, session: Any, recording: Recording) -> None:
        self.protocol = session  # which may put another one in its place
        self._recording = recording

    # -- to the transport

    def connectionMade(self) -> None:
        """Introduce ourselves to the session as its transport."""
        directlyProvides(self, providedBy(self.transport), IHalfCloseableProtocol, IHandshakeListener)
        self.protocol.makeConnection(self)

    def handshakeCompleted(self) -> None:
        """The TLS that the session has started is there."""
        if IHandshakeListener.providedBy(self.protocol):
            self.protocol.handshakeCompleted()

    def dataReceived(self, data: bytes) -> None:
        """From the client."""
        self._recording.received(data)
        self.protocol.dataReceived(data)

    def readConnectionLost(self) -> None:
        """The client sends nothing more."""
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.readConnectionLost()
        else:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        """We send nothing more."""
        if IHalfCloseableProtocol.providedBy(self.protocol):
            self.protocol.writeConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The end."""
        self._recording.ended()
        self.protocol.connectionLost(reason)

    # -- to the session

    def write(self, data: bytes) -> None:
        """To the client."""
        self._recording.sent(data)
        self._transport.write(data)

    def writeSequence(self, pieces: list[bytes]) -> None:
        """To the client."""
        self.write(b"".join(pieces))

    def loseConnection(self) -> None:
        """Close when everything is written."""
        self._transport.loseConnection()

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's own."""
        return getattr(self._transport, name)

    @property
    def _transport(self) -> Any:
        return self.__dict__["transport"]

"""The UDP ports that DNS queries leave from, and TCP connections for what is too long for them. (RFC 5452, 7766)

A forged answer must name the id and come to the port of its query. So queries leave from several ports which the
kernel chose at random, each of which is given up after a number of queries; and each port is connected, so that the
kernel drops what does not come from the server.
"""

from __future__ import annotations

import secrets
import socket
from typing import Protocol as Seam

from twisted.internet import interfaces
from twisted.internet.interfaces import IAddress, IConnector, IReactorFDSet, IReactorTCP, IReactorTime, ITransport
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from qmtwist.wire.dns import Send, Server
from qmtwist.wire.dnsmessage import reply_number

PORTS = 8  # open at the same time to one server
QUERIES = 100  # from one port before another one takes its place
AGE_S = 60.0  # likewise
DATAGRAM_BYTES = 65535


class IDnsReactor(IReactorFDSet, IReactorTCP, IReactorTime):
    """What a resolver needs of the reactor."""


class Asker(Seam):
    """Whose query it is."""

    def received(self, server: Server, is_tcp: bool, data: bytes) -> None:
        """Something came in answer to its query, or pretends to."""

    def failed(self, number: int) -> None:
        """Its query with this id went wrong. Never called before `send` has returned."""


class Sent(Seam):
    """A query that is out."""

    def forget(self) -> None:
        """No answer is wanted any more; `failed` will not be called either."""


@implementer(interfaces.IReadDescriptor, interfaces.ILoggingContext)
class Port:
    """One UDP port, connected to one server; closes itself when it is retired and all its queries are forgotten."""

    def __init__(self, reactor: IDnsReactor, server: Server) -> None:
        """:raises OSError: there is no way to this server."""
        family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.connect((server.address, server.port))
        except BaseException:
            self._socket.close()
            raise
        self._reactor = reactor
        self._server = server
        self._birth = reactor.seconds()
        self._queries = 0
        self._is_retired = False
        self._is_lost = False
        self._askers: dict[int, Asker] = {}
        reactor.addReader(self)

    def is_worn(self) -> bool:
        """Whether another port should take its place."""
        return self._is_lost or self._queries >= QUERIES or self._reactor.seconds() - self._birth > AGE_S

    def has(self, number: int) -> bool:
        """Whether a query with this id is out here."""
        return number in self._askers

    def send(self, send: Send, asker: Asker) -> None:
        """Send a query.

        :raises OSError: it did not go out.
        """
        try:
            self._socket.send(send.data)
        except ConnectionRefusedError:  # ICMP about an earlier one, which the kernel tells instead of sending
            self._socket.send(send.data)
        self._queries += 1
        self._askers[send.number] = asker

    def forget(self, number: int) -> None:
        """No answer to this query is wanted any more."""
        self._askers.pop(number, None)
        self._close_if_done()

    def retire(self) -> None:
        """No more queries come."""
        self._is_retired = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._is_retired and not self._askers and self._socket.fileno() >= 0:
            self._reactor.removeReader(self)
            self._socket.close()

    # -- called by the reactor

    def fileno(self) -> int:
        """For the reactor."""
        return self._socket.fileno()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "dns"

    def doRead(self) -> None:
        """Take what has come, some at a time."""
        for _ in range(64):
            try:
                data = self._socket.recv(DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._refused()
                return
            if asker_or_none := self._askers.get(reply_number(data)):
                asker_or_none.received(self._server, False, data)
            if self._socket.fileno() < 0:
                return

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has seen an error instead of an answer, and reads no more."""
        self._is_lost = True
        self._refused()

    def _refused(self) -> None:
        """ICMP says that nobody is there."""
        for number, asker in list(self._askers.items()):
            asker.failed(number)


class SentDatagram:
    """A query on a port."""

    def __init__(self, port: Port, number: int) -> None:
        self._port = port
        self._number = number

    def forget(self) -> None:
        """No answer is wanted any more."""
        self._port.forget(self._number)


class Ports:
    """All UDP ports of one resolver."""

    def __init__(self, reactor: IDnsReactor) -> None:
        self._reactor = reactor
        self._ports: dict[Server, list[Port]] = {}

    def send(self, send: Send, asker: Asker) -> SentDatagram:
        """Send a query from one of the ports.

        :raises OSError: it cannot be sent.
        """
        port = self._choose(send.server, send.number)
        port.send(send, asker)
        return SentDatagram(port, send.number)

    def _choose(self, server: Server, number: int) -> Port:
        ports = self._ports.setdefault(server, [])
        for port in [port for port in ports if port.is_worn() or port.has(number)]:
            ports.remove(port)
            port.retire()
        if len(ports) < PORTS:
            ports.append(Port(self._reactor, server))
            return ports[-1]
        return secrets.choice(ports)

    def close(self) -> None:
        """Retire all of them."""
        for ports in self._ports.values():
            for port in ports:
                port.retire()
        self._ports = {}


class _Conversation(Protocol):
    """A query by TCP, each on a connection of its own. (RFC 1035 §4.2.2)"""

    factory: SentByTcp
    transport: ITransport

    def __init__(self) -> None:
        self._received = b""

    def connectionMade(self) -> None:
        data = self.factory.send.data
        self.transport.write(len(data).to_bytes(2, "big") + data)

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        length = int.from_bytes(self._received[:2], "big")
        if len(self._received) >= length + 2 and len(self._received) >= 2:
            self.factory.received(self._received[2 : length + 2])


class SentByTcp(ClientFactory[_Conversation]):
    """A query by TCP; its connection ends with the first answer, or with its lookup."""

    noisy = False

    def __init__(self, reactor: IDnsReactor, send: Send, asker: Asker, timeout_s: float) -> None:
        self.send = send
        self._asker: Asker | None = asker
        self._connector = reactor.connectTCP(send.server.address, send.server.port, self, timeout_s)

    def buildProtocol(self, addr: IAddress | None) -> _Conversation:
        """For Twisted."""
        conversation = _Conversation()
        conversation.factory = self
        return conversation

    def received(self, data: bytes) -> None:
        """The answer."""
        asker, self._asker = self._asker, None
        self._connector.disconnect()
        if asker is not None:
            asker.received(self.send.server, True, data)

    def forget(self) -> None:
        """No answer is wanted any more."""
        self._asker = None
        self._connector.disconnect()

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """Nobody there."""
        self._fail()

    def clientConnectionLost(self, connector: IConnector, reason: Failure) -> None:
        """The server hung up, or we did."""
        self._fail()

    def _fail(self) -> None:
        asker, self._asker = self._asker, None
        if asker is not None:
            asker.failed(self.send.number)

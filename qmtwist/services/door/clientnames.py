"""Who a client is: its name by DNS, its user by IDENT. Asked only for clients whom a rule wants to know by them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConnector, IReactorTime
from twisted.internet.protocol import ClientFactory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from qmtwist.mail.dns import Answer, Kind, Question, Status
from qmtwist.wire import ident
from qmtwist.wire.reverse import pointer_question

HOST_S = 10.0  # for both lookups of a name
REPLY_BYTES = 4096  # of an IDENT server, blanks and all


class Asks(Protocol):
    """The resolver, as far as this needs it."""

    def ask(self, *questions: Question) -> Deferred[tuple[Answer, ...]]:
        """The answers, in the order of the questions; it never fails."""


class ClientNames:
    """Made by `assemble` for all doors; lives as long as the server. `ident_port` is another one in tests only."""

    def __init__(self, reactor: Any, resolver: Asks, ident_port: int = ident.PORT) -> None:
        self._reactor = reactor
        self._resolver = resolver
        self._ident_port = ident_port

    def host(self, ip: bytes, is_paranoid: bool) -> Deferred[bytes | None]:
        """The client's name in lower case; None: it has none, it is not known in time, or, for the paranoid, it does
        not lead back to the address. It never fails.
        """
        address = ip_address(ip.decode("ascii"))

        def named(answers: tuple[Answer, ...]) -> bytes | None | Deferred[bytes | None]:
            name: bytes = answers[0].records[0] if answers[0].status is Status.FOUND else b""
            if not name or not is_paranoid:
                return name or None  # the root of the DNS is nobody's name
            kind = Kind.A if address.version == 4 else Kind.AAAA
            return self._resolver.ask(Question(name, kind)).addCallback(checked, name)

        def checked(answers: tuple[Answer, ...], name: bytes) -> bytes | None:
            return name if any(ip_address(found) == address for found in answers[0].records) else None

        asked = self._resolver.ask(pointer_question(str(address)))
        answered: Deferred[bytes | None] = asked.addCallback(named)
        return answered.addTimeout(HOST_S, self._reactor).addErrback(lambda _: None)

    def info(self, ip: bytes, port: int, local: tuple[str, int], timeout_s: float) -> Deferred[bytes | None]:
        """What the client's IDENT server says about its connection from `port` to our end, `local`; empty for an error;
        None: nothing in time. It never fails.
        """
        asking = _Asking(ident.query(port, local[1]))
        try:
            connector: IConnector = self._reactor.connectTCP(
                ip.decode("ascii"), self._ident_port, asking, timeout=timeout_s, bindAddress=(local[0], 0)
            )
        except OSError:
            return succeed(None)
        clock: IReactorTime = self._reactor
        return asking.answer.addTimeout(timeout_s, clock).addErrback(lambda _: None).addBoth(_hang_up, connector)


def _hang_up(info: bytes | None, connector: IConnector) -> bytes | None:
    connector.disconnect()
    return info


class _Asking(ClientFactory):
    """One question to an IDENT server."""

    noisy = False

    def __init__(self, query: bytes) -> None:
        self.query = query
        self.answer: Deferred[bytes | None] = Deferred()

    def buildProtocol(self, addr: object) -> TwistedProtocol:
        """The connection stands."""
        return _Ident(self)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """Nobody is there."""
        self.told(None)

    def told(self, info: bytes | None) -> None:
        """The answer, once."""
        if not self.answer.called:
            self.answer.callback(info)


class _Ident(TwistedProtocol):
    """The connection to it."""

    def __init__(self, asking: _Asking) -> None:
        self._asking = asking
        self._reply = ident.Reply()
        self._bytes = 0

    def connectionMade(self) -> None:
        """Ask."""
        assert self.transport is not None
        self.transport.write(self._asking.query)

    def dataReceived(self, data: bytes) -> None:
        """A part of the answer."""
        self._bytes += len(data)
        info = self._reply.receive(data)
        if info is not None or self._bytes > REPLY_BYTES:
            self._asking.told(info)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """No answer, if there was none yet."""
        self._asking.told(None)

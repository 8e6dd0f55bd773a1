"""A recorded session is the same session."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from qmtwist.services.door.record import Recorded, Recorder


class Echo(Protocol):
    """Says back what it hears."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


@implementer(IHalfCloseableProtocol)
class HalfEcho(Echo):
    """And knows when the other side has ended."""

    ended = 0

    def readConnectionLost(self) -> None:
        self.ended += 1

    def writeConnectionLost(self) -> None:
        self.ended += 10


class Setting:
    """A recorder over a factory."""

    def __init__(self, kind: type[Protocol] = Echo) -> None:
        self.lines: tuple[bytes, ...] = (b"192.0.2.",)
        self.log: list[bytes] = []
        recorder = Recorder(lambda: self.lines, self.log.append)
        self.factory = recorder.around("smtp", Factory.forProtocol(kind))  # type: ignore[no-untyped-call]

    def build(self, host: str = "192.0.2.7") -> Protocol:
        session = self.factory.buildProtocol(IPv4Address("TCP", host, 4711))
        assert session is not None
        return session  # type: ignore[return-value]


def test_only_sessions_of_the_clients_that_are_listed_now_are_recorded() -> None:
    setting = Setting()
    assert isinstance(setting.build(), Recorded) and isinstance(setting.build("::ffff:192.0.2.7"), Recorded)
    assert isinstance(setting.build("192.0.3.7"), Echo)
    assert isinstance(setting.factory.buildProtocol(UNIXAddress(b"/s")), Echo)
    setting.lines = ()
    assert isinstance(setting.build(), Echo)


def test_both_directions_are_in_the_log_and_pass_unchanged() -> None:
    setting, transport = Setting(), StringTransport()
    session = setting.build()
    session.makeConnection(transport)
    session.dataReceived(b"a\r")
    session.dataReceived(b"\nb\xff\n")
    assert transport.value() == b"a\r\nb\xff\n"
    session.connectionLost()
    name = b"recordio smtp 192.0.2.7:4711 "
    heard = [line.removeprefix(name) for line in setting.log]
    assert [line for line in heard if line[:1] == b"<"] == [b"< a ", b"< b\\xff ", b"< [EOF]"]
    assert [line for line in heard if line[:1] == b">"] == [b"> a ", b"> b\\xff "]


def test_the_session_sees_a_transport_of_the_same_kind() -> None:
    setting, transport = Setting(), StringTransport()
    session = setting.build()
    session.makeConnection(transport)
    assert isinstance(session, Recorded)
    assert session.protocol.transport is session
    assert ITCPTransport.providedBy(session) == ITCPTransport.providedBy(transport)
    session.pauseProducing()
    assert transport.producerState == "paused"


def test_the_end_of_the_clients_words_reaches_who_can_hear_it() -> None:
    setting, transport = Setting(HalfEcho), StringTransport()
    session = setting.build()
    session.makeConnection(transport)
    assert isinstance(session, Recorded) and IHalfCloseableProtocol.providedBy(session)
    session.readConnectionLost()
    session.writeConnectionLost()
    assert session.protocol.ended == 11 and not transport.disconnecting
    plain, transport = Setting().build(), StringTransport()
    plain.makeConnection(transport)
    assert isinstance(plain, Recorded)
    plain.readConnectionLost()
    assert transport.disconnecting


@implementer(IHandshakeListener)
class Greeter(Echo):
    """Speaks as soon as there is TLS."""

    def handshakeCompleted(self) -> None:
        assert self.transport is not None
        self.transport.write(b"welcome\r\n")


def test_the_end_of_a_handshake_reaches_who_waits_for_it() -> None:
    for kind, said in ((Greeter, b"welcome\r\n"), (Echo, b"")):
        session, transport = Setting(kind).build(), StringTransport()
        session.makeConnection(transport)
        assert isinstance(session, Recorded) and IHandshakeListener.providedBy(session)
        session.handshakeCompleted()
        assert transport.value() == said

"""services/door/clientnames.py and lobby.py: who a client is, asked of real servers; the room where it waits."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor  # noqa: TID251  # tests run in the global one
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from qmtwist.control.settings import AccessSettings
from qmtwist.services.dns.resolver import Resolver
from qmtwist.services.door import clientnames
from qmtwist.services.door.clientnames import ClientNames
from qmtwist.services.door.listen import Denied, Door, Peer, Unknown
from qmtwist.services.door.lobby import Lobby
from qmtwist.services.smtp.smtpd import SmtpProtocol
from tests.support.smtp_service import Client, SmtpHouse
from tests.support.zone import Fault, Zone

RECORDS = """1.2.0.192.in-addr.arpa. PTR Mail.Example.
2.2.0.192.in-addr.arpa. PTR liar.example.
3.2.0.192.in-addr.arpa. PTR trouble.example.
5.2.0.192.in-addr.arpa. PTR .
mail.example. A 192.0.2.99
mail.example. A 192.0.2.1
liar.example. A 192.0.2.99
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR six.example.
six.example. AAAA 2001:db8::1"""
LOCAL = ("127.0.0.1", 25)


@pytest_twisted.async_yield_fixture
async def names() -> AsyncIterator[ClientNames]:
    with Zone(RECORDS) as zone:
        zone.faults["trouble.example"] = Fault.SERVFAIL
        zone.faults["9.2.0.192.in-addr.arpa"] = Fault.SILENT
        resolver = Resolver(cast(Any, reactor), [zone.nameserver.encode()])
        yield ClientNames(reactor, resolver)
        resolver.stop()


@pytest_twisted.ensureDeferred
async def test_a_name_counts_for_the_paranoid_if_it_leads_back(names: ClientNames) -> None:
    for ip, paranoid, trusting in [
        (b"192.0.2.1", b"mail.example", b"mail.example"),
        (b"192.0.2.2", None, b"liar.example"),
        (b"192.0.2.3", None, b"trouble.example"),
        (b"192.0.2.4", None, None),
        (b"192.0.2.5", None, None),  # the root is nobody's name
        (b"2001:db8::1", b"six.example", b"six.example"),
    ]:
        assert await names.host(ip, True) == paranoid
        assert await names.host(ip, False) == trusting


@pytest_twisted.ensureDeferred
async def test_a_name_server_that_is_silent_does_not_hold_up_a_client_for_ever(
    names: ClientNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clientnames, "HOST_S", 0.2)
    assert await names.host(b"192.0.2.9", True) is None


class IdentServer:
    """Says one thing to everybody, and keeps what was asked."""

    def __init__(self, answer: bytes, is_silent: bool = False) -> None:
        self.asked: list[bytes] = []
        self._answer = answer
        self._is_silent = is_silent
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> IdentServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        self._socket.settimeout(10)
        connection, _ = self._socket.accept()
        with connection:
            connection.settimeout(10)
            self.asked.append(connection.recv(100))
            for byte in range(0, len(self._answer), 7):
                connection.sendall(self._answer[byte : byte + 7])
            if self._is_silent:
                self._done.wait(10)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("answer", "info"),
    [(b"33000, 25 : USERID : UNIX : jo e\r\n", b"joe"), (b"33000,25:ERROR:NO-USER\r\n", b""),
     (b"33000,25:USERID", None), (b"x:y:z:" + b"a" * 300, b"a" * 256), (b"\r \t" * 2000, None)],
)  # fmt: skip
async def test_an_ident_server_is_believed_as_tcpserver_does(answer: bytes, info: bytes | None) -> None:
    with IdentServer(answer) as server:
        names = ClientNames(reactor, NoDns(), server.port)
        assert await names.info(b"127.0.0.1", 33000, LOCAL, 5) == info
    assert server.asked == [b"33000 , 25\r\n"]


@pytest_twisted.ensureDeferred
async def test_an_ident_server_that_is_not_there_or_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert await ClientNames(reactor, NoDns(), port).info(b"127.0.0.1", 33000, LOCAL, 5) is None
    with IdentServer(b"", is_silent=True) as server:
        assert await ClientNames(reactor, NoDns(), server.port).info(b"127.0.0.1", 33000, LOCAL, 0.2) is None


class NoDns:
    def ask(self, *questions: object) -> Deferred[Any]:
        raise AssertionError(questions)


# -- the lobby


class Answers(ClientNames):
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.hosts: list[tuple[bytes, bool, Deferred[bytes | None]]] = []
        self.infos: list[tuple[bytes, int, tuple[str, int], float, Deferred[bytes | None]]] = []

    def host(self, ip: bytes, is_paranoid: bool) -> Deferred[bytes | None]:
        self.hosts.append((ip, is_paranoid, Deferred()))
        return self.hosts[-1][-1]

    def info(self, ip: bytes, port: int, local: tuple[str, int], timeout_s: float) -> Deferred[bytes | None]:
        self.infos.append((ip, port, local, timeout_s, Deferred()))
        return self.infos[-1][-1]


@pytest.fixture
def rules(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "tcprules.smtp"
    path.write_bytes(
        b'joe@192.0.2.1:allow,RELAYCLIENT=""\n=friend.example:allow,RELAYCLIENT="",TCPREMOTEINFO="rule"\n'
        b"192.0.2.7:allow\n=.foe.example:deny\n:allow\n"
    )
    yield path


class Waiting:
    """A client in the lobby of an SMTP service."""

    def __init__(self, rules: Path, ip: str = "192.0.2.2", **access: Any) -> None:
        self.names = Answers()
        self.house = SmtpHouse(AccessSettings(str(rules.parent), **access), self.names, concurrencyincoming=1)
        self.transport = StringTransport(IPv4Address("TCP", "10.0.0.1", 25), IPv4Address("TCP", ip, 999))
        self.lobby = cast(Any, self.house.protocol(ip, 999))
        self.transport.protocol = self.lobby
        if isinstance(self.lobby, Lobby):
            self.lobby.makeConnection(self.transport)

    def codes(self, *lines: bytes) -> list[int]:
        client = Client.__new__(Client)
        client.protocol, client.transport = self.transport.protocol, self.transport
        return client.codes(*lines)


RELAYING = (b"MAIL FROM:<a@example.com>\r\n", b"RCPT TO:<x@far.example>\r\n")


def test_a_client_whose_name_matters_waits_unheard_and_takes_a_place(rules: Path) -> None:
    client = Waiting(rules)
    assert isinstance(client.lobby, Lobby)
    assert client.transport.value() == b"" and client.transport.producerState == "paused"
    assert type(client.house.protocol("192.0.2.7")).__name__ == "TurnedAway"  # there is one place only
    [(ip, is_paranoid, answer)] = client.names.hosts
    assert (ip, is_paranoid, client.names.infos) == (b"192.0.2.2", True, [])
    answer.callback(b"friend.example")
    assert isinstance(client.transport.protocol, SmtpProtocol)
    assert (
        client.transport.value() == b"220 mail.example.org ESMTP\r\n" and client.transport.producerState == "producing"
    )
    client.transport.clear()
    assert client.codes(*RELAYING, b"DATA\r\n", b"x\r\n.\r\n", b"QUIT\r\n") == [250, 250, 354, 250, 221]
    received = client.house.intake.queued[0].data.partition(b"\n")[0]
    assert received == b"Received: from friend.example (rule@192.0.2.2)"
    client.transport.protocol.connectionLost(Failure(ConnectionDone()))
    assert client.house.lines[-1] == b"smtp 1: 192.0.2.2:999 closed: quit, 1 accepted, rule tcprules.smtp:2"
    assert isinstance(client.house.protocol("192.0.2.7"), SmtpProtocol)  # the place is free again


def test_a_client_whose_user_matters_is_asked_for_it_before_its_name(rules: Path) -> None:
    client = Waiting(rules, "192.0.2.1", ident_timeout_s=7, is_paranoid=False)
    [(ip, port, local, timeout_s, answer)] = client.names.infos
    assert (ip, port, local, timeout_s) == (b"192.0.2.1", 999, ("10.0.0.1", 25), 7)
    answer.callback(b"joe")
    assert client.names.hosts == []
    client.transport.clear()
    assert client.codes(*RELAYING) == [250, 250]
    other = Waiting(rules, "192.0.2.1", is_paranoid=False)
    other.names.infos[0][-1].callback(b"jim")
    assert other.names.hosts[0][:2] == (b"192.0.2.1", False)
    other.names.hosts[0][-1].callback(None)
    other.transport.clear()
    assert other.codes(*RELAYING) == [250, 553]


def test_a_client_denied_by_its_name_is_sent_away_without_a_word(rules: Path) -> None:
    client = Waiting(rules)
    client.names.hosts[0][-1].callback(b"dsl.foe.example")
    assert client.transport.value() == b"" and client.transport.disconnecting
    assert client.house.lines == [b"smtp: 192.0.2.2 turned away: denied by control/tcprules.smtp:4"]
    client.lobby.connectionLost(Failure(ConnectionDone()))
    assert isinstance(client.house.protocol("192.0.2.7"), SmtpProtocol)


def test_a_client_that_does_not_wait_frees_its_place_and_is_not_served(rules: Path) -> None:
    client = Waiting(rules)
    client.lobby.connectionLost(Failure(ConnectionDone()))
    client.names.hosts[0][-1].callback(b"friend.example")
    assert client.transport.value() == b"" and client.house.lines == []
    assert isinstance(client.house.protocol("192.0.2.7"), SmtpProtocol)


def test_a_bug_while_it_waits_costs_one_connection(rules: Path) -> None:
    client = Waiting(rules)
    client.names.hosts[0][-1].errback(ValueError("a bug"))
    assert client.transport.disconnected and b"ValueError: a bug" in client.house.lines[-1]
    client.lobby.connectionLost(Failure(ConnectionDone()))
    assert isinstance(client.house.protocol("192.0.2.7"), SmtpProtocol)


def test_a_stop_sends_home_who_waits(rules: Path) -> None:
    client = Waiting(rules)
    ended = client.house.factory.drain(10)
    assert client.transport.disconnecting
    client.names.hosts[0][-1].callback(b"friend.example")
    assert client.transport.value() == b""
    client.lobby.connectionLost(Failure(ConnectionDone()))
    assert ended.called


def test_a_client_whose_name_cannot_matter_is_greeted_at_once(rules: Path) -> None:
    client = Waiting(rules, "192.0.2.7")
    assert isinstance(client.lobby, SmtpProtocol) and client.names.hosts == client.names.infos == []


def test_rules_about_names_fit_nobody_where_nobody_looks_them_up(rules: Path) -> None:
    door = Door(b"smtp", Clock(), print)
    door.configure(9, 9, AccessSettings(str(rules.parent)))
    assert door.admit("192.0.2.1", 9) == Peer(b"192.0.2.1", 9, {}, b"tcprules.smtp:5")
    with_names = Door(b"smtp", Clock(), print, Answers())
    with_names.configure(9, 9, AccessSettings(str(rules.parent)))
    assert isinstance(with_names.admit("192.0.2.1", 9), Unknown)
    assert not isinstance(with_names.admit("unknown", 0), Denied | Unknown)  # a UNIX socket

"""QMTP and QMQP inside TLS, with real connections: who is known by his key, and our own agent as the client."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor  # noqa: TID251  # tests run in the global one
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from qmtwist.control.identity import make_identity, own_pin
from qmtwist.control.settings import AccessSettings
from qmtwist.mail.outcome import Verdict
from qmtwist.services.qmtp.factory import PackageFactory
from qmtwist.services.qmtp.qmqpd import make_qmqp_service
from qmtwist.services.qmtp.qmtpd import make_qmtp_service
from qmtwist.services.smtp.clerk import Staff
from qmtwist.services.tls.incoming import IncomingTls
from qmtwist.services.tls.ownkey import Unusable
from tests.support.certificates import self_signed
from tests.support.fake_intake import FakeIntake
from tests.support.package_service import PACKAGES, package, request
from tests.support.remote_desk import RemoteDesk, order
from tests.support.smtp_service import SETTINGS, FakeCheck

PATIENCE_S = 10.0
FAR = b"x@far.example"
Make = Callable[..., "House"]


class House:
    """Both services inside TLS on loopback ports, with a queue in memory."""

    def __init__(self, directory: Path, access: AccessSettings, **clients: str) -> None:
        """`clients`: names and pins for control/tlsclients."""
        os.makedirs(directory / "queue")
        path = str(directory / "servercert.pem")
        make_identity(str(directory), path, "hub.example")
        self.pin = own_pin(path).decode()
        self.intake = FakeIntake()
        self.lines: list[bytes] = []
        staff = Staff(reactor, self.intake, FakeCheck(), self.lines.append, 1002)
        packages = attrs.evolve(PACKAGES, tlsclients={pin.encode(): name.encode() for name, pin in clients.items()})
        tls = IncomingTls(path, path)
        self.qmtp = make_qmtp_service(staff, packages, SETTINGS, access, tls)
        self.qmqp = make_qmqp_service(staff, packages, b"hub.example", access, tls)
        self.ports = {"qmtp": self._listen(self.qmtp), "qmqp": self._listen(self.qmqp)}

    @staticmethod
    def _listen(service: PackageFactory) -> IListeningPort:
        port: IListeningPort = reactor.listenTCP(0, service.secure, interface="127.0.0.1")
        return port

    def port(self, service: str) -> int:
        """Where a service is to be found."""
        number: int = self.ports[service].getHost().port
        return number

    def ask(self, service: str, data: bytes, context: ssl.SSLContext | None) -> Deferred[bytes]:
        """What the service says to this; without a context it is said in clear."""
        return deferToThread(self._ask, self.port(service), data, context)

    @staticmethod
    def _ask(port: int, data: bytes, context: ssl.SSLContext | None) -> bytes:
        said = b""
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        with plain if context is None else context.wrap_socket(plain) as connection:
            try:
                connection.sendall(data)
                while b"," not in said and (piece := connection.recv(1000)):
                    said += piece
            except OSError:
                pass
        return said

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition."""
        for _ in range(1000):
            if condition():
                return
            await deferLater(reactor, 0.01, lambda: None)
        raise AssertionError(self.lines)


@pytest_twisted.async_yield_fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes houses, and closes them at the end."""
    houses: list[House] = []

    def make_one(rules: str = "", **clients: str) -> House:
        (tmp_path / "tcprules.qmqp").write_text(rules)
        directory = tmp_path / f"house{len(houses)}"
        houses.append(House(directory, AccessSettings(directory=str(tmp_path)), **clients))
        return houses[-1]

    yield make_one
    for house in houses:
        for port in house.ports.values():
            await port.stopListening()
        for service in (house.qmtp, house.qmqp):
            await service.drain(5)


class Identity:
    """A client's key and certificate."""

    def __init__(self, directory: Path, name: str = "client") -> None:
        self.path = str(directory / f"{name}.pem")
        os.makedirs(directory / "queue", exist_ok=True)
        make_identity(str(directory), self.path, f"{name}.example")
        self.pin = own_pin(self.path).decode()


def client(certificate: str | None = None) -> ssl.SSLContext:
    """A client that does not care whom it talks to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


@pytest_twisted.ensureDeferred
async def test_a_client_with_a_pinned_key_may_use_qmqp_and_relay_by_qmtp(make: Make, tmp_path: Path) -> None:
    laptop = Identity(tmp_path)
    house = make(laptop=laptop.pin)
    assert b":Kok" in await house.ask("qmqp", request(FAR), client(laptop.path))
    assert b":Kok" in await house.ask("qmtp", package(FAR), client(laptop.path))
    assert [draft.envelope for draft in house.intake.queued] == [(b"joe@example.com", (FAR,))] * 2
    assert all(b" laptop accepted " in line for line in house.lines if b" accepted " in line)


@pytest.mark.parametrize("has_certificate", [False, True])
@pytest_twisted.ensureDeferred
async def test_without_a_pinned_key_qmqp_is_closed_and_qmtp_relays_nothing(
    make: Make, tmp_path: Path, has_certificate: bool
) -> None:
    stranger = Identity(tmp_path, "stranger").path if has_certificate else None
    house = make(laptop=Identity(tmp_path).pin)
    assert await house.ask("qmqp", request(FAR), client(stranger)) == b""
    await house.until(lambda: house.lines)
    assert house.lines.pop().endswith(b" closed: denied: no rule allows this client, 0 accepted")
    assert b":Dsorry, that domain isn't" in await house.ask("qmtp", package(FAR), client(stranger))
    assert not house.intake.queued


@pytest_twisted.ensureDeferred
async def test_a_pinned_key_gets_in_whatever_the_rules_say_of_its_address_and_nobody_else_does(
    make: Make, tmp_path: Path
) -> None:
    laptop, stranger = Identity(tmp_path), Identity(tmp_path, "stranger")
    house = make(rules="10.:allow\n:deny\n", laptop=laptop.pin)
    (tmp_path / "tcprules.qmtp").write_text(":deny\n")
    house.qmtp.secure._far.door.configure(9, 9, AccessSettings(directory=str(tmp_path)), has_keys=True)
    assert b":Kok" in await house.ask("qmqp", request(FAR), client(laptop.path))
    assert b":Kok" in await house.ask("qmtp", package(FAR), client(laptop.path))
    for certificate in (stranger.path, None):
        for service, data in (("qmqp", request(FAR)), ("qmtp", package(FAR))):
            assert await house.ask(service, data, client(certificate)) == b""
    denied = b" closed: denied, 0 accepted, rule tcprules."
    await house.until(lambda: sum(denied in line for line in house.lines) == 4)
    assert len(house.intake.queued) == 2


@pytest_twisted.ensureDeferred
async def test_where_no_key_is_pinned_who_is_denied_gets_no_handshake(make: Make) -> None:
    house = make(rules=":deny\n")
    with pytest.raises(OSError):  # the connection is closed before a word of TLS
        await house.ask("qmqp", request(FAR), client())
    assert house.lines == [b"qmqp: 127.0.0.1 turned away: denied by control/tcprules.qmqp:1"]


@pytest_twisted.ensureDeferred
async def test_a_rule_lets_in_whoever_comes_without_a_key(make: Make) -> None:
    house = make(rules="127.:allow\n")
    assert b":Kok" in await house.ask("qmqp", request(FAR), client())


@pytest_twisted.ensureDeferred
async def test_who_does_not_speak_tls_gets_no_session(make: Make) -> None:
    house = make(rules="127.:allow\n")
    said = await house.ask("qmqp", request(FAR), None)
    assert b"Kok" not in said
    await house.until(lambda: house.lines)
    (line,) = house.lines
    assert b" closed: no TLS: " in line and not house.intake.drafts


@pytest_twisted.ensureDeferred
async def test_tls_before_1_2_is_not_spoken(make: Make) -> None:
    house, context = make(rules="127.:allow\n"), client()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        await house.ask("qmqp", request(FAR), context)


@pytest_twisted.ensureDeferred
async def test_a_large_message_comes_whole_through_tls(make: Make) -> None:
    house = make(rules="127.:allow\n")
    message = os.urandom(3_000_000)
    assert b":Kok" in await house.ask("qmqp", request(FAR, message=message), client())
    assert house.intake.queued[0].body == message


def test_a_certificate_that_is_no_good_is_said_with_its_reason(tmp_path: Path) -> None:
    ours, others = self_signed("a.example"), self_signed("b.example")
    path, other, empty = ours.write(str(tmp_path)), others.write(str(tmp_path), "other"), tmp_path / "empty"
    empty.write_text("nothing\n")
    IncomingTls(path, path)
    for certificate, key, why in (
        (path, other, "has no key in PEM that belongs to the certificate"),
        (str(empty), path, "has no certificate in PEM"),
        (str(tmp_path / "absent"), path, "cannot be read: No such file or directory"),
    ):
        with pytest.raises(Unusable, match=why):
            IncomingTls(certificate, key)


# -- the remote agent as the client


@contextmanager
def desk(directory: str, house: House, policy: str, identity: Identity | None = None) -> Iterator[RemoteDesk]:
    """An agent whose mail goes to the house."""
    extra = {} if identity is None else {"tlscert": identity.path}
    made = RemoteDesk(
        reactor,
        f"{directory}/home",
        qmtproutes=f"far.example:127.0.0.1:{house.port('qmtp')}/tls",
        tlspolicy=policy.replace("PIN", house.pin),
        **extra,
    )
    yield made


@pytest_twisted.ensureDeferred
async def test_two_hosts_that_have_pinned_each_other_exchange_mail(
    make: Make, tmp_path: Path, memory_directory: str
) -> None:
    laptop = Identity(tmp_path)
    house = make(laptop=laptop.pin)
    with desk(memory_directory, house, "far.example:pin:PIN", laptop) as agent:
        outcomes = [await agent.deliver(order(b"far.example")) for _ in range(3)]
        assert [outcome.verdict for outcome in outcomes] == [Verdict.SUCCESS] * 3
        assert any(line.startswith(b"tls 127.0.0.1 127.0.0.1 TLSv1.3 ") for line in agent.notes)
        assert len([line for line in agent.notes if b"verified" in line]) == 1  # one connection
        await agent.stop()
    assert len(house.intake.queued) == 3


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("far.example:pin:" + "0" * 64, b"the key of its certificate is none of those that control/tlspolicy names"),
        ("other.example:encrypt", b"self-signed certificate"),
        (":may", b"self-signed certificate"),
        (":none", b"self-signed certificate"),
        ("far.example:verify", b"self-signed certificate"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_host_that_is_not_the_one_that_is_meant_gets_nothing(
    make: Make, memory_directory: str, policy: str, why: bytes
) -> None:
    house = make(rules=":allow\n")
    with desk(memory_directory, house, policy) as agent:
        outcome = await agent.deliver(order(b"far.example"))
        assert outcome.verdict is Verdict.DEFERRAL
        assert outcome.text == b"Connected to 127.0.0.1 but TLS failed: " + why + b". (#4.7.5)\n"
        await agent.stop()
    assert not house.intake.drafts


@pytest_twisted.ensureDeferred
async def test_encrypt_asks_for_no_name(make: Make, memory_directory: str) -> None:
    house = make()
    house.qmtp.configure(
        PACKAGES, attrs.evolve(SETTINGS, rcpthosts=frozenset([b"far.example"])), tls=house.qmtp.terms.tls
    )  # type: ignore[union-attr]
    with desk(memory_directory, house, "far.example:encrypt") as agent:
        assert (await agent.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        await agent.stop()

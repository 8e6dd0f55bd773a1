"""services/tls/outgoing.py: handshakes of the remote agent with real servers on loopback."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor  # noqa: TID251  # tests run in the global one
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from zope.interface import implementer

from qmtwist.logbook.outtls import Handshake
from qmtwist.rules.handshakes import HandshakeFailed
from qmtwist.rules.tlspolicy import Level, Policy
from qmtwist.services.tls.outgoing import Attempt, OutgoingTls
from tests.support.certificates import Authority, self_signed, weak_key
from tests.support.tls_server import CASES, Manners, TlsServer, closing, echoing, old, saying

FAR = (b"far.example",)


@implementer(IHandshakeListener)
class Client(Protocol):
    """Encrypts at once, then wants to hear `hello` again."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.handshake: Handshake | None = None
        self.failed: HandshakeFailed | None = None
        self.heard = b""
        self.over: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.startTLS(self.attempt)

    def handshakeCompleted(self) -> None:
        self.handshake = self.attempt.handshake()
        self.transport.write(b"hello\n")

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        if self.heard == b"hello\n":
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.handshake is None:
            self.failed = self.attempt.failure(reason)
        self.over.callback(None)


class House:
    """A client that trusts one authority."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.ours = Authority()
        self.ca_path = self.ours.write(directory)
        self.tls = OutgoingTls(self.ca_path)

    async def meet(
        self, manners: Manners, level: Level, names: tuple[bytes, ...] = FAR, server_name: bytes = b"mx.far.example"
    ) -> Handshake | str:
        """What was agreed upon, after an echo, or why nothing was."""
        with TlsServer(manners) as server:
            client = Client(self.tls.attempt(Policy(level), names, server_name))
            await connectProtocol(HostnameEndpoint(reactor, b"127.0.0.1", server.port), client)
            await client.over
        if client.handshake is None:
            assert client.failed is not None
            return client.failed.text
        assert client.heard == b"hello\n"
        return client.handshake


@pytest.fixture
def house(tmp_path: Path, bugs: object) -> House:
    return House(str(tmp_path))


@pytest.mark.parametrize("name", CASES)
@pytest_twisted.ensureDeferred
async def test_verify_accepts_a_trusted_certificate_with_a_name_that_counts(house: House, name: str) -> None:
    case = CASES[name]
    met = await house.meet(echoing(case.make(house.ours).context(house.directory)), Level.VERIFY, case.wanted)
    assert met == (case.why_not or Handshake("TLSv1.3", "TLS_AES_256_GCM_SHA384", True, ""))


@pytest.mark.parametrize("level", [Level.MAY, Level.ENCRYPT])
@pytest.mark.parametrize("name", CASES)
@pytest_twisted.ensureDeferred
async def test_the_other_levels_say_what_verify_would(house: House, name: str, level: Level) -> None:
    case = CASES[name]
    met = await house.meet(echoing(case.make(house.ours).context(house.directory)), level, case.wanted)
    assert met == Handshake("TLSv1.3", "TLS_AES_256_GCM_SHA384", not case.why_not, case.why_not)


@pytest_twisted.ensureDeferred
async def test_a_refused_server_is_told_so_before_anything_is_said(house: House) -> None:
    """With TLS 1.2 the client speaks last, so the server knows whether the client was content."""
    context = self_signed("far.example").context(house.directory)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    seen: list[bytes] = []

    def listening(connection: object) -> None:
        try:
            echoing(context)(connection)  # type: ignore[arg-type]
        except OSError as alert:
            seen.append(str(alert).encode())
            raise

    assert await house.meet(listening, Level.VERIFY) == "self-signed certificate"
    assert len(seen) == 1 and b"alert" in seen[0].lower()


@pytest_twisted.ensureDeferred
async def test_the_server_is_asked_for_by_name(house: House) -> None:
    context = self_signed("far.example").context(house.directory)
    asked: list[str | None] = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    for server_name in b"MX.far.example.", b"[127.0.0.1]", b"a\0b":
        await house.meet(echoing(context), Level.MAY, server_name=server_name)
    assert asked == ["mx.far.example", None, None]


@pytest_twisted.ensureDeferred
async def test_verify_trusts_nobody_else(house: House) -> None:
    house.tls = OutgoingTls()
    met = await house.meet(echoing(house.ours.issue("far.example").context(house.directory)), Level.VERIFY)
    assert met == "unable to get local issuer certificate"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "control/tlsca cannot be read: No such file or directory"),
        (b"authorities\n", "control/tlsca names no PEM file of certificates"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_file_of_authorities_that_cannot_be_used_verifies_nobody(
    house: House, content: bytes | None, why: str
) -> None:
    path = Path(house.directory, "ca2.pem")
    if content is not None:
        path.write_bytes(content)
    house.tls = OutgoingTls(str(path))
    with pytest.raises(HandshakeFailed) as failed:
        house.tls.attempt(Policy(Level.VERIFY), FAR, b"mx.far.example")
    assert failed.value.text == why
    met = await house.meet(echoing(house.ours.issue("far.example").context(house.directory)), Level.MAY)
    assert isinstance(met, Handshake) and met.why_not == why


@pytest_twisted.ensureDeferred
async def test_a_short_key_is_better_than_none(house: House) -> None:
    manners = echoing(self_signed("far.example", key=weak_key()).context(house.directory))
    assert isinstance(await house.meet(manners, Level.MAY), Handshake)
    assert isinstance(await house.meet(manners, Level.VERIFY), str)


@pytest_twisted.ensureDeferred
async def test_a_server_without_tls_1_2_fails(house: House) -> None:
    with old(self_signed("far.example").context(house.directory)) as context:
        met = await house.meet(echoing(context), Level.MAY)
    assert met == "tlsv1 alert protocol version"


@pytest.mark.parametrize(
    ("manners", "why"),
    [
        (saying(b"250 what?\r\n"), "wrong version number"),
        (saying(b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"), "length "),
        (saying(b"\x15\x03\x03\x00\x02\x02\x28"), "alert handshake failure"),
        (closing, "the other side closed the connection"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_is_no_handshake_fails(house: House, manners: Manners, why: str) -> None:
    met = await house.meet(manners, Level.MAY)
    assert isinstance(met, str) and why in met


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x03\x40\x00"])
@pytest_twisted.ensureDeferred
async def test_a_handshake_that_stalls_ends_when_its_caller_aborts(house: House, said: bytes) -> None:
    with TlsServer(saying(said)) as server:
        client = Client(house.tls.attempt(Policy(Level.MAY), FAR, b"mx.far.example"))
        await connectProtocol(HostnameEndpoint(reactor, b"127.0.0.1", server.port), client)
        assert await deferToThread(server.has_heard.wait, 10)
        client.transport.abortConnection()
        await client.over
    assert client.failed is not None and client.handshake is None


@pytest_twisted.ensureDeferred
async def test_contexts_are_built_once(house: House) -> None:
    for level in Level.MAY, Level.ENCRYPT, Level.VERIFY:
        house.tls.attempt(Policy(level), FAR, b"mx.far.example")
    contexts = dict(house.tls._contexts)
    for level in Level.MAY, Level.ENCRYPT, Level.VERIFY:
        house.tls.attempt(Policy(level), FAR, b"mx.far.example")
    assert len(contexts) == 2 and house.tls._contexts == contexts

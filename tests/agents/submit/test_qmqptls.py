"""agents/submit/qmqptls.py and qmqpc.py: a message handed to a hub inside TLS, or to nobody."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from qmtwist.agents.submit import qmqpc
from qmtwist.agents.submit.qmqpc import Outcome, Spool, ask
from qmtwist.control.identity import make_identity, own_pin
from qmtwist.mail.envelope import Envelope
from qmtwist.rules.certificate import pin_of
from qmtwist.wire.qmqp import Server, frame
from tests.support.certificates import Authority, Leaf, self_signed
from tests.support.qmqp_peer import QmqpPeer, nobody, reading
from tests.support.tls_server import TlsServer, closing, dripping, saying

LETTER, REQUEST = Spool(b"text", 0, 4), frame(4, Envelope(b"s", ()))
SENT = b"text".join(REQUEST)
SIZE = 12_000_000  # more than all buffers on the way hold
LONG, LONG_REQUEST = Spool(b"x" * SIZE, 0, SIZE), frame(SIZE, Envelope(b"s", ()))


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    """A home, which is the working directory as it is of who asks."""
    here = os.getcwd()
    (tmp_path / "control").mkdir()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(here)


@pytest.fixture
def leaf() -> Leaf:
    return self_signed("hub.example")


def pin(leaf: Leaf) -> bytes:
    return pin_of(load_pem_x509_certificate(leaf.certificate).public_bytes(Encoding.DER))


def context(leaf: Leaf, home: Path, asks: bool = False) -> ssl.SSLContext:
    made = leaf.context(str(home))
    if asks:  # for a certificate of the client; only one that it trusts can be shown
        made.verify_mode = ssl.CERT_OPTIONAL
    return made


def hand_over(peer: QmqpPeer | TlsServer, tls: bytes = b"") -> Outcome:
    return ask(Server("127.0.0.1", peer.port, tls), REQUEST, LETTER)


def test_without_a_policy_any_server_inside_tls_will_do(home: Path, leaf: Leaf) -> None:
    with QmqpPeer(context=context(leaf, home)) as peer:
        assert hand_over(peer) == Outcome(0)
        assert hand_over(peer, b"encrypt") == Outcome(0)
    assert peer.got == [SENT] * 2


@pytest.mark.parametrize("where", ["line", "address", "everybody"])
def test_a_pin_lets_the_message_go_to_that_key_alone(home: Path, leaf: Leaf, where: str) -> None:
    def told(value: bytes) -> bytes:
        if where == "line":
            return value
        key = b"[127.0.0.1]" if where == "address" else b""
        (home / "control/tlspolicy").write_bytes(b"%s:%s\n" % (key, value))
        return b""

    with QmqpPeer(context=context(leaf, home)) as peer:
        assert hand_over(peer, told(b"pin:%s:%s" % (b"0" * 64, pin(leaf)))) == Outcome(0)
        refused = hand_over(peer, told(b"pin:" + b"0" * 64))
    assert (refused.code, refused.is_final) == (73, False)
    assert refused.text.startswith(b"Zno TLS with 127.0.0.1: the key of its certificate is none of those that ")
    assert refused.text.endswith(b" (#4.7.5)")
    assert peer.got[:1] == [SENT] and b"text" not in b"".join(peer.got[1:])


def test_verify_wants_the_address_or_the_name_it_is_given(home: Path) -> None:
    ours = Authority()
    (home / "control/tlsca").write_text(ours.write(str(home)) + "\n")
    with QmqpPeer(context=context(ours.issue("hub.example"), home)) as peer:
        assert hand_over(peer, b"verify:hub.example") == Outcome(0)
        assert b"not for [127.0.0.1]" in hand_over(peer, b"verify").text
    with QmqpPeer(context=context(ours.issue("127.0.0.1"), home)) as peer:
        assert hand_over(peer, b"verify") == Outcome(0)
    with QmqpPeer(context=context(self_signed("127.0.0.1"), home)) as peer:
        assert b"self-signed" in hand_over(peer, b"verify").text
    assert peer.got == []


@pytest.mark.parametrize("tls", [b"may", b"none", b"pin", b"pin:x", b"nonsense"])
def test_a_line_that_demands_nothing_is_used_neither_inside_tls_nor_in_clear(home: Path, tls: bytes) -> None:
    with QmqpPeer() as peer:
        outcome = hand_over(peer, tls)
    assert (outcome.code, outcome.is_final) == (55, False)
    assert outcome.text.endswith(b"(#4.3.5)")
    assert b"".join(peer.got) == b""


@pytest.mark.parametrize("value", [b"may", b"none"])
def test_what_tlspolicy_lets_out_in_clear_is_encrypted_here(home: Path, leaf: Leaf, value: bytes) -> None:
    (home / "control/tlspolicy").write_bytes(b":" + value + b"\n")
    with QmqpPeer(context=context(leaf, home)) as peer:
        assert hand_over(peer) == Outcome(0)


def test_control_files_that_cannot_be_read_send_nothing(home: Path, leaf: Leaf) -> None:
    (home / "control/tlspolicy").symlink_to("nowhere")
    with QmqpPeer(context=context(leaf, home)) as peer:
        assert hand_over(peer).text == b"Zno TLS with 127.0.0.1: control/tlspolicy: No such file or directory (#4.3.5)"
    assert peer.got == []


def test_our_own_certificate_is_shown_to_who_asks(home: Path, leaf: Leaf) -> None:
    serving = context(leaf, home, asks=True)
    with QmqpPeer(context=serving) as peer:
        assert hand_over(peer) == Outcome(0)
        path = str(home / "control/servercert.pem")
        make_identity(str(home), path, "null.example", is_shared=True)
        serving.load_verify_locations(path)
        assert hand_over(peer) == Outcome(0)
    assert peer.shown[0] is None
    assert peer.shown[1] is not None and pin_of(peer.shown[1]) == own_pin(path)


def test_a_certificate_of_ours_that_is_no_good_is_said(home: Path, leaf: Leaf) -> None:
    (home / "control/servercert.pem").write_text("nonsense\n")
    with QmqpPeer(context=context(leaf, home)) as peer:
        assert b"name no certificate with its key" in hand_over(peer).text
        (home / "control/servercert.pem").unlink()
        (home / "control/servercert.pem").symlink_to("nowhere")
        assert b"our certificate or its key cannot be read: No such file" in hand_over(peer).text
    assert peer.got == []


def test_a_server_without_tls_is_told_nothing_and_the_next_is_asked(
    home: Path, leaf: Leaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qmqpc, "CONNECT_S", 0.5)
    for manners in (closing, dripping, saying(b"220 hello\r\n")):
        with TlsServer(manners) as server:
            outcome = hand_over(server)
        assert (outcome.code, outcome.is_final) == (73, False)
    with QmqpPeer(b"", reading(1000)) as clear:
        assert hand_over(clear).code == 73
    assert b"text" not in b"".join(clear.got)


def test_the_next_server_is_tried_when_the_key_of_one_is_another(home: Path, leaf: Leaf) -> None:
    def line(peer: QmqpPeer, pin: bytes) -> bytes:
        return b"127.0.0.1:%d/tls:pin:%s\n" % (peer.port, pin)

    serving = context(leaf, home)
    with QmqpPeer(context=serving) as peer, QmqpPeer(context=serving) as second:
        lines = nobody() + line(peer, b"0" * 64) + line(second, pin(leaf))
        (home / "control/qmqpservers").write_bytes(lines)
        zero, envelope = (home / "message").open("wb+"), (home / "envelope").open("wb+")
        with zero, envelope:
            zero.write(b"text")
            envelope.write(b"Fs\0\0")
            for stream in (zero, envelope):
                stream.seek(0)
            assert qmqpc.forward(str(home), zero.fileno(), envelope.fileno()) == Outcome(0)
    assert (peer.got, second.got) == ([b""], [SENT])


def test_one_that_hangs_up_before_the_last_byte_has_nothing(home: Path, leaf: Leaf) -> None:
    for count in (0, 70_000):
        with QmqpPeer(b"", reading(count), context=context(leaf, home)) as peer:
            server = Server("127.0.0.1", peer.port, b"")
            outcome = ask(server, LONG_REQUEST, LONG)
        assert outcome == Outcome(74, is_final=False)


def test_what_belongs_to_tls_alone_is_no_early_answer(home: Path, leaf: Leaf) -> None:
    """Session tickets come behind the handshake, while we send."""
    serving = context(leaf, home)
    serving.num_tickets = 4

    with QmqpPeer(context=serving) as peer:
        outcome = ask(Server("127.0.0.1", peer.port, b""), LONG_REQUEST, LONG)
    assert outcome == Outcome(0)
    assert len(peer.got[0]) == sum(map(len, LONG_REQUEST)) + SIZE


@pytest.mark.parametrize(
    ("said", "expected"), [(b"5:Dnope,", Outcome(31, b"Dnope")), (b"5:Zlate,", Outcome(74, is_final=False))]
)
def test_an_answer_that_comes_too_early_is_heard_inside_tls(
    home: Path, leaf: Leaf, said: bytes, expected: Outcome
) -> None:
    def speak(connection: socket.socket) -> bytes:
        connection.sendall(said)
        return reading(2 * SIZE)(connection)

    with QmqpPeer(b"", speak, context=context(leaf, home)) as peer:
        assert ask(Server("127.0.0.1", peer.port, b""), LONG_REQUEST, LONG) == expected
    assert len(peer.got[0]) < len(b"".join(LONG_REQUEST)) + SIZE

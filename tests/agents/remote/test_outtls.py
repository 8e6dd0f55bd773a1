"""agents/remote/outtls.py: handshakes of qmail-remote with real servers on loopback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from qmtwist.agents.remote.outtls import UNASKED, start
from qmtwist.logbook.outtls import Handshake
from qmtwist.rules.certificate import pin_of
from qmtwist.rules.handshakes import HandshakeFailed
from qmtwist.rules.tlspolicy import Level, Policy
from tests.support.certificates import Authority, self_signed, weak_key
from tests.support.tls_server import CASES, Manners, TlsServer, closing, dripping, echoing, old, saying

FAR = (b"far.example",)


class House:
    """A client that trusts one authority."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.ours = Authority()
        self.ca_path: str | None = self.ours.write(directory)

    def meet(
        self, manners: Manners, level: Level, names: tuple[bytes, ...] = FAR, timeout_s: float = 10
    ) -> Handshake | str:
        """What was agreed upon, after an echo, or why nothing was."""
        return self.meet_by(Policy(level), manners, names, timeout_s)

    def meet_by(
        self, policy: Policy, manners: Manners, names: tuple[bytes, ...] = FAR, timeout_s: float = 10
    ) -> Handshake | str:
        """The same, by a policy."""
        with TlsServer(manners) as server:
            plain = server.connect(timeout_s)
            try:
                encrypted, handshake = start(plain, policy, names, b"mx.far.example", self.ca_path)
            except HandshakeFailed as failed:
                assert plain.fileno() == -1  # closed
                return failed.text
            with encrypted:
                encrypted.sendall(b"hello\n")
                assert encrypted.recv(1000) == b"hello\n"
            return handshake


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    return House(str(tmp_path))


@pytest.mark.parametrize("name", CASES)
def test_verify_accepts_a_trusted_certificate_with_a_name_that_counts(house: House, name: str) -> None:
    case = CASES[name]
    met = house.meet(echoing(case.make(house.ours).context(house.directory)), Level.VERIFY, case.wanted)
    assert met == (case.why_not or Handshake("TLSv1.3", "TLS_AES_256_GCM_SHA384", True, ""))


def test_a_pin_looks_at_the_key_alone(house: House) -> None:
    leaf = self_signed("other.example", days=-1)
    certificate = load_pem_x509_certificate(leaf.certificate).public_bytes(Encoding.DER)
    serving = echoing(leaf.context(house.directory))
    good, bad = Policy(Level.PIN, pins=(b"0" * 64, pin_of(certificate))), Policy(Level.PIN, pins=(b"0" * 64,))
    assert house.meet_by(good, serving) == Handshake("TLSv1.3", "TLS_AES_256_GCM_SHA384", True, "")
    assert house.meet_by(bad, serving) == "the key of its certificate is none of those that control/tlspolicy names"


@pytest.mark.parametrize("level", [Level.MAY, Level.ENCRYPT])
@pytest.mark.parametrize("name", CASES)
def test_the_other_levels_take_any_certificate(house: House, name: str, level: Level) -> None:
    case = CASES[name]
    met = house.meet(echoing(case.make(house.ours).context(house.directory)), level, case.wanted)
    assert met == Handshake("TLSv1.3", "TLS_AES_256_GCM_SHA384", False, UNASKED)


def test_verify_trusts_nobody_else(house: House) -> None:
    house.ca_path = None
    met = house.meet(echoing(house.ours.issue("far.example").context(house.directory)), Level.VERIFY)
    assert met == "unable to get local issuer certificate"


def test_a_file_of_authorities_that_cannot_be_used_verifies_nobody(house: House) -> None:
    good = echoing(house.ours.issue("far.example").context(house.directory))
    house.ca_path = f"{house.directory}/absent.pem"
    assert house.meet(good, Level.VERIFY) == "control/tlsca cannot be read: No such file or directory"
    with open(house.ca_path, "wb") as stream:
        stream.write(b"authorities\n")
    assert house.meet(good, Level.VERIFY) == "control/tlsca names no PEM file of certificates"


def test_a_short_key_is_better_than_none(house: House) -> None:
    manners = echoing(self_signed("far.example", key=weak_key()).context(house.directory))
    assert isinstance(house.meet(manners, Level.MAY), Handshake)
    assert isinstance(house.meet(manners, Level.VERIFY), str)


def test_a_server_without_tls_1_2_fails(house: House) -> None:
    with old(self_signed("far.example").context(house.directory)) as context:
        met = house.meet(echoing(context), Level.MAY)
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
def test_what_is_no_handshake_fails(house: House, manners: Manners, why: str) -> None:
    met = house.meet(manners, Level.MAY)
    assert isinstance(met, str) and why in met


@pytest.mark.parametrize("manners", [saying(b""), saying(b"\x16\x03\x03\x40\x00"), dripping])
def test_a_handshake_takes_no_longer_than_the_sockets_timeout(house: House, manners: Manners) -> None:
    begun = time.monotonic()
    assert house.meet(manners, Level.MAY, timeout_s=0.2) == "timed out"
    assert time.monotonic() - begun < 5

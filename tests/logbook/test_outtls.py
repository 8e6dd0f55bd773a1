"""logbook/outtls.py: lines about TLS towards other hosts."""

from __future__ import annotations

import pytest

from qmtwist.logbook.outtls import Handshake, word, word_failure

GOOD = Handshake("TLSv1.3", "TLS_AES_256_GCM_SHA384", True, "")
NAME = b"mx.far.example"


def test_a_verified_handshake_is_one_line() -> None:
    assert word(GOOD, NAME, "2001:db8::1") == b"tls mx.far.example 2001:db8::1 TLSv1.3 TLS_AES_256_GCM_SHA384 verified"


def test_an_unverified_one_says_why() -> None:
    line = word(GOOD._replace(is_verified=False, why_not="self-signed certificate"), NAME, "192.0.2.1")
    assert line.endswith(b" unverified: self-signed certificate")


def test_a_failure_says_why() -> None:
    assert word_failure(b"timed out", NAME, "192.0.2.1") == b"tls mx.far.example 192.0.2.1 failed: timed out"


@pytest.mark.parametrize("foreign", ["two\nlines", "carriage\rreturn", "bücher.example", "nul\0"])
def test_what_a_certificate_says_cannot_look_like_a_line_of_ours(foreign: str) -> None:
    line = word(Handshake("TLSv1.3", "X", False, f"certificate is for {foreign}"), foreign.encode(), "192.0.2.1")
    assert all(32 <= byte < 127 for byte in line)
    assert all(32 <= byte < 127 for byte in word_failure(foreign.encode(), foreign.encode(), "192.0.2.1"))

"""rules/certificate.py: names in certificates. What real certificates say is tested where handshakes are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.certificate import indicated_name, mismatch


@pytest.mark.parametrize(
    "written", ["", "*", "*.example", "a*.*.example", "far\0.example", "bücher.example", "192.0.2.1"]
)
def test_a_malformed_name_counts_for_nothing_and_spoils_nothing(written: str) -> None:
    assert mismatch([written], [], [b"far.example"]).startswith("certificate is for ")
    assert mismatch([written, "far.example"], [], [b"far.example"]) == ""


def test_a_malformed_address_counts_for_nothing_and_spoils_nothing() -> None:
    assert mismatch([], ["<invalid>"], [b"[192.0.2.1]"]).startswith("certificate is for <invalid>")
    assert mismatch([], ["<invalid>", "192.0.2.1"], [b"[192.0.2.1]"]) == ""


def test_an_address_among_the_host_names_is_no_address() -> None:
    assert mismatch(["192.0.2.1"], [], [b"[192.0.2.1]"]) != ""


def test_only_a_few_names_are_told() -> None:
    text = mismatch([f"host{number}.example" for number in range(100)], [], [b"far.example"])
    assert text == "certificate is for host0.example, host1.example, host2.example, ..., not for far.example"


def test_a_long_name_is_cut() -> None:
    assert len(mismatch(["x" * 60000], [], [b"far.example"])) < 150


@pytest.mark.parametrize("wanted", [b"", b"b\xfccher.example", b"two words", b"nul\0.example"])
def test_a_name_that_no_certificate_can_bear_matches_none(wanted: bytes) -> None:
    assert mismatch(["far.example", "*.example.net"], [], [wanted]) != ""
    assert mismatch(["far.example"], [], [wanted, b"far.example"]) == ""


@given(st.lists(st.text(max_size=20)), st.lists(st.text(max_size=20)), st.lists(st.binary(max_size=20)))
def test_nothing_that_others_wrote_breaks_it(hosts: list[str], addresses: list[str], wanted: list[bytes]) -> None:
    assert isinstance(mismatch(hosts, addresses, wanted), str)


@pytest.mark.parametrize("name", [b"192.0.2.1", b"[192.0.2.1]", b"[IPv6:2001:db8::1]", b"", b".", b"a..b", b"-" * 64])
def test_what_is_no_host_name_is_not_asked_for(name: bytes) -> None:
    assert indicated_name(name) == b""


@given(st.binary(max_size=300))
def test_what_is_asked_for_is_a_host_name(name: bytes) -> None:
    indicated = indicated_name(name)
    assert len(indicated) <= 253
    assert indicated == indicated.decode("ascii").lower().encode()

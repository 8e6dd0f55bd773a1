"""mail/literal.py: IP addresses where a host name may stand."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.literal import parse_address, parse_literal


@pytest.mark.parametrize(
    ("host", "address"),
    [
        (b"[192.0.2.1]", "192.0.2.1"),
        (b"192.0.2.1", "192.0.2.1"),
        (b"[192.000.002.001]", "192.0.2.1"),
        (b"[IPv6:2001:DB8:0:0::1]", "2001:db8::1"),
        (b"[ipv6:::1]", "::1"),
        (b"[2001:db8::1]", "2001:db8::1"),  # as routes have it
        (b"[IPv6:::ffff:192.0.2.1]", "192.0.2.1"),  # the same host, so that nobody slips past the check for our own
    ],
)
def test_an_address_stands_for_itself(host: bytes, address: str) -> None:
    assert parse_literal(host) == address


@pytest.mark.parametrize(
    "host",
    [b"", b"[]", b"[", b"192.0.2", b"192.0.2.1.", b"192.0.2.256", b"[192.0.2.1", b"1.2.3.-4", b"1.2.3.\xb2", b"1..2.3",
     b"2001:db8::1", b"[IPv6:192.0.2.1]", b"[IPv6:fe80::1%eth0]", b"[IPv6:zz]", b"1.2.3." + b"9" * 5000, b"a.b.c.d"],
)  # fmt: skip
def test_everything_else_is_a_name(host: bytes) -> None:
    assert parse_literal(host) is None


@given(st.binary(max_size=60))
def test_no_bytes_do_harm(host: bytes) -> None:
    for address in (parse_literal(host), parse_address(host)):
        assert address is None or str(ip_address(address)) == address


@given(st.ip_addresses())
def test_every_address_is_understood(address: IPv4Address | IPv6Address) -> None:
    usual = str(getattr(address, "ipv4_mapped", None) or address)
    tag = b"IPv6:" if address.version == 6 else b""
    assert parse_literal(b"[" + tag + str(address).encode() + b"]") == usual
    assert parse_address(str(address).encode()) == usual

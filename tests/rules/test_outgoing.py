"""rules/outgoing: which address mail leaves from. (control/outgoingip, control/outgoingfamilies)"""

from __future__ import annotations

import pytest

from qmtwist.mail.errors import Malformed
from qmtwist.rules.outgoing import bind_address, parse, parse_families, parse_line


@pytest.mark.parametrize(
    ("line", "domain", "address"),
    [
        (b"192.0.2.1", b"", b"192.0.2.1"),
        (b":192.0.2.1", b"", b"192.0.2.1"),
        (b"[192.0.2.1]", b"", b"192.0.2.1"),
        (b"2001:db8::1", b"", b"2001:db8::1"),
        (b"::1", b"", b"::1"),
        (b":::1", b"", b"::1"),
        (b":2001:db8:0::1", b"", b"2001:db8::1"),
        (b"A.example:192.0.2.1", b"a.example", b"192.0.2.1"),
        (b".example:2001:DB8::1", b".example", b"2001:db8::1"),
        (b"cafe:[2001:db8::1]", b"cafe", b"2001:db8::1"),
    ],
)
def test_a_line_is_an_address_perhaps_for_a_domain(line: bytes, domain: bytes, address: bytes) -> None:
    assert parse_line(line) == ("ipv6" if b":" in address else "ipv4", domain, address)


@pytest.mark.parametrize(
    "line", [b"a.example", b"a.example:", b":", b"a.example:relay", b"192.0.2.256", b"1.2.3", b"192.0.2.0/24",
             b"fe80::1%eth0", b"a.example: 192.0.2.1", b"[192.0.2.1", b"192.0.2.1:25"],
)  # fmt: skip
def test_a_line_without_an_address_is_refused(line: bytes) -> None:
    with pytest.raises(Malformed):
        parse_line(line)


TABLE = parse([b"192.0.2.1", b"a.example:192.0.2.2", b".example:192.0.2.3", b".example:2001:db8::3", b"2001:db8::1",
               b"a.example:192.0.2.4"])  # fmt: skip


@pytest.mark.parametrize(
    ("sender", "ipv4", "ipv6"),
    [
        (b"joe@A.example", "192.0.2.4", "2001:db8::3"),
        (b"joe@b.Example", "192.0.2.3", "2001:db8::3"),
        (b"a@a.example@elsewhere.org", "192.0.2.1", "2001:db8::1"),
        (b"joe", "192.0.2.1", "2001:db8::1"),
        (b"", "192.0.2.1", "2001:db8::1"),
    ],
)
def test_the_closest_domain_with_an_address_of_the_family_counts(sender: bytes, ipv4: str, ipv6: str) -> None:
    assert bind_address(TABLE, sender, "ipv4") == ipv4
    assert bind_address(TABLE, sender, "ipv6") == ipv6


def test_without_a_line_the_kernel_chooses() -> None:
    assert bind_address(parse([]), b"joe@a.example", "ipv4") is None
    assert bind_address(parse([b"a.example:192.0.2.1"]), b"joe@b.example", "ipv4") is None


@pytest.mark.parametrize(
    ("line", "families"), [(b"ipv4 ipv6", ("ipv4", "ipv6")), (b" IPv6\tipv4", ("ipv6", "ipv4")), (b"ipv6", ("ipv6",))]
)
def test_families_are_named_in_order(line: bytes, families: tuple[str, ...]) -> None:
    assert parse_families(line) == families


@pytest.mark.parametrize("line", [b"", b"  ", b"ipv5", b"ipv4 ipv4", b"ipv4,ipv6"])
def test_other_families_are_refused(line: bytes) -> None:
    with pytest.raises(Malformed):
        parse_families(line)

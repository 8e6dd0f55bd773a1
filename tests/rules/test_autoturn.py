"""Lines of control/autoturn, and whom they are about."""

from __future__ import annotations

import pytest

from qmtwist.mail.errors import Malformed
from qmtwist.rules.autoturn import Customer, Customers, covers, domain_matches
from qmtwist.rules.clienttable import ClientTable


def test_the_closest_block_is_meant() -> None:
    customers = Customers([b"10.0.0.0/8:far", b"10.1.2.3:near:qmtp:1209", b"[2001:db8::/32]:/srv/six/:2525"])
    assert customers.find(b"10.1.2.3") == Customer(b"autoturn-near-", b"near", b"qmtp", 1209)
    assert customers.find(b"10.9.9.9") == Customer(b"autoturn-far-", b"far", b"smtp", 25)
    assert customers.find(b"2001:db8::7") == Customer(b"autoturn-six-", b"/srv/six/", b"smtp", 2525)
    assert customers.find(b"192.0.2.1") is None


@pytest.mark.parametrize(
    "line",
    [b"10.0.0.1", b"10.0.0.1:", b"10.0.0.1:box:ftp", b"10.0.0.1:box:smtp:0", b"10.0.0.1:box:65536", b"10.0.0.1:/",
     b"10.0.0.1:=box", b"10.0.0.1:box:smtp:25:more", b"host.example:box", b":box", b"10.0.0.1/8:box", b"=host:box"],
)  # fmt: skip
def test_a_line_that_is_not_understood_is_refused(line: bytes) -> None:
    with pytest.raises(Malformed):
        Customers([line])


def test_addresses_are_written_as_in_tcprules() -> None:
    table = ClientTable([b"10.1-3.", b"[::1]"])
    assert [table.find(ip) for ip in (b"10.2.0.1", b"10.4.0.1", b"::1")] == [0, None, 1]
    for key in (b"", b"all", b"=", b"a@10.0.0.1"):
        with pytest.raises(Malformed):
            ClientTable([key])


def test_etrn_is_about_a_domain_or_with_an_at_all_below_it() -> None:
    assert domain_matches(b"x.example", b"X.example") and not domain_matches(b"x.example", b"a.x.example")
    assert domain_matches(b"@x.example", b"a.x.example") and not domain_matches(b"@x.example", b"ax.example")
    assert covers(b".example other", b"a.example") and not covers(b"a.example", b"b.a.example")

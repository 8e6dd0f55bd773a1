"""services/listen.py: who comes in."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from qmtwist.rules.peers import BadRule
from qmtwist.services.listen import Denied, Door, Peer, PeerRules, TooMany, address_block, plain_ip
from qmtwist.services.smtpd import SmtpProtocol, TurnedAway
from tests.support.smtp_service import SmtpHouse


class Porch:
    def __init__(self, total: int, per_ip: int, rules: str | None = None) -> None:
        self.clock = Clock()
        self.lines: list[bytes] = []
        self.door = Door(b"smtp", self.clock, self.lines.append)
        self.door.configure(total, per_ip, rules)


def test_the_total_is_limited_and_a_place_becomes_free() -> None:
    porch = Porch(total=3, per_ip=3)
    answers = [porch.door.admit(f"192.0.2.{n}", 9) for n in range(4)]
    assert [type(answer) for answer in answers] == [Peer, Peer, Peer, TooMany]
    assert porch.lines == [b"smtp: 192.0.2.3 turned away: too many connections"]
    porch.door.leave(b"192.0.2.0")
    assert isinstance(porch.door.admit("192.0.2.3", 9), Peer)


@pytest.mark.parametrize(("count", "last"), [(1, Peer), (2, Peer), (3, TooMany)])
def test_each_address_is_limited(count: int, last: type) -> None:
    porch = Porch(total=100, per_ip=2)
    assert isinstance([porch.door.admit("192.0.2.1", 9) for _ in range(count)][-1], last)
    assert isinstance(porch.door.admit("192.0.2.2", 9), Peer)
    porch.door.leave(b"192.0.2.1")
    assert isinstance(porch.door.admit("192.0.2.1", 9), Peer)


def test_an_ipv6_customer_is_one_address() -> None:
    porch = Porch(total=100, per_ip=2)
    answers = [porch.door.admit(f"2001:db8:0:1::{n}", 9) for n in range(1, 4)]
    assert [type(answer) for answer in answers] == [Peer, Peer, TooMany]
    assert isinstance(porch.door.admit("2001:db8:0:2::1", 9), Peer)
    porch.door.leave(b"2001:db8:0:1::1")
    assert isinstance(porch.door.admit("2001:db8:0:1::9", 9), Peer)


def test_lines_about_those_turned_away_are_bounded() -> None:
    porch = Porch(total=0, per_ip=0)
    for _ in range(1000):
        porch.door.admit("192.0.2.1", 9)
    porch.clock.advance(1)
    porch.door.admit("192.0.2.1", 9)
    assert porch.lines == [
        b"smtp: 192.0.2.1 turned away: too many connections",
        b"smtp: 192.0.2.1 turned away: too many connections (and 999 more)",
    ]


def test_a_denied_client_takes_no_place(tmp_path: Path) -> None:
    (tmp_path / "rules").write_bytes(b"192.0.2.66:deny\n:allow\n")
    porch = Porch(1, 1, str(tmp_path / "rules"))
    assert porch.door.admit("192.0.2.66", 9) == Denied()
    assert porch.lines == [b"smtp: 192.0.2.66 turned away: denied by control/tcprules"]
    assert porch.door.admit("192.0.2.1", 9) == Peer(b"192.0.2.1", 9, {})


def test_an_ipv4_client_of_an_ipv6_socket_meets_the_ipv4_rules(tmp_path: Path) -> None:
    (tmp_path / "rules").write_bytes(b'127.:allow,RELAYCLIENT=""\n')
    door = Porch(9, 9, str(tmp_path / "rules")).door
    assert door.admit("::ffff:127.0.0.1", 9) == Peer(b"127.0.0.1", 9, {b"RELAYCLIENT": b""})


def test_rules_that_cannot_be_read_at_the_start_are_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "rules").write_bytes(b":maybe\n")
    porch = Porch(9, 9)
    with pytest.raises(BadRule):
        porch.door.configure(9, 9, str(tmp_path / "rules"))
    with pytest.raises(IsADirectoryError):
        porch.door.configure(9, 9, str(tmp_path))
    assert isinstance(porch.door.admit("192.0.2.1", 9), Peer)


def test_the_rules_file_is_looked_at_once_a_second_at_most(tmp_path: Path) -> None:
    path, clock = tmp_path / "rules", Clock()
    rules = PeerRules(str(path), clock, print)
    assert not rules.lookup(b"192.0.2.1").is_denied
    path.write_bytes(b":deny\n")
    assert not rules.lookup(b"192.0.2.1").is_denied
    clock.advance(1)
    assert rules.lookup(b"192.0.2.1").is_denied


def test_addresses_are_read_plainly() -> None:
    assert plain_ip("fe80::1%eth0") == b"fe80::1"
    assert plain_ip(b"192.0.2.1") == b"192.0.2.1"
    assert plain_ip("::ffff:7f00:1") == b"::ffff:7f00:1"
    assert address_block(b"not:an:address") == b"not:an:address"
    assert address_block(b"2001:db8:0:1::5") == b"\x20\x01\x0d\xb8\x00\x00\x00\x01"


def test_one_connection_too_many_is_told_so_and_closed() -> None:
    house = SmtpHouse(concurrencyincoming=1)
    first = house.connect()
    turned_away, transport = house.protocol(port=2), StringTransport()
    assert isinstance(turned_away, TurnedAway)
    turned_away.makeConnection(transport)
    assert transport.value() == b"421 too many connections (#4.7.0)\r\n" and transport.disconnecting
    first.lose()
    assert isinstance(house.protocol(port=3), SmtpProtocol)


def test_clients_of_ipv6_and_of_a_unix_socket_come_in_too() -> None:
    house = SmtpHouse()
    for address in (IPv6Address("TCP", "::1", 9), UNIXAddress(None)):
        assert isinstance(house.factory.buildProtocol(address), SmtpProtocol)

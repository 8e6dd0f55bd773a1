"""services/door/listen.py: who comes in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from qmtwist.control.settings import AccessSettings
from qmtwist.mail.errors import Malformed
from qmtwist.rules import tcprules
from qmtwist.rules.peers import lookup
from qmtwist.services.door.crowd import address_block
from qmtwist.services.door.listen import Denied, Door, Peer, TooMany, plain_ip
from qmtwist.services.door.peerrules import PeerRules
from qmtwist.services.smtp.smtpd import SmtpProtocol, TurnedAway
from qmtwist.store import cdb
from tests.support.smtp_service import SmtpHouse


class Porch:
    def __init__(self, total: int, per_ip: int, **access: Any) -> None:
        self.clock = Clock()
        self.lines: list[bytes] = []
        self.door = Door(b"smtp", self.clock, self.lines.append)
        self.door.configure(total, per_ip, AccessSettings(**access))


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
    (tmp_path / "tcprules").write_bytes(b"192.0.2.66:deny\n:allow\n")
    porch = Porch(1, 1, directory=str(tmp_path))
    assert porch.door.admit("192.0.2.66", 9) == Denied()
    assert porch.lines == [b"smtp: 192.0.2.66 turned away: denied by control/tcprules:1"]
    assert porch.door.admit("192.0.2.1", 9) == Peer(b"192.0.2.1", 9, {}, b"tcprules:2")


def test_an_ipv4_client_of_an_ipv6_socket_meets_the_ipv4_rules(tmp_path: Path) -> None:
    (tmp_path / "tcprules").write_bytes(b'127.:allow,RELAYCLIENT=""\n')
    door = Porch(9, 9, directory=str(tmp_path)).door
    assert door.admit("::ffff:127.0.0.1", 9) == Peer(b"127.0.0.1", 9, {b"RELAYCLIENT": b""}, b"tcprules:1")


def test_rules_that_cannot_be_read_at_the_start_are_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "tcprules").write_bytes(b":maybe\n")
    porch = Porch(9, 9)
    with pytest.raises(Malformed, match="control/tcprules: line 1: unable to parse this line: :maybe"):
        porch.door.configure(9, 9, AccessSettings(str(tmp_path)))
    (tmp_path / "tcprules.smtp").mkdir()
    with pytest.raises(IsADirectoryError):
        porch.door.configure(9, 9, AccessSettings(str(tmp_path)))
    os.rmdir(tmp_path / "tcprules.smtp")
    (tmp_path / "tcprules.smtp").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        porch.door.configure(9, 9, AccessSettings(str(tmp_path)))
    assert isinstance(porch.door.admit("192.0.2.1", 9), Peer)


def test_the_rules_file_is_looked_at_once_a_second_at_most(tmp_path: Path) -> None:
    path, clock = tmp_path / "tcprules", Clock()
    rules = PeerRules(str(tmp_path), "smtp", clock, print)
    assert not is_denied(rules)
    path.write_bytes(b":deny\n")
    assert not is_denied(rules)
    clock.advance(1)
    assert is_denied(rules)


def is_denied(rules: PeerRules, ip: bytes = b"192.0.2.1") -> bool:
    return lookup(rules.now()[0], ip, None, None).is_denied


def test_a_services_own_file_goes_before_the_common_one_and_a_text_before_its_cdb(tmp_path: Path) -> None:
    clock, lines = Clock(), []
    for name in ("tcprules.cdb", "tcprules", "tcprules.smtp.cdb", "tcprules.smtp"):
        text = b'192.0.2.1:allow,W="%s"\n' % name.encode()
        if name.endswith(".cdb"):
            cdb.write(str(tmp_path / name), str(tmp_path / "tmp"), records(text))
        else:
            (tmp_path / name).write_bytes(text)
    rules = PeerRules(str(tmp_path), "smtp", clock, lines.append)
    for name, rule in (
        ("tcprules.smtp", b"tcprules.smtp:1"),
        ("tcprules.smtp.cdb", b"tcprules.smtp.cdb:192.0.2.1"),
        ("tcprules", b"tcprules:1"),
        ("tcprules.cdb", b"tcprules.cdb:192.0.2.1"),
    ):
        found, is_own = rules.now()
        decision = lookup(found, b"192.0.2.1", None, None)
        assert (decision.rule, decision.variables, is_own) == (rule, {b"W": name.encode()}, ".smtp" in name)
        os.unlink(tmp_path / name)
        clock.advance(1)
    assert lookup(rules.now()[0], b"192.0.2.1", None, None).rule == b""
    assert lines[-1] == b"smtp: no control/tcprules any more"


def records(text: bytes) -> list[tuple[bytes, bytes]]:
    return [(key, tcprules.encode(rule)) for rule in tcprules.read(text) for key in rule.keys]


def test_a_link_to_a_cdb_elsewhere_follows_what_tcprules_makes_of_it(tmp_path: Path) -> None:
    elsewhere, clock, lines = tmp_path / "tcp.smtp.cdb", Clock(), []
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "tcprules.smtp").symlink_to(elsewhere)
    cdb.write(str(elsewhere), str(tmp_path / "tmp"), records(b"192.0.2.:deny\n10.0.0.0/8:deny\n10.0.0.1/8:deny\n"))
    rules = PeerRules(str(tmp_path / "control"), "smtp", clock, lines.append)
    assert is_denied(rules) and is_denied(rules, b"10.9.9.9") and not is_denied(rules, b"11.0.0.1")
    cdb.write(str(elsewhere), str(tmp_path / "tmp"), records(b"192.0.2.:allow\n"))
    clock.advance(1)
    assert not is_denied(rules)
    elsewhere.write_bytes(b"not a cdb")
    clock.advance(1)
    assert not is_denied(rules)
    assert lines[0] == b"smtp: control/tcprules.smtp: 1 rules now"
    assert b"warning: control/tcprules.smtp: constant database" in lines[1]


def test_trouble_that_stays_is_said_once(tmp_path: Path) -> None:
    clock, lines = Clock(), []
    rules = PeerRules(str(tmp_path), "smtp", clock, lines.append)
    (tmp_path / "tcprules").symlink_to("nowhere")
    for _ in range(5):
        clock.advance(1)
        rules.now()
    assert len(lines) == 1 and b"the old rules stay" in lines[0]


def test_a_closed_service_lets_in_whom_its_own_rules_allow_or_the_common_ones_let_relay(tmp_path: Path) -> None:
    (tmp_path / "tcprules").write_bytes(b'192.0.2.:allow,RELAYCLIENT=""\n:allow\n')
    lines: list[bytes] = []
    door = Door(b"qmqp", Clock(), lines.append, is_closed=True)
    door.configure(9, 9, AccessSettings())
    assert isinstance(door.admit("192.0.2.1", 9), Denied)
    door.configure(9, 9, AccessSettings(str(tmp_path)))
    assert isinstance(door.admit("192.0.2.1", 9), Peer)
    assert isinstance(door.admit("198.51.100.1", 9), Denied)
    assert lines[0] == b"qmqp: 192.0.2.1 turned away: no rule of control/tcprules.qmqp allows it"
    (tmp_path / "tcprules.qmqp").write_bytes(b"198.51.100.:allow\n")
    door.configure(9, 9, AccessSettings(str(tmp_path)))
    assert isinstance(door.admit("198.51.100.1", 9), Peer)
    assert isinstance(door.admit("192.0.2.1", 9), Denied)


def test_broken_rules_of_its_own_do_not_open_a_closed_service(tmp_path: Path) -> None:
    (tmp_path / "tcprules").write_bytes(b":allow\n")
    clock = Clock()
    door = Door(b"qmqp", clock, print, is_closed=True)
    door.configure(9, 9, AccessSettings(str(tmp_path)))
    (tmp_path / "tcprules.qmqp").write_bytes(b":maybe\n")
    clock.advance(1)
    assert isinstance(door.admit("192.0.2.1", 9), Denied)


def test_a_network_is_limited_too() -> None:
    porch = Porch(total=100, per_ip=100, per_network=2)
    answers = [porch.door.admit(host, 9) for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.3.1")]
    assert [type(answer) for answer in answers] == [Peer, Peer, TooMany, Peer]
    assert porch.lines == [b"smtp: 192.0.2.3 turned away: too many connections of this network"]
    porch.door.leave(b"192.0.2.1")
    assert isinstance(porch.door.admit("192.0.2.3", 9), Peer)
    answers = [porch.door.admit(f"2001:db8:0:{n}::1", 9) for n in (1, 2, 3)]
    assert [type(answer) for answer in answers] == [Peer, Peer, TooMany]


def test_a_client_comes_so_often_in_a_minute() -> None:
    porch = Porch(total=100, per_ip=100, connections_per_minute=3)
    answers = [porch.door.admit("192.0.2.1", 9) for _ in range(4)]
    assert [type(answer) for answer in answers] == [Peer, Peer, Peer, TooMany]
    assert porch.lines == [b"smtp: 192.0.2.1 turned away: too many connections of this address in a minute"]
    assert isinstance(porch.door.admit("192.0.2.2", 9), Peer)
    porch.clock.advance(20)
    answers = [porch.door.admit("192.0.2.1", 9) for _ in range(2)]
    assert [type(answer) for answer in answers] == [Peer, TooMany]


def test_a_network_comes_so_often_in_a_minute() -> None:
    porch = Porch(total=100, per_ip=100, network_connections_per_minute=2)
    answers = [porch.door.admit(host, 9) for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.3.1")]
    assert [type(answer) for answer in answers] == [Peer, Peer, TooMany, Peer]
    assert porch.lines == [b"smtp: 192.0.2.3 turned away: too many connections of this network in a minute"]
    porch.clock.advance(30)
    assert isinstance(porch.door.admit("192.0.2.3", 9), Peer)


def test_a_reload_forgets_nothing_that_was_counted() -> None:
    porch = Porch(total=100, per_ip=100, connections_per_minute=1, messages_per_hour=1)
    assert isinstance(porch.door.admit("192.0.2.1", 9), Peer) and porch.door.take_message(b"192.0.2.1")
    porch.door.configure(100, 100, AccessSettings(connections_per_minute=1, messages_per_hour=1))
    assert isinstance(porch.door.admit("192.0.2.1", 9), TooMany) and not porch.door.take_message(b"192.0.2.1")
    porch.door.configure(100, 100, AccessSettings())
    assert isinstance(porch.door.admit("192.0.2.1", 9), Peer) and porch.door.take_message(b"192.0.2.1")


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

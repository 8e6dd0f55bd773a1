"""agents/remote/deliver by MX and MXPS, with port 25 and 209 of a network of our own. (MXPS preferences)"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.store.deadhosts import Record
from tests.support.network import BlackHole, has_ipv6, private_network
from tests.support.peers import Peer, reply
from tests.support.qmtp_peer import QmtpPeer
from tests.support.remote_home import NOT_CONNECTED, TEXT, Home
from tests.support.zone import Zone

pytestmark = pytest.mark.root
ZONE = """
far.example. MX 12801 near.example.
far.example. MX 12816 second.example.
near.example. A 192.0.2.1
second.example. A 192.0.2.2
both.example. MX 10 six.example.
six.example. AAAA 2001:db8::1
six.example. A 192.0.2.6
loop.example. MX 10 a.example.
loop.example. MX 20 ours.example.
loop.example. MX 30 c.example.
a.example. A 192.0.2.11
ours.example. A 127.0.0.1
c.example. A 192.0.2.13
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with private_network(), Zone(ZONE, "127.0.0.53", 53):
        home = Home(tmp_path)
        home.put("nameservers", "127.0.0.53\n")
        home.put("timeoutconnect", "1\n")
        yield home


def test_a_preference_that_announces_qmtp_is_believed(home: Home) -> None:
    with QmtpPeer("192.0.2.1", 209) as peer, Peer("192.0.2.1", 25) as other:
        assert home.send().letter == b"K"
        assert (len(peer.messages), other.connections) == (1, 0)
        assert peer.messages[0].body == b"\n" + TEXT


def test_what_qmtp_says_stands(home: Home) -> None:
    with QmtpPeer("192.0.2.1", 209) as peer, Peer("192.0.2.1", 25) as other, Peer("192.0.2.2", 25) as second:
        peer.verdicts = {b"joe@far.example": b"Dno such user"}
        result = home.send()
        assert [letter for letter, _ in result.recipients] == [b"h"]
        assert (other.connections, second.connections) == (0, 0)


def test_where_qmtp_is_closed_the_same_host_gets_it_by_smtp(home: Home) -> None:
    with Peer("192.0.2.1", 25) as peer, Peer("192.0.2.2", 25) as second:
        assert home.send().letter == b"K"
        assert (len(peer.messages), second.connections) == (1, 0)


def test_a_firewall_that_swallows_qmtp_does_not_make_the_host_dead(home: Home) -> None:
    with BlackHole("192.0.2.1", 209), Peer("192.0.2.1", 25) as peer:
        assert home.send().letter == b"K"
        assert len(peer.messages) == 1
    assert home.dead_hosts.records() == []


def test_a_host_whose_both_ports_time_out_is_noted_once_and_the_next_tried(home: Home) -> None:
    with BlackHole("192.0.2.1", 209), BlackHole("192.0.2.1", 25), Peer("192.0.2.2", 25) as second:
        assert home.send().letter == b"K"
        assert len(second.messages) == 1
    (record,) = home.dead_hosts.records()
    assert record == Record("192.0.2.1", 1, record.when)


@pytest.mark.parametrize(("families", "address"), [("ipv4 ipv6", "192.0.2.6"), ("ipv6", "2001:db8::1")])
def test_the_preferred_family_goes_first_and_one_that_is_not_named_not_at_all(
    home: Home, families: str, address: str
) -> None:
    if not has_ipv6("2001:db8::1"):
        pytest.skip("no IPv6 here")
    home.put("outgoingfamilies", families + "\n")
    with Peer("192.0.2.6", 25) as four, Peer("2001:db8::1", 25) as six:
        assert home.send(host=b"both.example").letter == b"K"
        assert [peer.address for peer in (four, six) if peer.messages] == [address]


def test_from_one_family_to_the_other_when_it_is_turned_away(home: Home) -> None:
    if not has_ipv6("2001:db8::1"):
        pytest.skip("no IPv6 here")
    with Peer("192.0.2.6", 25, greeting=reply(b"421 busy\r\n")) as four, Peer("2001:db8::1", 25) as six:
        assert home.send(host=b"both.example").text.startswith(b"2001:db8::1 accepted message.\n")
        assert (four.connections, len(six.messages)) == (1, 1)


def test_only_hosts_better_than_this_one_are_tried(home: Home) -> None:
    with Peer("192.0.2.13", 25) as worse:
        result = home.send(host=b"loop.example")
        assert (result.letter, result.text) == (b"Z", NOT_CONNECTED)
        assert worse.connections == 0

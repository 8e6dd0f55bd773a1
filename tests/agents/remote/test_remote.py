"""agents/remote/deliver: one message to one host, against servers that do what a test says. (qmail-remote(8))"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.store.deadhosts import Record
from qmtwist.wire.remotereport import Result
from tests.support.network import BlackHole, has_ipv6, port_for
from tests.support.peers import Act, Peer, drop, endless, reply, reset, stall, then_drop, trickle
from tests.support.remote_home import NOT_CONNECTED, TEXT, Home
from tests.support.zone import Zone

WIRE = TEXT.replace(b"\n", b"\r\n")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def zone(home: Home) -> Iterator[Zone]:
    """Names without their own addresses: relay.example is four hosts of this one."""
    with Zone("".join(f"relay.example. A 127.0.0.{number}\n" for number in (11, 12, 13))) as zone:
        home.put("nameservers", zone.nameserver + "\n")
        yield zone


# -- where to


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_message_arrives_by_ipv4_and_ipv6(home: Home, address: str) -> None:
    if not has_ipv6(address):
        pytest.skip("no IPv6 here")
    with Peer(address) as peer:
        home.route(peer)
        result = home.send(b"joe@far.example", b"ann@far.example")
    assert (
        result.records()
        == b"r\0r\0K%s accepted message.\nRemote host said: 250 2.0.0 queued as 1\n\0" % address.encode()
    )
    (message,) = peer.messages
    assert message.body == WIRE
    assert message.sender.startswith(b"<s@example.org>")
    assert message.recipients == (b"joe@far.example", b"ann@far.example")
    assert message.greeted == b"EHLO mail.example.org"


@contextlib.contextmanager
def peers_at(port: int, *acts: dict[str, Act]) -> Iterator[list[Peer]]:
    """Servers at the addresses of relay.example, in order; what each does instead of its work."""
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Peer(f"127.0.0.{11 + number}", port)) for number in range(len(acts))]
        for peer, own in zip(peers, acts, strict=True):
            peer.acts.update(own)
        yield peers


def relay(home: Home, port: int) -> None:
    """All mail goes to relay.example, whose addresses are tried in random order."""
    home.put("smtproutes", f":relay.example:{port}\n")


def test_a_host_that_refuses_the_connection_is_passed_over(home: Home, zone: Zone) -> None:
    with Peer("127.0.0.12") as peer:
        relay(home, peer.port)
        for _ in range(4):
            assert home.send().letter == b"K"
    assert len(peer.messages) == 4
    assert zone.asked("relay.example", "A") == 4 and zone.asked("relay.example", "MX") == 0


@pytest.mark.parametrize(
    "act", [reply(b"421 busy\r\n"), reply(b"554 no\r\n"), drop, reset, then_drop(b"220-and"), then_drop(b"xyz\r\n")]
)
def test_a_host_that_turns_us_away_before_the_message_is_passed_over(home: Home, zone: Zone, act: Act) -> None:
    port = port_for("127.0.0.11", "127.0.0.12", "127.0.0.13")
    acts = {"greeting": act}
    with peers_at(port, acts, acts, {}) as (one, two, good):
        relay(home, port)
        for _ in range(4):
            assert home.send().letter == b"K"
    assert one.connections + two.connections > 0
    assert len(good.messages) == 4


def test_if_all_turn_us_away_the_report_is_of_one_of_them(home: Home, zone: Zone) -> None:
    with Peer("127.0.0.13", greeting=reply(b"421 busy\r\n")) as peer:
        relay(home, peer.port)
        result = home.send()
    assert result == Result((), b"Z", b"Connected to 127.0.0.13 but greeting failed.\nRemote host said: 421 busy\n")


@pytest.mark.parametrize("step", ["body", "dot"])
@pytest.mark.parametrize("act", [drop, reset, reply(b"421 closing\r\n"), reply(b"554 no\r\n")])
def test_who_has_begun_to_take_the_message_is_the_last_to_be_tried(home: Home, zone: Zone, step: str, act: Act) -> None:
    port = port_for("127.0.0.11", "127.0.0.12", "127.0.0.13")
    acts = {step: act}
    with peers_at(port, acts, acts, acts) as peers:
        relay(home, port)
        result = home.send(text=TEXT + b"x" * 3000000 + b"\n")
    assert result.letter in (b"Z", b"D")
    assert sum(peer.connections for peer in peers) == 1


def test_a_sender_refused_for_good_is_not_offered_to_the_next_host(home: Home, zone: Zone) -> None:
    with (
        Peer("127.0.0.11", mail=reply(b"550 no\r\n")) as one,
        Peer("127.0.0.12", one.port, mail=reply(b"550 no\r\n")) as two,
    ):
        relay(home, one.port)
        assert home.send().letter == b"D"
    assert one.connections + two.connections == 1


def test_nobody_there_is_qmails_one_deferral(home: Home) -> None:
    home.put("smtproutes", f":127.0.0.1:{port_for('127.0.0.1')}\n")
    assert home.send() == Result((), b"Z", NOT_CONNECTED)
    home.put("smtproutes", ":127.0.0.1:\n")
    assert home.send() == Result((), b"Z", NOT_CONNECTED)


def test_a_host_that_does_not_exist_is_a_failure_and_one_that_cannot_be_asked_about_a_deferral(
    home: Home, zone: Zone
) -> None:
    home.put("smtproutes", ":nobody.example\n")
    result = home.send()
    assert (result.letter, result.text) == (b"D", b"Sorry, I couldn't find any host named nobody.example. (#5.1.2)\n")
    home.put("nameservers", f"127.0.0.1 {port_for('127.0.0.1')}\n")
    result = home.send(host=b"other.example")
    assert (result.letter, result.text) == (b"Z", b"Sorry, I couldn't find any host by that name. (#4.1.2)\n")


@pytest.mark.parametrize("host", [b"[127.0.0.1]", b"127.0.0.1", b"[0.0.0.0]", b"[192.0.2.77]", b"[IPv6:2001:db8::77]"])
def test_mail_does_not_go_to_ourselves_nor_to_localaddresses(home: Home, host: bytes) -> None:
    home.put("localaddresses", "192.0.2.77\n2001:db8:0:0::77\n")
    result = home.send(host=host)
    assert result.letter == b"D"
    assert result.text.startswith(b"Sorry. Although I'm listed as a best-preference MX or A for that host,\n")


def test_mail_leaves_from_the_address_of_its_senders_domain(home: Home) -> None:
    home.put("outgoingip", "127.0.0.21\nexample.org:127.0.0.22\n.example.org:127.0.0.23\n::9\n")
    with Peer() as peer:
        home.route(peer)
        for sender in (b"", b"s@example.org", b"s@a.Example.org", b"s@elsewhere.example"):
            assert home.send(sender=sender).letter == b"K"
    assert [message.client for message in peer.messages] == ["127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.21"]


def test_an_address_that_is_not_ours_defers_and_says_nothing_about_the_host(home: Home) -> None:
    home.put("outgoingip", "192.0.2.1\n")
    home.dead_hosts.timed_out("127.0.0.1", int(time.time()))
    with Peer() as peer:
        home.route(peer)
        assert home.send() == Result((), b"Z", NOT_CONNECTED)
    assert [record.timeouts for record in home.dead_hosts.records()] == [1]


# -- hosts that do not answer


@pytest.mark.parametrize("address", ["127.0.0.31", "::1"])
def test_a_timeout_is_remembered_and_an_answer_forgets_it(home: Home, address: str) -> None:
    if not has_ipv6(address):
        pytest.skip("no IPv6 here")
    home.put("timeoutconnect", "1\n")
    with BlackHole(address) as hole:
        home.put("smtproutes", f":[{address}]:{hole.port}\n")
        begin = time.monotonic()
        assert home.send() == Result((), b"Z", NOT_CONNECTED)
        assert 0.9 <= time.monotonic() - begin < 10
    (record,) = home.dead_hosts.records()
    assert record[:2] == (address, 1) and abs(record.when - time.time()) < 10
    assert home.send() == Result((), b"Z", NOT_CONNECTED)  # refused now
    assert home.dead_hosts.records() == []


def test_a_dead_host_is_not_tried_and_another_is(home: Home, zone: Zone) -> None:
    now = int(time.time())
    for address in ("127.0.0.11", "127.0.0.12"):
        home.dead_hosts.timed_out(address, now - 500)
        home.dead_hosts.timed_out(address, now)
    port = port_for("127.0.0.11", "127.0.0.12", "127.0.0.13")
    with Peer("127.0.0.11", port) as one, Peer("127.0.0.12", port) as two:
        relay(home, port)
        assert home.send() == Result((), b"Z", NOT_CONNECTED)
        with Peer("127.0.0.13", port) as good:
            assert home.send().letter == b"K"
        assert (one.connections, two.connections, len(good.messages)) == (0, 0, 1)
    assert home.dead_hosts.records() == [Record("127.0.0.11", 2, now), Record("127.0.0.12", 2, now)]


SLOW = [
    {"greeting": trickle(b"220-slow\r\n")},
    {"mail": stall},
    {"rcpt": trickle(b"250 ok and ")},
    {"data": stall},
    {"body": stall},
    {"dot": trickle(b"250 ok and ")},
]


@pytest.mark.parametrize("acts", SLOW, ids=lambda acts: next(iter(acts)))
def test_each_reply_in_whole_and_each_block_have_timeoutremote(home: Home, acts: dict[str, Act]) -> None:
    home.put("timeoutremote", "1\n")
    with Peer() as peer:
        peer.acts.update(acts)
        home.route(peer)
        begin = time.monotonic()
        # more than fits between us and one who does not read
        result = home.send(text=b"x" * 77 + b"\n" if "body" not in acts else (b"x" * 77 + b"\n") * 300000)
        assert time.monotonic() - begin < 8
    assert result.letter == b"Z"
    assert result.text.startswith(b"Connected to 127.0.0.1 but connection died.")
    assert (b"Possible duplicate!" in result.text) == ("dot" in acts)


def test_a_reply_without_end_is_not_read_for_ever(home: Home) -> None:
    with Peer(greeting=endless(b"220-more\r\n")) as peer:
        home.route(peer)
        assert home.send().letter == b"Z"


def test_a_refusal_in_the_middle_of_the_message_is_believed(home: Home) -> None:
    with Peer(body=then_drop(b"552 too much\r\n")) as peer:
        home.route(peer)
        result = home.send(text=(b"x" * 77 + b"\n") * 300000)
    assert result.letter in (b"D", b"Z")  # Z where the reset overtook the refusal
    if result.letter == b"D":
        assert result.text == b"127.0.0.1 failed after I sent the message.\nRemote host said: 552 too much\n"

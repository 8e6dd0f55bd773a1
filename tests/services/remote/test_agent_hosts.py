"""The remote agent with real servers on loopback: which host gets the mail, and for how long it is waited for."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import pytest
import pytest_twisted
from twisted.internet.defer import gatherResults

from qmtwist.mail.outcome import Outcome, Verdict
from tests.support import peers
from tests.support.network import has_ipv6
from tests.support.peers import Peer
from tests.support.qmtp_peer import QmtpPeer
from tests.support.remote_desk import MESSAGE, RemoteDesk, all_to, order
from tests.support.zone import Fault, Zone

Make = Callable[..., RemoteDesk]


# -- hosts


ZONE = """
far.example. 60 IN MX 10 a.far.example.
far.example. 60 IN MX 20 b.far.example.
a.far.example. 60 IN A 127.0.0.2
b.far.example. 60 IN A 127.0.0.3
"""


@contextlib.contextmanager
def two_hosts(zone: str = ZONE):  # type: ignore[no-untyped-def]
    """A zone and servers on one port of 127.0.0.2 and 127.0.0.3."""
    with Zone(zone) as served, Peer("127.0.0.2") as first, Peer("127.0.0.3", first.port) as second:
        yield served, first, second


def at_port(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other hosts listen there, as ordinary users may."""
    monkeypatch.setattr("qmtwist.rules.smarthost.SMTP_PORT", port)


@pytest.mark.parametrize(
    "acts",
    [
        {"greeting": peers.drop},
        {"greeting": peers.then_drop(b"421 4.3.2 busy\r\n")},
        {"greeting": peers.then_drop(b"450 4.3.2 later\r\n")},
        {"mail": peers.then_drop(b"421 4.3.2 shutting down\r\n")},
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_host_that_does_not_serve_leaves_the_mail_to_the_next(
    make: Make, monkeypatch: pytest.MonkeyPatch, acts: dict[str, peers.Act]
) -> None:
    with two_hosts() as (zone, first, second):
        at_port(first.port, monkeypatch)
        first.acts.update(acts)
        desk = make(nameservers=zone.nameserver)
        outcome = await desk.deliver(order(b"far.example"))
        assert outcome.verdict is Verdict.SUCCESS and outcome.text.startswith(b"127.0.0.3 accepted")
        assert (first.connections, len(second.messages)) == (1, 1)


@pytest_twisted.ensureDeferred
async def test_a_closed_port_leaves_the_mail_to_the_next(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with two_hosts() as (zone, first, second):
        at_port(first.port, monkeypatch)
        first.close()
        desk = make(nameservers=zone.nameserver)
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        second.close()
        desk.agent._staff.pool.clear()
        outcome = await desk.deliver(order(b"far.example"))
        assert outcome.verdict is Verdict.DEFERRAL and b"#4.4.1" in outcome.text


@pytest_twisted.ensureDeferred
async def test_a_refusal_of_the_recipient_is_final_and_no_other_host_is_asked(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two_hosts() as (zone, first, second):
        at_port(first.port, monkeypatch)
        first.verdicts[b"joe@far.example"] = b"550 5.1.1 no\r\n"
        desk = make(nameservers=zone.nameserver)
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.FAILURE
        assert not second.connections


@pytest_twisted.ensureDeferred
async def test_no_such_host_is_a_failure_and_no_name_server_a_deferral(make: Make) -> None:
    with Zone(ZONE) as zone:
        zone.faults["down.example"] = Fault.SERVFAIL
        desk = make(nameservers=zone.nameserver)
        assert await desk.deliver(order(b"none.example")) == Outcome(
            Verdict.FAILURE, b"Sorry, I couldn't find any host named none.example. (#5.1.2)\n"
        )
        assert (await desk.deliver(order(b"down.example"))).verdict is Verdict.DEFERRAL


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6")
@pytest_twisted.ensureDeferred
async def test_ipv6_hosts_are_reached(make: Make) -> None:
    with Peer("::1") as peer:
        desk = make(smtproutes=f":[::1]:{peer.port}")
        outcome = await desk.deliver(order(b"far.example"))
        assert outcome.text.startswith(b"::1 accepted message."), outcome


@pytest_twisted.ensureDeferred
async def test_mail_leaves_from_the_address_that_outgoingip_names(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer), outgoingip="127.0.0.7\nother.example:127.0.0.8")
        await desk.deliver(order(b"far.example"))
        await desk.deliver(order(b"far.example", sender=b"s@other.example"))
        assert [message.client for message in peer.messages] == ["127.0.0.7", "127.0.0.8"]


@pytest_twisted.ensureDeferred
async def test_a_qmtp_route_serves_many_messages_down_one_connection(make: Make) -> None:
    with QmtpPeer() as peer:
        peer.verdicts[b"bad@far.example"] = b"Dno such user"
        desk = make(qmtproutes=f":{peer.route}")
        for _ in range(3):
            outcomes = await desk.send(order(b"far.example", b"joe", b"bad"))
            assert [outcome.verdict.value for outcome in outcomes] == [b"K", b"D"]
        assert peer.connections == 1 and peer.messages[0].body == b"\n" + MESSAGE


@pytest_twisted.ensureDeferred
async def test_a_host_that_announces_qmtp_but_has_its_port_closed_gets_smtp(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = ZONE.replace("MX 10", "MX 12801")
    with two_hosts(zone.replace("MX 20 b", "MX 12802 b")) as (served, first, _):
        at_port(first.port, monkeypatch)
        desk = make(nameservers=served.nameserver)
        with QmtpPeer("127.0.0.2") as qmtp:
            monkeypatch.setattr("qmtwist.rules.mx.QMTP_PORT", qmtp.port)
            assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
            assert len(qmtp.messages) == 1
        desk.agent._staff.pool.clear()
        desk.reload()
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        assert len(first.messages) == 1


# -- time


@pytest_twisted.ensureDeferred
async def test_a_server_that_stalls_at_any_step_ends_at_timeoutremote(make: Make) -> None:
    steps = ("greeting", "ehlo", "mail", "rcpt", "data", "body", "dot")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Peer(**{step: peers.stall})) for step in steps]
        desk = make(smtproutes=all_to(*servers), timeoutremote="1")
        ends = [desk.send(order(b"d%d.example" % number)) for number in range(len(steps))]
        outcomes = [outcomes[0] for outcomes in await gatherResults(ends)]
        assert {outcome.verdict for outcome in outcomes} == {Verdict.DEFERRAL}
        assert b"Possible duplicate! (#4.4.2)" in outcomes[-1].text
        assert all(b"duplicate" not in outcome.text for outcome in outcomes[:5])
        await desk.until(lambda: not any(server.current for server in servers))


@pytest_twisted.ensureDeferred
async def test_a_server_that_answers_a_byte_at_a_time_ends_at_timeoutremote(make: Make) -> None:
    with Peer(greeting=peers.trickle(b"220-slow\r\n", 0.05)) as peer:
        desk = make(smtproutes=all_to(peer), timeoutremote="1")
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.DEFERRAL


@pytest_twisted.ensureDeferred
async def test_a_server_that_reads_no_more_ends_at_timeoutremote(make: Make) -> None:
    with Peer(body=peers.stall) as peer:
        desk = make(smtproutes=all_to(peer), timeoutremote="1")
        outcome = await desk.deliver(order(b"far.example", message=b"x" * 99 + b"\n" * 10_000_000))
        assert outcome.verdict is Verdict.DEFERRAL
        await desk.until(lambda: not peer.current)


@pytest_twisted.ensureDeferred
async def test_a_host_that_does_not_answer_ends_at_timeoutconnect_and_is_remembered(make: Make) -> None:
    with full() as (address, port):
        desk = make(smtproutes=f":[{address}]:{port}", timeoutconnect="1")
        outcome = await desk.deliver(order(b"far.example"))
        assert outcome == Outcome(Verdict.DEFERRAL, b"Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n")
        (record,) = desk.agent._staff.dead.records()
        assert record[:2] == (address, 1)
        assert desk.asking == []


@contextlib.contextmanager
def full():  # type: ignore[no-untyped-def]
    """A port whose backlog is full: the kernel drops what comes."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()

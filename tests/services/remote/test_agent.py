"""The remote agent with real servers on loopback: connections kept, hosts changed, settings reread, the end."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor  # noqa: TID251  # tests run in the global one
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import LogEvent

from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.wire.outgoing import Transaction
from qmtwist.wire.smtp.client import ClientSession
from tests.support import peers
from tests.support.certificates import self_signed
from tests.support.network import has_ipv6
from tests.support.peers import Peer, QmtpPeer
from tests.support.remote_desk import MESSAGE, RemoteDesk, order
from tests.support.zone import Fault, Zone

Make = Callable[..., RemoteDesk]


@pytest_twisted.async_yield_fixture
async def make(memory_directory: str, bugs: list[LogEvent]) -> AsyncIterator[Make]:
    """Makes agents, each in a home of its own, and stops them at the end."""
    desks: list[RemoteDesk] = []

    def make_one(**control: str) -> RemoteDesk:
        desks.append(RemoteDesk(reactor, f"{memory_directory}/home{len(desks)}", **control))
        return desks[-1]

    yield make_one
    for desk in desks:
        await desk.stop()


def all_to(*servers: Peer) -> str:
    """Routes: dN.example to the Nth server, everything else to the first."""
    lines = [f"d{number}.example:{server.route}" for number, server in enumerate(servers)]
    return "\n".join([*lines, f":{servers[0].route}"])


# -- connections


@pytest_twisted.ensureDeferred
async def test_a_message_arrives_as_it_was_sent_and_is_reported(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        outcome = await desk.deliver(order(b"far.example", message=b"Subject: t\n\n.dot\n..\nend\n"))
        assert outcome.verdict is Verdict.SUCCESS
        assert outcome.text == b"127.0.0.1 accepted message.\nRemote host said: 250 2.0.0 queued as 1\n"
        assert peer.messages[0].body == b"Subject: t\r\n\r\n.dot\r\n..\r\nend\r\n"
        assert peer.messages[0].recipients == (b"joe@far.example",)
        assert peer.messages[0].greeted == b"EHLO here.example"


@pytest_twisted.ensureDeferred
async def test_messages_in_sequence_share_a_connection_and_it_ends_with_quit(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        for number in range(10):
            assert (await desk.deliver(order(b"d%d.example" % number))).verdict is Verdict.SUCCESS
        assert peer.connections == 1 and len(peer.messages) == 10
        await desk.stop()
        await desk.until(lambda: peer.commands[-1] == b"QUIT")


@pytest_twisted.ensureDeferred
async def test_messages_at_once_have_connections_of_their_own(make: Make) -> None:
    with Peer(delay_s=0.05) as peer:
        desk = make(smtproutes=all_to(peer))
        await gatherResults([desk.send(order(b"far.example")) for _ in range(5)])
        assert peer.connections == 5


@pytest_twisted.ensureDeferred
async def test_an_idle_connection_ends_after_remoteidle_seconds(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer), remoteidle="1")
        await desk.deliver(order(b"far.example"))
        assert peer.current == 1
        await desk.until(lambda: peer.commands[-1] == b"QUIT" and not peer.current)


@pytest_twisted.ensureDeferred
async def test_without_remoteidle_no_connection_is_kept(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer), remoteidle="0")
        for _ in range(3):
            await desk.deliver(order(b"far.example"))
        assert peer.connections == 3


@pytest_twisted.ensureDeferred
async def test_remotemessages_go_down_one_connection_and_no_more(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer), remotemessages="2")
        for _ in range(5):
            await desk.deliver(order(b"far.example"))
        assert peer.connections == 3


@pytest_twisted.ensureDeferred
async def test_a_kept_connection_that_has_died_costs_nothing(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        await desk.deliver(order(b"far.example"))
        peer.acts["mail"] = once(peers.drop, peer, "mail")
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        peer.acts["mail"] = once(peers.then_drop(b"421 4.3.2 too long\r\n"), peer, "mail")
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        assert peer.connections == 3 and len(peer.messages) == 3


def once(act: peers.Act, peer: Peer, step: str) -> peers.Act:
    """An act that takes place one time."""

    def acting(conversation: peers.Conversation) -> None:
        del peer.acts[step]
        act(conversation)

    return acting


@pytest_twisted.ensureDeferred
async def test_what_the_other_host_says_while_idle_ends_the_connection(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        await desk.deliver(order(b"far.example"))
        (conversation,) = peer._open
        conversation.say(b"421 4.4.2 idle for too long\r\n")
        await desk.until(lambda: not peer.current)
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        assert peer.connections == 2


@pytest_twisted.ensureDeferred
async def test_every_recipient_has_a_report(make: Make) -> None:
    with Peer() as peer:
        peer.verdicts[b"bad@far.example"] = b"550 5.1.1 no such user\r\n"
        peer.verdicts[b"later@far.example"] = b"450 4.2.1 full\r\n"
        desk = make(smtproutes=all_to(peer))
        outcomes = await desk.send(order(b"far.example", b"joe", b"bad", b"later", b"ann"))
        assert [outcome.verdict.value for outcome in outcomes] == [b"K", b"D", b"Z", b"K"]
        assert b"550 5.1.1 no such user" in outcomes[1].text
        assert peer.messages[0].recipients == (b"joe@far.example", b"ann@far.example")


# -- slots


@pytest_twisted.ensureDeferred
async def test_nothing_of_the_message_is_sent_before_there_is_a_slot(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        desk.grants = False
        result = desk.send(order(b"far.example"))
        await desk.until(lambda: desk.asking and peer.commands)
        await desk.until(lambda: peer.commands == [b"EHLO here.example"])
        desk.grant(desk.asking[0])
        assert (await result)[0].verdict is Verdict.SUCCESS
        assert desk.asking == [1]


@pytest_twisted.ensureDeferred
async def test_a_connection_does_not_wait_for_its_slot_for_ever(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmtwist.services.remote.delivery.SLOT_WAIT_S", 0.1)
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        desk.grants = False
        result = desk.send(order(b"far.example"))
        await desk.until(lambda: peer.commands and peer.commands[-1] == b"QUIT")
        assert not result.called
        desk.grant(1)
        assert (await result)[0].verdict is Verdict.SUCCESS
        assert (peer.connections, desk.asking) == (2, [1])


@pytest_twisted.ensureDeferred
async def test_a_server_that_hangs_up_while_the_slot_is_awaited_costs_nothing(make: Make) -> None:
    with Peer(ehlo=peers.then_drop(b"250 peer.example\r\n")) as peer:
        desk = make(smtproutes=all_to(peer))
        desk.grants = False
        result = desk.send(order(b"far.example"))
        await desk.until(lambda: peer.connections == 1 and not peer.current and desk.asking)
        peer.acts.clear()
        desk.grant(1)
        assert (await result)[0].verdict is Verdict.SUCCESS


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


# -- TLS


@pytest_twisted.ensureDeferred
async def test_tls_is_used_where_it_is_offered_and_the_log_says_so(make: Make, tmp_path: Path) -> None:
    with Peer(context=self_signed("far.example").context(str(tmp_path))) as peer:
        desk = make(smtproutes=all_to(peer))
        for _ in range(2):
            assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        assert peer.connections == 1 and all(message.is_tls for message in peer.messages)
        (note,) = desk.notes
        assert note.startswith(b"tls [127.0.0.1] 127.0.0.1 TLSv1.3 ") and b" unverified: self-signed" in note


@pytest_twisted.ensureDeferred
async def test_a_large_message_goes_through_tls_whole(make: Make, tmp_path: Path) -> None:
    message = b"".join(b"%08d\n" % number for number in range(300_000))
    path = tmp_path / "message"
    path.write_bytes(message)
    with Peer(context=self_signed("far.example").context(str(tmp_path))) as peer:
        desk = make(smtproutes=all_to(peer))
        outcome = await desk.deliver(order(b"far.example", message=None), os.open(path, os.O_RDONLY))
        assert outcome.verdict is Verdict.SUCCESS and peer.messages[0].is_tls
        assert peer.messages[0].body == message.replace(b"\n", b"\r\n")


@pytest_twisted.ensureDeferred
async def test_after_a_failed_handshake_the_same_host_gets_the_mail_in_clear_and_is_remembered(make: Make) -> None:
    broken = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate
    with Peer(context=broken) as peer:
        desk = make(smtproutes=all_to(peer), remoteidle="0")
        for _ in range(2):
            assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        assert not peer.messages[0].is_tls
        assert (peer.connections, peer.commands.count(b"STARTTLS")) == (3, 1)
        assert len(desk.notes) == 1 and b" failed: " in desk.notes[0]


@pytest_twisted.ensureDeferred
async def test_where_tls_is_demanded_nothing_goes_out_in_clear(make: Make) -> None:
    broken = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with Peer(context=broken) as peer, Peer() as without:
        desk = make(smtproutes=all_to(peer, without), tlspolicy=":encrypt")
        for host in (b"d0.example", b"d1.example"):
            outcome = await desk.deliver(order(host))
            assert outcome.verdict is Verdict.DEFERRAL and b"#4.7." in outcome.text
        assert not any(command.startswith(b"MAIL") for command in peer.commands + without.commands)


@pytest_twisted.ensureDeferred
async def test_domains_with_other_demands_do_not_share_connections(make: Make, tmp_path: Path) -> None:
    with Peer(context=self_signed("d1.example").context(str(tmp_path))) as peer:
        desk = make(smtproutes=f":{peer.route}", tlspolicy="d0.example:none\nd2.example:verify")
        await desk.deliver(order(b"d0.example"))
        await desk.deliver(order(b"d1.example"))
        assert [message.is_tls for message in peer.messages] == [False, True]
        assert (await desk.deliver(order(b"d2.example"))).verdict is Verdict.DEFERRAL
        assert peer.connections == 3


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


# -- large messages


@pytest_twisted.ensureDeferred
async def test_a_message_by_descriptor_arrives_whole_and_as_often_as_it_takes(make: Make, tmp_path: Path) -> None:
    message = b"".join(b"%08d" % number + b"." * (number % 90) + b"\n" for number in range(40_000))
    path = tmp_path / "message"
    path.write_bytes(message)
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        await desk.deliver(order(b"far.example"))
        peer.acts["mail"] = once(peers.drop, peer, "mail")
        outcome = await desk.deliver(order(b"far.example", message=None), os.open(path, os.O_RDONLY))
        assert outcome.verdict is Verdict.SUCCESS
        assert peer.messages[-1].body == message.replace(b"\n", b"\r\n")
        inline = await desk.deliver(order(b"far.example", message=message))
        assert inline.verdict is Verdict.SUCCESS and peer.messages[-1].body == peer.messages[-2].body


@pytest_twisted.ensureDeferred
async def test_a_message_that_has_become_shorter_is_deferred(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "message"
    path.write_bytes(b"x\n" * 100_000)
    with Peer(data=peers.after(0.2, b"354 go\r\n")) as peer:
        desk = make(smtproutes=all_to(peer))
        result = desk.deliver(order(b"far.example", message=None), os.open(path, os.O_RDONLY))
        result = Deferred.fromCoroutine(result)
        await desk.until(lambda: peer.commands and peer.commands[-1] == b"DATA")
        os.truncate(path, 100)
        assert await result == Outcome(Verdict.DEFERRAL, b"Unable to read message. (#4.3.0)\n")
        assert not peer.messages


# -- settings


@pytest_twisted.ensureDeferred
async def test_a_reload_takes_new_routes_and_parts_with_old_connections(make: Make) -> None:
    with Peer() as old, Peer() as new:
        desk = make(smtproutes=all_to(old))
        await desk.deliver(order(b"far.example"))
        desk.write(smtproutes=all_to(new))
        desk.reload()
        await desk.deliver(order(b"far.example"))
        assert (len(old.messages), len(new.messages)) == (1, 1)
        await desk.until(lambda: old.commands[-1] == b"QUIT")


@pytest_twisted.ensureDeferred
async def test_settings_that_are_of_no_use_are_complained_about_and_the_old_ones_stay(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        desk.write(outgoingfamilies="ipv5", outgoingip="nowhere")
        desk.reload()
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        text = b"\n".join(desk.notes)
        assert b"control/outgoingfamilies" in text and b"control/outgoingip" in text


@pytest_twisted.ensureDeferred
async def test_without_usable_settings_everything_is_deferred_until_there_are_some(make: Make) -> None:
    with Peer() as peer:
        desk = make(outgoingfamilies="ipv5", smtproutes=all_to(peer))
        assert await desk.deliver(order(b"far.example")) == Outcome(
            Verdict.DEFERRAL, b"Unable to read control files. (#4.3.0)\n"
        )
        desk.write(outgoingfamilies="ipv4")
        desk.reload()
        assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS


# -- the end


@pytest_twisted.ensureDeferred
async def test_the_end_lets_a_message_finish_and_defers_what_has_no_slot(make: Make) -> None:
    with Peer(dot=peers.after(0.3, b"250 ok\r\n")) as slow, Peer() as other:
        desk = make(smtproutes=all_to(slow, other))
        begun = desk.send(order(b"d0.example"))
        await desk.until(lambda: slow.messages)
        desk.grants = False
        waiting = desk.send(order(b"d1.example"))
        await desk.until(lambda: len(desk.asking) == 2)
        desk.channel.finish()
        assert (await waiting)[0].verdict is Verdict.DEFERRAL
        assert (await begun)[0].verdict is Verdict.SUCCESS
        await desk.until(lambda: desk.has_ended)


@pytest_twisted.ensureDeferred
async def test_the_end_does_not_wait_for_those_who_have_not_even_greeted(make: Make) -> None:
    with Peer(greeting=peers.stall) as peer:
        desk = make(smtproutes=all_to(peer))
        desk.grants = False
        result = desk.send(order(b"far.example"))
        await desk.until(lambda: desk.asking)
        await desk.stop()
        assert (await result)[0].verdict is Verdict.DEFERRAL
        await desk.until(lambda: not peer.current)


@pytest_twisted.ensureDeferred
async def test_a_daemon_that_is_gone_cuts_off_what_is_not_sent(make: Make) -> None:
    with Peer(body=peers.stall) as peer:
        desk = make(smtproutes=all_to(peer))
        desk.send(order(b"far.example", message=b"x\n" * 5_000_000)).addErrback(lambda _: None)
        await desk.until(lambda: b"DATA" in peer.commands)
        desk.channel.close()
        await desk.until(lambda: desk.has_ended)
        for connection in list(desk.agent._staff.connections.open):
            connection.abort()  # as the end of the process does
        await desk.until(lambda: not peer.current)
        assert not peer.messages


# -- bugs


@pytest_twisted.ensureDeferred
async def test_a_bug_in_a_session_delays_its_message_and_nobody_else(
    make: Make, monkeypatch: pytest.MonkeyPatch, bugs: list[LogEvent]
) -> None:
    def fail(session: ClientSession, transaction: Transaction) -> None:
        if transaction.sender == b"odd@here.example":
            raise RuntimeError("odd")
        begin(session, transaction)

    begin = ClientSession.begin
    monkeypatch.setattr(ClientSession, "begin", fail)
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        for _ in range(2):  # down a new connection, then down one that was kept
            outcome = await desk.deliver(order(b"far.example", sender=b"odd@here.example"))
            assert outcome.verdict is Verdict.DEFERRAL
            assert (await desk.deliver(order(b"far.example"))).verdict is Verdict.SUCCESS
        assert [event["log_failure"].type for event in bugs] == [RuntimeError] * 2
        bugs.clear()

"""The remote agent with real servers on loopback: settings reread, the end, a bug."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import pytest_twisted
from twisted.logger import LogEvent

from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.wire.outgoing import Transaction
from qmtwist.wire.smtp.client import ClientSession
from tests.support import peers
from tests.support.network import BlackHole
from tests.support.peers import Peer
from tests.support.remote_desk import RemoteDesk, all_to, order

Make = Callable[..., RemoteDesk]


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
async def test_the_end_does_not_wait_for_a_connection_either_when_there_is_a_slot(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmtwist.services.remote.delivery.SLOT_WAIT_S", 0.1)
    with BlackHole("127.0.0.1") as hole, Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        desk.grants = False
        result = desk.send(order(b"far.example"))
        await desk.until(lambda: peer.commands and peer.commands[-1] == b"QUIT")
        delivery = desk.agent._deliveries[1]
        delivery._targets = [target._replace(port=hole.port) for target in delivery._targets]
        desk.grant(1)
        await desk.until(lambda: delivery._connector is not None)
        await desk.stop()
        assert b"was stopped before this delivery had begun" in (await result)[0].text


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

"""The remote agent before the door of a host: how many connections it sees of deliveries without a slot."""

from __future__ import annotations

from collections.abc import Callable

import pytest_twisted
from twisted.internet.defer import gatherResults

from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.services.remote.doors import LIMIT
from tests.support import peers
from tests.support.network import BlackHole
from tests.support.peers import Peer
from tests.support.remote_desk import RemoteDesk, all_to, order

Make = Callable[..., RemoteDesk]
NOT_CONNECTED = Outcome(Verdict.DEFERRAL, b"Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n")


@pytest_twisted.ensureDeferred
async def test_a_host_sees_a_few_connections_without_a_slot_and_another_for_each_slot(make: Make) -> None:
    with Peer(dot=peers.stall) as peer:
        desk = make(smtproutes=all_to(peer))
        desk.grants = False
        for number in range(LIMIT + 4):
            desk.send(order(b"d%d.example" % number)).addErrback(lambda _: None)
        await desk.until(lambda: len(desk.asking) == LIMIT and peer.connections == LIMIT)
        for granted in range(1, 3):
            desk.grant(desk.asking[granted])
            await desk.until(lambda wanted=LIMIT + granted: len(desk.asking) == peer.connections == wanted)
        desk.channel.close()
        await desk.until(lambda: desk.has_ended)


@pytest_twisted.ensureDeferred
async def test_who_gets_a_slot_before_the_door_goes_in(make: Make) -> None:
    with Peer() as peer:
        desk = make(smtproutes=all_to(peer))
        desk.grants = False
        results = [desk.send(order(b"d%d.example" % number)) for number in range(LIMIT + 1)]
        await desk.until(lambda: len(desk.asking) == LIMIT)
        desk.grant(LIMIT + 1)
        assert (await results[-1])[0].verdict is Verdict.SUCCESS
        for number in range(LIMIT):
            desk.grant(number + 1)
        for (outcome,) in await gatherResults(results[:-1]):
            assert outcome.verdict is Verdict.SUCCESS
        doors = desk.agent._staff.doors
        assert (doors._inside, doors._waiting) == ({}, {})


@pytest_twisted.ensureDeferred
async def test_who_waits_for_a_host_that_does_not_answer_goes_to_the_next(make: Make) -> None:
    with BlackHole("127.0.0.1") as hole:
        desk = make(smtproutes=f":127.0.0.1:{hole.port}", timeoutconnect="1")
        results = [desk.send(order(b"d%d.example" % number)) for number in range(3 * LIMIT)]
        for (outcome,) in await gatherResults(results):
            assert outcome == NOT_CONNECTED
        doors = desk.agent._staff.doors
        assert (doors._inside, doors._waiting, doors._answered) == ({}, {}, {})


@pytest_twisted.ensureDeferred
async def test_the_end_finds_those_before_the_door_too(make: Make) -> None:
    with Peer(greeting=peers.stall) as peer:
        desk = make(smtproutes=all_to(peer))
        desk.grants = False
        results = [desk.send(order(b"d%d.example" % number)) for number in range(2 * LIMIT)]
        await desk.until(lambda: peer.connections == LIMIT)
        await desk.stop()
        for (outcome,) in await gatherResults(results):
            assert b"was stopped before this delivery had begun" in outcome.text
        assert peer.connections == LIMIT

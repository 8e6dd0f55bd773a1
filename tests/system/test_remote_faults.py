"""Servers that misbehave at every step: the delivery ends within its time, nothing is lost, nothing wrongly succeeds.

All messages are queued at once, each for a peer of its own; the tests look at what became of them. At the end the peers
come to their senses, and every message that was deferred arrives.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.peers import (
    DEFAULT,
    Act,
    Conversation,
    Peer,
    after,
    drop,
    endless,
    reply,
    reset,
    stall,
    then_drop,
    then_stall,
    trickle,
)
from tests.support.remote import Station, station, wait_until
from tests.support.town import Town

pytestmark = pytest.mark.system

TIMEOUT_S = 2
ENOUGH_S = 25.0  # a handful of waits of TIMEOUT_S each, on a busy machine
SMALL = b"Subject: x\n\n.hello\n"
LARGE = b"Subject: x\n\n" + b"x" * 70 + b"\n" + b"0123456789abcdef\n" * 500_000
DEFER, FAIL, SUCCEED = "deferral", "failure", "success"


class Case(NamedTuple):
    """A peer's habit and what may come of it at the first attempt."""

    acts: dict[str, Act]
    allowed: tuple[str, ...] = (DEFER,)
    message: bytes = SMALL
    extensions: tuple[str, ...] = DEFAULT


def huge(conversation: Conversation) -> None:
    """8 MB without an end of line."""
    for _ in range(128):
        conversation.say(b"220 " + b"x" * 65536)
    raise AssertionError("all of it was read")


EHLO_AND_CONTINUED = b"250-peer.example\r\n"
CASES = {
    "greeting-drop": Case({"greeting": drop}),
    "greeting-reset": Case({"greeting": reset}),
    "greeting-stall": Case({"greeting": stall}),
    "greeting-trickle": Case({"greeting": trickle(b"220-wait\r\n")}),
    "greeting-endless": Case({"greeting": endless(b"220-wait\r\n")}),
    "greeting-huge": Case({"greeting": huge}),
    "greeting-garbage": Case({"greeting": then_stall(b"SSH-2.0-OpenSSH_9.2\r\n")}),
    "greeting-zeros": Case({"greeting": then_stall(bytes(1000) + b"\r\n")}),
    "greeting-421": Case({"greeting": then_drop(b"421 busy\r\n")}),
    "greeting-554": Case({"greeting": then_drop(b"554 no service\r\n")}, (DEFER, FAIL)),
    "greeting-250": Case({"greeting": reply(b"250 strange\r\n")}),
    "ehlo-drop": Case({"ehlo": drop}),
    "ehlo-stall": Case({"ehlo": stall}),
    "ehlo-trickle": Case({"ehlo": trickle(EHLO_AND_CONTINUED)}),
    "ehlo-endless": Case({"ehlo": endless(EHLO_AND_CONTINUED)}),
    "ehlo-unfinished": Case({"ehlo": then_stall(EHLO_AND_CONTINUED)}),
    "ehlo-421": Case({"ehlo": then_drop(b"421 going down\r\n")}),
    "ehlo-502": Case({"ehlo": reply(b"502 what?\r\n")}, (SUCCEED,)),
    "helo-stall": Case({"ehlo": reply(b"502 what?\r\n"), "helo": stall}),
    "helo-550": Case({"ehlo": reply(b"502 what?\r\n"), "helo": reply(b"550 not you\r\n")}, (DEFER, FAIL)),
    "mail-drop": Case({"mail": drop}),
    "mail-reset": Case({"mail": reset}),
    "mail-stall": Case({"mail": stall}),
    "mail-trickle": Case({"mail": trickle(b"250-well\r\n")}),
    "mail-endless": Case({"mail": endless(b"250-well\r\n")}),
    "mail-421": Case({"mail": then_drop(b"421 going down\r\n")}),
    "mail-450": Case({"mail": reply(b"450 later\r\n")}),
    "mail-550": Case({"mail": reply(b"550 never\r\n")}, (FAIL,)),
    "mail-garbage": Case({"mail": reply(b"\x00\xff\x00\r\n")}, (DEFER, FAIL)),
    "rcpt-drop": Case({"rcpt": drop}),
    "rcpt-reset": Case({"rcpt": reset}),
    "rcpt-stall": Case({"rcpt": stall}),
    "rcpt-endless": Case({"rcpt": endless(b"250-well\r\n")}),
    "rcpt-450": Case({"rcpt": reply(b"450 later\r\n")}),
    "rcpt-550": Case({"rcpt": reply(b"550 never\r\n")}, (FAIL,)),
    "rcpt-550-long": Case({"rcpt": reply(b"550-never\r\n" * 900 + b"550 ever\r\n")}, (FAIL,)),
    "rcpt-252": Case({"rcpt": reply(b"252 perhaps\r\n")}, (SUCCEED,)),
    "data-drop": Case({"data": drop}),
    "data-reset": Case({"data": reset}),
    "data-stall": Case({"data": stall}),
    "data-trickle": Case({"data": trickle(b"354-well\r\n")}),
    "data-451": Case({"data": reply(b"451 later\r\n")}),
    "data-554": Case({"data": reply(b"554 never\r\n")}, (FAIL,)),
    "body-drop": Case({"body": drop}),
    "body-reset": Case({"body": reset}),
    "body-large-drop": Case({"body": drop}, message=LARGE),
    "body-never-read": Case({"body": stall}, message=LARGE),
    "dot-drop": Case({"dot": drop}),
    "dot-reset": Case({"dot": reset}),
    "dot-stall": Case({"dot": stall}),
    "dot-trickle": Case({"dot": trickle(b"250-well\r\n")}),
    "dot-endless": Case({"dot": endless(b"250-well\r\n")}),
    "dot-unfinished": Case({"dot": then_drop(b"250 o")}),
    "dot-continued": Case({"dot": then_drop(b"250-ok\r\n")}),
    "dot-451": Case({"dot": reply(b"451 later\r\n")}),
    "dot-554": Case({"dot": reply(b"554 never\r\n")}, (FAIL,)),
    "dot-late": Case({"dot": after(0.7, b"250 ok\r\n")}, (SUCCEED,)),
    "quit-drop": Case({"quit": drop}, (SUCCEED,)),
    "quit-stall": Case({"quit": stall}, (SUCCEED,)),
    "quit-endless": Case({"quit": endless(b"221-bye\r\n")}, (SUCCEED,)),
    "plain-rcpt-stall": Case({"rcpt": stall}, extensions=("8BITMIME",)),
    "plain-dot-drop": Case({"dot": drop}, extensions=()),
    "plain-data-reset": Case({"data": reset}, extensions=()),
}


class Scene(NamedTuple):
    """The daemon and all peers."""

    office: Station
    peers: dict[str, Peer]
    runs_programs: bool


def use_programs(made: Town) -> None:
    """A qmail-remote of another make, so that one is run for each delivery; in truth it is ours."""
    program = f"{made.path}/bin/qmail-remote"
    os.rename(program, f"{program}.ours")
    with open(program, "w", encoding="ascii") as stream:
        stream.write(f'#!/bin/sh\nexec {program}.ours "$@"\n')
    os.chmod(program, 0o755)


@pytest.fixture(scope="module", params=["sessions", "programs"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    with contextlib.ExitStack() as stack:
        peers = {name: stack.enter_context(Peer(extensions=case.extensions)) for name, case in CASES.items()}
        for name, case in CASES.items():
            peers[name].acts = dict(case.acts)
        office = stack.enter_context(
            station(
                "joe",
                smtproutes="".join(f"{name}.example:{peer.route}\n" for name, peer in peers.items()),
                timeoutremote=f"{TIMEOUT_S}\n",
                timeoutconnect=f"{TIMEOUT_S}\n",
                concurrencyremote="100\n",
                prepare=use_programs if request.param == "programs" else None,
            )
        )
        office.send_many(("joe@test.example", f"x@{name}.example", case.message) for name, case in CASES.items())
        yield Scene(office, peers, request.param == "programs")


@pytest.mark.parametrize("name", CASES)
def test_a_peer_that_misbehaves_costs_one_attempt(scene: Scene, name: str) -> None:
    office, peer = scene.office, scene.peers[name]
    outcome = office.outcome(f"x@{name}.example")
    assert outcome.partition(":")[0] in CASES[name].allowed, outcome
    _, started, ended = office.attempts(f"x@{name}.example")[0]
    assert ended - started < ENOUGH_S
    if outcome.startswith(SUCCEED):
        assert len(peer.messages) == 1
    if "dot" not in CASES[name].acts and not outcome.startswith(SUCCEED):
        assert not peer.messages


@pytest.mark.parametrize("name", CASES)
def test_the_connection_is_given_up_too(scene: Scene, name: str) -> None:
    scene.office.outcome(f"x@{name}.example")
    peer = scene.peers[name]
    if scene.runs_programs and name == "body-never-read":
        return  # the program has ended; its system still tries to send what it wrote
    wait_until(lambda: not peer.current, lambda: f"{peer.current} connections are open", ENOUGH_S)


def test_an_unanswered_final_dot_says_that_there_may_be_a_duplicate(scene: Scene) -> None:
    for name in ("dot-drop", "dot-reset", "dot-stall", "dot-unfinished"):
        outcome = scene.office.outcome(f"x@{name}.example")
        assert "Possible_duplicate!" in outcome, (name, outcome)
        assert scene.peers[name].messages
    for name in ("body-large-drop", "data-drop", "rcpt-stall"):
        assert "Possible_duplicate!" not in scene.office.outcome(f"x@{name}.example")


def test_all_slots_are_free_afterwards_and_what_was_deferred_arrives_when_the_peers_recover(scene: Scene) -> None:
    office = scene.office
    first = {name: office.outcome(f"x@{name}.example").partition(":")[0] for name in CASES}
    office.wait_for_rest()
    office.wait_for_messages("joe", sum(outcome == FAIL for outcome in first.values()))  # bounces
    wait_until(lambda: office.queued() == sum(outcome == DEFER for outcome in first.values()))
    deferred = [name for name, outcome in first.items() if outcome == DEFER]
    before = {name: len(scene.peers[name].messages) for name in CASES}
    for peer in scene.peers.values():
        peer.acts.clear()
    since = office.alarm()
    for name in deferred:
        assert office.outcome(f"x@{name}.example", since).startswith(SUCCEED), name
    office.wait_for_rest()
    wait_until(lambda: office.queued() == 0)
    for name, peer in scene.peers.items():
        assert len(peer.messages) == before[name] + (name in deferred), name
        wanted = CASES[name].message.replace(b"\n", b"\r\n")
        for message in peer.messages:
            assert message.body.endswith(wanted), name
            assert message.recipients == (f"x@{name}.example".encode(),)


def test_nothing_else_was_said_in_the_log(scene: Scene) -> None:
    assert not [line for line in scene.office.log if "Traceback" in line or "Unhandled" in line or "alert:" in line]

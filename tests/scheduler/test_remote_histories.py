"""The remote channel over any history and over simulated hours: nobody is lost, started twice or starved."""

from __future__ import annotations

import bisect
import os
import random
from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.scheduler import destinations
from qmtwist.scheduler.lending import STUCK_S
from qmtwist.scheduler.orders import End
from tests.support.destinations import Hosts, Town, check, finish

# -- histories


VERBS = ["send", "send", "send", "ask", "ask", "served", "reached", "unreached", "limit", "lend", "time", "shelve"]
ACTS = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 10**6)), min_size=10, max_size=150)


@pytest.fixture(scope="module", autouse=True)
def _nothing_patched() -> Iterator[None]:
    yield
    assert destinations.WAITING_LIMIT == 1000


@settings(deadline=None, max_examples=int(os.environ.get("QMTWIST_HISTORIES", "200")))
@given(acts=ACTS, is_small=st.booleans(), seed=st.integers(0, 2**32))
def test_whatever_happens_nobody_is_lost_started_twice_or_starved(
    acts: list[tuple[str, int]], is_small: bool, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if is_small:
            for name, value in (("WAITING_LIMIT", 3), ("WAITING_LIMIT_ALL", 8), ("WAITING_SHARE", 2), ("OVERFULL", 5)):
                patch.setattr(destinations, name, value)
        play(acts, random.Random(seed))


def play(acts: list[tuple[str, int]], dice: random.Random) -> None:
    town = Town(limit=3, per_host=3, per_transaction=2)
    limits = (3, 3)
    for number, (verb, value) in enumerate(acts):
        if verb == "send":
            hosts: Hosts = [dice.choice([b"a", b"A", b"b", b"c", None]) for _ in range(1 + value % 5)]
            town.send(number, hosts)
        elif verb == "ask" and (idle := sorted(town.out.keys() - town.slots - town.asking)):
            town.ask(idle[value % len(idle)])
        elif verb in ("served", "reached", "unreached") and town.out:
            ticket = sorted(town.out)[value % len(town.out)]
            town.end(ticket, End[verb.upper()], value % 3 if verb != "unreached" else 0)
        elif verb == "limit":
            limits = (value % 5, 1 + value % 3)
            for winner in town.channel.set_limits(*limits):
                town.slots |= town.asking & {winner}
                town.asking -= {winner}
        elif verb == "lend" and not town.out:
            town.channel.slots.is_lending = bool(value % 2)
        elif verb == "time":
            town.now += value % 1000
        elif verb == "shelve":
            for closed in town.channel.shelve([number for number in town.left if number % 3 == value % 3]):
                town.close(closed)
        before = town.out_by_destination()
        for order in town.pump():
            name = town.destination(order)
            assert before[name] < town.channel.destinations.per_host
            before[name] += 1
            if not town.channel.slots.is_lending:
                town.slots.add(order.ticket)
        check(town, limits)
    finish(town)


# -- simulations


class Clock:
    """Transactions that take their time: each host says when it is there, and how long a message takes."""

    def __init__(self, town: Town, connect_s: dict[bytes, float], message_s: dict[bytes, float]) -> None:
        self.town = town
        self.connect_s = connect_s
        self.message_s = message_s
        self.events: list[tuple[float, int, str]] = []
        self.now = 0.0
        self.done: dict[bytes, list[float]] = defaultdict(list)
        self.begun: set[int] = set()
        self.wakes: set[int] = set()
        self.most = 0

    def run(self, until: float) -> None:
        self.step()
        while self.events and self.events[0][0] <= until:
            self.now, ticket, verb = self.events.pop(0)
            self.town.now = int(self.now)
            if verb == "ask":
                self.town.ask(ticket)
            elif verb != "wake":
                order = self.town.out[ticket]
                is_good = verb == "served"
                self.town.end(ticket, End.SERVED if is_good else End.UNREACHED)
                if is_good:
                    self.done[self.town.destination(order)].append(self.now)
            self.step()

    def step(self) -> None:
        for order in self.town.pump():
            wait = self.connect_s.get(order.host or b"", 0.1)
            self.plan(wait, order.ticket, "ask" if wait < 60 else "unreached")
        for ticket in self.town.slots - self.begun:
            self.begun.add(ticket)
            host = self.town.out[ticket].host or b""
            self.plan(self.message_s.get(host, 0.1), ticket, "served")
        due = self.town.machine.next_due(self.town.now)
        if due is not None and due not in self.wakes:
            self.wakes.add(due)
            self.plan(due - self.now, 0, "wake")
        self.most = max(self.most, self.town.machine.used("remote"))
        assert len(self.town.slots) <= self.town.machine.limit("remote")

    def plan(self, after: float, ticket: int, verb: str) -> None:
        bisect.insort(self.events, (self.now + after, ticket, verb))


def test_ten_thousand_messages_for_a_tarpit_hold_nobody_up() -> None:
    town = Town(limit=20)
    for number in range(10_000):
        town.send(number, [b"tarpit"])
    for number in range(100):
        town.send(10_000 + number, [b"host%d" % (number % 30)])
    clock = Clock(town, {}, {b"tarpit": 30.0})
    clock.run(until=60)
    others = [time for host, times in clock.done.items() if host != b"tarpit" for time in times]
    assert len(others) == 100
    assert max(others) < 5
    assert len(clock.done[b"tarpit"]) <= 20
    assert clock.most <= 20
    for number in range(100):
        town.send(20_000 + number, [b"new%d" % (number % 30)])
    clock.run(until=120)
    late = [times for host, times in clock.done.items() if host.startswith(b"new")]
    assert sum(map(len, late)) == 100
    assert max(map(max, late)) < 120


def test_two_hundred_hosts_that_never_answer_hold_nobody_up() -> None:
    hosts = [b"host%d" % number for number in range(1000)]
    alone, among = (finishing_time(hosts[200:], set()), finishing_time(hosts, set(hosts[:200])))
    assert among < 1.3 * alone


def test_hundreds_of_hosts_that_never_answer_cost_the_others_a_few_seconds() -> None:
    hosts = [b"host%d" % number for number in range(1000)]
    alone, among = (finishing_time(hosts[600:], set()), finishing_time(hosts, set(hosts[:600])))
    assert among < alone + 3 * STUCK_S


def test_hosts_that_did_not_answer_take_few_places_when_they_are_tried_again() -> None:
    town = Town(limit=20, is_hazy=True)
    dead = [b"dead%d" % number for number in range(3000)]
    clock = Clock(town, dict.fromkeys(dead, 60.0), {})
    for number, host in enumerate(dead):
        town.send(number, [host])
    clock.run(until=300)
    town.machine.all_due()
    clock.run(until=310)
    for number in range(300):
        town.send(10_000 + number, [b"new%d" % number])
    clock.run(until=400)
    assert len(clock.done) == 300
    assert max(map(max, clock.done.values())) < 310 + 2 * STUCK_S
    assert len(town.out) <= town.channel.slots.most_looking // 4


def finishing_time(hosts: list[bytes], dead: set[bytes]) -> float:
    """When all others are served, one message each, in mixed order."""
    town = Town(limit=20, is_hazy=True)
    mixed = random.Random(1).sample(hosts, len(hosts))
    for number, host in enumerate(mixed):
        town.send(number, [host])
    clock = Clock(town, dict.fromkeys(dead, 60.0), {})
    clock.run(until=1000)
    assert len(clock.done) == len(hosts) - len(dead)
    return max(times[-1] for times in clock.done.values())

"""The remote channel: groups, destinations, turns; that nobody is lost, started twice or starved."""

from __future__ import annotations

import bisect
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.scheduler import destinations
from qmtwist.scheduler.machine import Machine
from qmtwist.scheduler.orders import Aside, Closed, End, Open, Transact

LIFETIME_S = 604800
Hosts = list[bytes | None]


class Town:
    """Messages with recipients at hosts, and a machine that is asked about them. Hosts are found as soon as they are
    looked for, unless with `is_hazy`.
    """

    def __init__(
        self,
        limit: int = 20,
        per_host: int = 20,
        per_transaction: int = 50,
        is_lending: bool = True,
        is_hazy: bool = False,
    ) -> None:
        self.machine = Machine({"local": 0, "remote": limit}, LIFETIME_S, per_host, ("remote",) if is_lending else ())
        self.channel = self.machine.remote
        self.per_transaction = per_transaction
        self.is_hazy = is_hazy
        self.left: dict[int, dict[int, bytes | None]] = {}  # who is not served yet
        self.out: dict[int, Transact] = {}
        self.slots: set[int] = set()  # tickets that may begin their message
        self.asking: set[int] = set()
        self.asides: list[int] = []
        self.now = 0
        self.started = 0

    def send(self, number: int, hosts: Hosts) -> None:
        self.left[number] = dict(enumerate(hosts))
        self.machine.add_fresh("remote", number)

    def pump(self) -> list[Transact]:
        """Carry orders out; the transactions that were started."""
        found = []
        while (order := self.machine.next_order(self.now)) is not None:
            if isinstance(order, Open):
                self.open(order.number)
            else:
                assert isinstance(order, Transact)
                self.start(order)
                found.append(order)
        return found

    def open(self, number: int) -> None:
        answer = self.channel.opened(number, 0, self.left[number].items(), self.per_transaction, self.now)
        if isinstance(answer, Aside):
            self.asides.append(number)
        assert not isinstance(answer, Closed)

    def start(self, order: Transact) -> None:
        for running in self.out.values():
            assert running.number != order.number or not set(running.recipients) & set(order.recipients)
        assert order.recipients
        assert {self.left[order.number][at] for at in order.recipients} == {order.host}
        self.out[order.ticket] = order
        self.started += len(order.recipients)
        if not self.is_hazy:
            self.channel.found(order.ticket)

    def ask(self, ticket: int) -> None:
        assert ticket not in self.slots | self.asking
        self.channel.found(ticket)
        if self.channel.ask(ticket):
            self.slots.add(ticket)
        else:
            self.asking.add(ticket)

    def end(self, ticket: int, end: End, served: int | None = None) -> None:
        """It ends; the first `served` recipients (all where it was a success, as a rule) are done with."""
        order = self.out.pop(ticket)
        self.slots.discard(ticket)
        self.asking.discard(ticket)
        for winner in self.channel.ended(ticket, end):
            if winner in self.asking:
                self.asking.remove(winner)
                self.slots.add(winner)
        count = len(order.recipients) if end is End.SERVED and served is None else served or 0
        for place, index in enumerate(order.recipients):
            if place < count:
                del self.left[order.number][index]
            closed = self.machine.settled("remote", order.number, place < count)
            if closed is not None:
                self.close(closed)

    def close(self, closed: Closed) -> None:
        assert closed.left == len(self.left[closed.number])
        if closed.left:
            self.machine.add("remote", closed.number, closed.retry_at)
        else:
            del self.left[closed.number]

    def destination(self, order: Transact) -> bytes:
        return (order.host or b"").lower()

    def out_by_destination(self) -> Counter[bytes]:
        return Counter(map(self.destination, self.out.values()))


# -- groups


def test_recipients_at_one_host_go_together_up_to_a_limit() -> None:
    town = Town(per_transaction=2)
    town.send(1, [b"a", b"b", b"a", b"a"])
    assert [(order.host, order.recipients) for order in town.pump()] == [(b"a", (0, 2)), (b"b", (1,)), (b"a", (3,))]
    assert town.machine.used("remote") == 3


def test_hosts_that_differ_in_case_are_one_destination_in_two_transactions() -> None:
    town = Town(per_host=1)
    town.send(1, [b"Host", b"host"])
    (first,) = town.pump()
    assert (first.host, first.recipients) == (b"Host", (0,))
    town.end(first.ticket, End.SERVED)
    assert [order.host for order in town.pump()] == [b"host"]


def test_two_messages_are_never_one_transaction() -> None:
    town = Town()
    town.send(1, [b"a"])
    town.send(2, [b"a"])
    assert [order.number for order in town.pump()] == [1, 2]


def test_recipients_without_a_host_go_somewhere_too() -> None:
    town = Town()
    town.send(1, [None, b""])
    assert {(order.host, order.recipients) for order in town.pump()} == {(None, (0,)), (b"", (1,))}


def test_where_nothing_is_lent_each_recipient_is_alone_and_nothing_is_ahead() -> None:
    town = Town(limit=2, is_lending=False)
    town.send(1, [b"a", b"a", b"a"])
    started = town.pump()
    assert [(order.recipients, order.has_slot) for order in started] == [((0,), True), ((1,), True)]


def test_one_deferred_recipient_keeps_the_message_and_the_served_are_gone() -> None:
    town = Town()
    town.send(1, [b"a", b"a", b"a"])
    (order,) = town.pump()
    town.end(order.ticket, End.SERVED, served=2)
    assert town.machine.waiting("remote") == [(400, 1)]
    town.now = 400
    (order,) = town.pump()
    assert order.recipients == (2,)


def test_a_message_whose_recipients_are_all_served_is_closed_when_it_is_opened() -> None:
    town = Town()
    town.machine.add_fresh("remote", 1)
    assert town.machine.next_order(0) == Open("remote", 1)
    assert town.channel.opened(1, 0, [], 50, 0) == Closed("remote", 1, 0, 400)


# -- destinations


def test_a_destination_begins_with_a_quarter_of_the_slots_and_at_least_two() -> None:
    for limit, per_host, expected in ((20, 20, 5), (5, 20, 2), (100, 20, 20), (20, 1, 1)):
        town = Town(limit=limit, per_host=per_host, per_transaction=1)
        town.send(1, [b"a"] * 50)
        assert len(town.pump()) == expected


def test_each_success_allows_one_more_and_each_host_not_found_half_as_many() -> None:
    town = Town(per_host=7, per_transaction=1)
    town.send(1, [b"a"] * 500)
    town.pump()
    caps = []
    ends = [End.SERVED, End.SERVED, End.SERVED, End.REACHED, *[End.UNREACHED] * 3, End.SERVED]
    for end in ends:
        town.end(next(iter(town.out)), end)
        town.pump()
        caps.append(town.channel.destinations._known[b"a"].cap)
    assert caps == [6, 7, 7, 7, 3, 1, 1, 2]
    while len(town.out) > 2:
        town.end(next(iter(town.out)), End.REACHED)
        town.pump()
    town.end(next(iter(town.out)), End.REACHED)
    assert len(town.pump()) == 1


def test_a_destination_that_lost_its_turn_to_a_lower_cap_gets_it_back() -> None:
    town = Town(limit=3, per_host=3, is_lending=False)
    town.send(1, [b"a"] * 9 + [b"b"])
    town.pump()
    town.end(1, End.SERVED)
    town.pump()
    assert town.out_by_destination() == {b"a": 2, b"b": 1}
    town.end(3, End.UNREACHED)
    assert town.pump() == []
    town.end(next(ticket for ticket, order in town.out.items() if order.host == b"a"), End.REACHED)
    assert [order.host for order in town.pump()] == [b"a"]


def test_one_transaction_looks_for_a_host_and_when_it_has_found_it_others_follow() -> None:
    town = Town(per_transaction=1, is_hazy=True)
    town.send(1, [b"a"] * 50)
    (first,) = town.pump()
    assert town.channel.found(first.ticket)
    assert len(town.pump()) == 4
    assert not town.channel.found(first.ticket + 1)


def test_a_host_that_is_not_there_any_more_is_looked_for_by_one() -> None:
    town = Town(per_transaction=1, is_hazy=True)
    town.send(1, [b"a"] * 50)
    (only,) = town.pump()
    town.end(only.ticket, End.SERVED)
    several = town.pump()
    assert len(several) == 6
    for order in several:
        assert town.pump() == []
        town.end(order.ticket, End.UNREACHED)
    (only,) = town.pump()
    town.end(only.ticket, End.SERVED)
    assert len(town.pump()) == 2, "what failed before counts"


def test_as_many_black_holes_as_may_be_out_ahead_leave_room_for_the_others() -> None:
    town = Town(limit=20, is_hazy=True)
    for number in range(5):
        town.send(number, [b"hole%d" % host for host in range(200)])
    town.pump()
    assert len(town.out) == 200
    town.send(5, [b"good"])
    assert [order.host for order in town.pump()] == [b"good"]


def test_who_runs_programs_does_not_wait_for_the_first_to_find_its_host() -> None:
    town = Town(is_lending=False, is_hazy=True)
    town.send(1, [b"a"] * 50)
    assert len(town.pump()) == 5


def test_destinations_take_turns() -> None:
    town = Town(limit=20, per_host=2, per_transaction=1)
    town.send(1, [b"a", b"a", b"a", b"b", b"b", b"c"])
    assert [order.host for order in town.pump()] == [b"a", b"b", b"c", b"a", b"b"]
    town.end(1, End.SERVED)
    assert [order.host for order in town.pump()] == [b"a"]


def test_nothing_is_remembered_of_destinations_for_which_nobody_waits() -> None:
    town = Town()
    for number in range(10):
        town.send(number, [b"host%d" % number])
    for order in town.pump():
        town.end(order.ticket, End.SERVED)
    assert len(town.channel.destinations) == 0


def test_a_message_behind_a_long_list_is_found_before_the_list_is_done() -> None:
    town = Town(limit=1, per_transaction=1)
    town.send(1, [b"a"] * 100)
    town.send(2, [b"b"])
    seen = []
    for _ in range(4):
        (order,) = town.pump()
        seen.append(order.number)
        town.end(order.ticket, End.SERVED)
    assert 2 in seen


def test_new_limits_hold_for_destinations_in_progress() -> None:
    town = Town(limit=20, per_transaction=1)
    town.send(1, [b"a"] * 50)
    town.pump()
    town.channel.set_limits(20, 3)
    town.end(1, End.SERVED)
    assert town.pump() == []
    for ticket in (2, 3):
        town.end(ticket, End.SERVED)
    assert len(town.pump()) == 1
    assert town.out_by_destination()[b"a"] == 3


# -- what is set aside


def test_many_messages_for_one_destination_wait_as_bare_numbers_and_all_are_served() -> None:
    town = Town()
    for number in range(5000):
        town.send(number, [b"tarpit"])
    town.send(5000, [b"other"])
    started = town.pump()
    assert Counter(map(town.destination, started)) == {b"tarpit": 5, b"other": 1}
    known = town.channel.destinations._known[b"tarpit"]
    assert known.waiting == destinations.WAITING_LIMIT
    assert len(known.aside) == 5000 - 5 - destinations.WAITING_LIMIT
    assert len(town.machine.waiting("remote")) == len(known.aside)
    while town.out:
        town.end(next(iter(town.out)), End.SERVED)
        town.pump()
    assert town.left == {}
    assert town.started == 5001
    assert len(town.channel.destinations) == 0


def test_a_message_with_other_recipients_is_not_set_aside() -> None:
    town = Town()
    for number in range(2000):
        town.send(number, [b"tarpit"])
    town.send(2000, [b"tarpit", b"other"])
    assert any(order.number == 2000 for order in town.pump())


def test_its_recipients_at_a_destination_that_overflows_sit_the_pass_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destinations, "OVERFULL", 1500)
    town = Town(per_transaction=1)
    town.send(0, [b"tarpit"] * 1600)
    town.pump()
    town.send(1, [b"tarpit", b"other"])
    (order,) = town.pump()
    town.end(order.ticket, End.SERVED)
    assert town.machine.waiting("remote") == [(400, 1)]
    assert not town.machine.is_open(1)


def test_a_message_set_aside_that_cannot_be_read_now_comes_again_later() -> None:
    town = Town(per_host=1)
    for number in range(1100):
        town.send(number, [b"tarpit"])
    town.pump()
    lost = town.channel.destinations._known[b"tarpit"].aside[0]
    town.end(1, End.SERVED)
    while (order := town.machine.next_order(0)) != Open("remote", lost):
        assert isinstance(order, Transact)
        town.start(order)
    town.machine.vanished("remote", lost, 77)
    assert (77, lost) in town.machine.waiting("remote")
    while town.out:
        town.end(next(iter(town.out)), End.SERVED)
        town.pump()
    town.now = 77
    assert [order.number for order in town.pump()] == [lost]


def test_alarm_and_stop_leave_what_is_set_aside_and_what_waits_as_due_as_it_was() -> None:
    town = Town(per_host=1)
    for number in range(1500):
        town.send(number, [b"tarpit"])
    (order,) = town.pump()
    town.machine.add("remote", 9000, 500)
    town.machine.all_due()
    waiting = town.machine.waiting("remote")
    assert len(waiting) == 1500 - 1 - destinations.WAITING_LIMIT + 1
    assert {due for due, _ in waiting} == {0}
    town.now = 30
    closed = town.machine.stop()
    assert {(item.left, item.retry_at) for item in closed} == {(1, 0)}  # as due as when they were opened
    assert len(closed) == destinations.WAITING_LIMIT
    assert town.pump() == []
    assert town.channel.destinations.waiting == 0
    for item in closed:
        town.close(item)
    town.end(order.ticket, End.REACHED)
    assert {number for _, number in town.machine.waiting("remote")} == {*range(1500), 9000}
    assert town.machine.is_idle()


def test_a_transaction_that_is_taken_back_leaves_its_recipients_as_due_as_they_were() -> None:
    town = Town()
    town.now = 50
    town.send(1, [b"a", b"a"])
    (order,) = town.pump()
    town.machine.stop()
    assert town.channel.recalled(order.ticket, 2) == Closed("remote", 1, 2, 50)
    assert town.machine.is_idle()
    assert town.machine.used("remote") == 0


def test_messages_that_only_wait_are_shelved_and_those_in_delivery_are_not() -> None:
    town = Town(limit=4, per_host=1, per_transaction=1)
    for number in range(1200):
        town.send(number, [b"tarpit"])
    town.send(1200, [b"tarpit", b"other"])
    town.now = 9
    town.pump()
    closed = town.channel.shelve(range(2000))
    assert {(item.left, item.retry_at) for item in closed} == {(1, 9)}
    assert not {item.number for item in closed} & {order.number for order in town.out.values()}
    for item in closed:
        town.close(item)
    check(town, (4, 1))
    town.pump()
    check(town, (4, 1))
    finish(town)


# -- histories


VERBS = ["send", "send", "send", "ask", "ask", "served", "reached", "unreached", "limit", "lend", "time", "shelve"]
ACTS = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 10**6)), min_size=10, max_size=150)


@pytest.fixture(scope="module", autouse=True)
def _nothing_patched() -> Iterator[None]:
    yield
    assert destinations.WAITING_LIMIT == 1000


def check(town: Town, limits: tuple[int, int]) -> None:
    """What is true at any moment."""
    limit, _ = limits
    slots, known = town.channel.slots, town.channel.destinations
    assert slots.ordered == len(town.out)
    assert slots.firm == len(town.slots)
    assert slots.running <= max(limit, len(town.slots))
    assert not town.asking or len(town.slots) >= limit
    out = town.out_by_destination()
    for name, found in known._known.items():
        assert found.out == out[name]
        assert found.waiting == sum(len(batch.recipients) - batch.at for batch in found.batches)
        assert 1 <= found.cap <= known.per_host
        assert found.waiting or found.out or found.aside or found.is_hungry or found.is_in_turn
        assert found.is_in_turn == (found in known._turns)
        has_room = found.has_room(known.is_careful)
        assert found.is_in_turn or not found.waiting or not has_room, "its turn never comes"
        # where others wait, too, it is looked at with each of them that starts
        assert found.is_hungry or not found.aside or found.waiting, "what is set aside never comes"
        assert found.is_hungry == (found in known._hungry)
    assert known.waiting == sum(found.waiting for found in known._known.values())
    assert set(out) <= set(known._known)
    waiting = [number for _, number in town.machine.waiting("remote")]
    assert len(waiting) == len(set(waiting)), "a message waits twice"
    queued: dict[int, set[int]] = defaultdict(set)
    for found in known._known.values():
        for batch in found.batches:
            queued[batch.job.number] |= set(batch.recipients[batch.at :])
    for order in town.out.values():
        queued[order.number] |= set(order.recipients)
    for number, left in town.left.items():
        assert (number in waiting) != town.machine.is_open(number), "a message is nowhere, or in two places"
        assert queued[number] <= set(left)
        assert bool(queued[number]) == town.machine.is_open(number)


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


def finish(town: Town) -> None:
    """Everything goes well from here: everything must go."""
    for winner in town.channel.set_limits(3, 3):
        town.slots |= town.asking & {winner}
        town.asking -= {winner}
    for _ in range(10_000):
        town.pump()
        if not town.left:
            break
        if town.out:
            town.end(min(town.out), End.SERVED)
        else:
            town.now = town.machine.next_due(town.now) or town.now + 1
    assert town.left == {}
    assert town.machine.is_idle()
    assert town.machine.waiting("remote") == []
    assert len(town.channel.destinations) == 0


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
        self.most = 0

    def run(self, until: float) -> None:
        self.step()
        while self.events and self.events[0][0] <= until:
            self.now, ticket, verb = self.events.pop(0)
            self.town.now = int(self.now)
            if verb == "ask":
                self.town.ask(ticket)
            else:
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


def finishing_time(hosts: list[bytes], dead: set[bytes]) -> float:
    """When all others are served, one message each, in mixed order."""
    town = Town(limit=20)
    mixed = random.Random(1).sample(hosts, len(hosts))
    for number, host in enumerate(mixed):
        town.send(number, [host])
    clock = Clock(town, dict.fromkeys(dead, 60.0), {})
    clock.run(until=1000)
    assert len(clock.done) == len(hosts) - len(dead)
    return max(times[-1] for times in clock.done.values())

"""Messages for several hosts and a machine that is asked about them, with what must be true of both at any moment."""

from __future__ import annotations

from collections import Counter, defaultdict

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
        assert found.is_in_turn == ((found in known._turns) + (found in known._doubtful_turns))
        assert found.is_doubtful == (name in known._doubtful)
        has_room = found.has_room(known.is_careful)
        assert found.is_in_turn or not found.waiting or not has_room, "its turn never comes"
        # where others wait, too, it is looked at with each of them that starts
        assert found.is_hungry or not found.aside or found.waiting, "what is set aside never comes"
        assert found.is_hungry == (found in known._hungry)
    assert all(found.is_doubtful and found.out for found in known._looked_for)
    assert len(known._looked_for) <= known.most_doubtful
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

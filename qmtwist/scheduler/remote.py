"""The remote channel: recipients wait for their destinations, which are served in turn. (qmail-send; destinations)"""

from __future__ import annotations

from qmtwist.mail.shapes import Iterable, Iterator, NamedTuple

from .channel import Channel
from .destinations import Batch, Destination, Destinations
from .jobs import Job
from .lending import LentSlots
from .orders import Aside, Closed, End, Open, Transact

DOUBTFUL_SHARE = 4  # of those who look for hosts, one in so many may look for one that was not found the last time


class Transaction(NamedTuple):
    """One in progress."""

    job: Job
    destination: Destination


class RemoteChannel(Channel):
    """Made by the machine. Messages are opened ahead, until there is something to start for every slot.

    A transaction asks for its slot when it has found its host (see `lending`); with `is_lending` off it has one from
    its start, and one recipient.
    """

    def __init__(self, slots: LentSlots, per_host: int, lifetime_s: int, tickets: Iterator[int]) -> None:
        super().__init__("remote", lifetime_s)
        self.slots: LentSlots = slots
        self.destinations = Destinations(per_host, slots.limit)
        self._tickets = tickets
        self._transactions: dict[int, Transaction] = {}
        self._may_look_on = False  # since something was started no message was opened
        self._is_aside_turn = True

    # -- what is known

    def is_idle(self) -> bool:
        """Channel"""
        return not self._transactions and super().is_idle()

    def waiting(self) -> list[tuple[int, int]]:
        """Channel; what is set aside is due like new mail."""
        return [(0, number) for number in self.destinations.asides()] + super().waiting()

    def is_last_try(self, ticket: int) -> bool:
        """Whether a deferral in this transaction is a failure, because the message is too old."""
        return self._transactions[ticket].job.is_dying

    def next_due(self, now: int) -> int | None:
        """Channel"""
        due, stuck = super().next_due(now), self.slots.next_stuck()
        return min(stuck, due or stuck) if stuck is not None and stuck > now else due

    # -- what happens

    def next_order(self, now: int) -> Open | Transact | None:
        """What to do next.

        While much waits for some destinations a message is opened after each start all the same: it may be for another.
        """
        slots, destinations = self.slots, self.destinations
        slots.tick(now)
        if self._opening is not None or not slots.has_room():
            return None
        destinations.is_careful = slots.is_lending
        destinations.most_doubtful = max(1, slots.most_looking // DOUBTFUL_SHARE)
        has_turn = destinations.has_turn()
        if has_turn and not self._may_look_on:
            return self._start()
        number = self._take(now)
        if number is not None:
            self._may_look_on = False
            self._opening = number
            return Open(self.name, number)
        return self._start() if has_turn else None

    def opened(
        self,
        number: int,
        birth: int,
        recipients: Iterable[tuple[int, bytes | None]],
        per_transaction: int,
        now: int,
    ) -> Closed | Aside | None:
        """The answer to Open: index and host of each recipient that is left. None left: the channel is finished."""
        self._opening = None
        by_host: dict[bytes | None, list[int]] = {}
        count = 0
        for index, host in recipients:
            by_host.setdefault(host, []).append(index)
            count += 1
        job = self._make_job(number, count, birth, now)
        if not by_host:
            return Closed(self.name, number, 0, job.retry_at)
        destinations = self.destinations
        places = [(host.lower() if host else b"", host) for host in by_host]
        if all(map(destinations.is_full, [name for name, _ in places])):
            destinations.set_aside(places[0][0], number)
            return Aside(self.name, number)
        for name, host in places:
            if len(places) > 1 and destinations.is_overfull(name):
                job.unstarted -= len(by_host[host])
            else:
                destinations.add(name, Batch(job, host, by_host[host], per_transaction))
        self._jobs[number] = job
        return None

    def found(self, ticket: int) -> bool:
        """A transaction has found its host: whether others may start for that reason."""
        return self.destinations.reached(self._transactions[ticket].destination)

    def ask(self, ticket: int) -> bool:
        """A transaction that has found its host begins: True, it has a slot; False, `ended` of another gives it one."""
        return self.slots.ask(ticket)

    def ended(self, ticket: int, end: End) -> list[int]:
        """Every recipient is reported: the transactions that have a slot now. `settled` follows for each recipient."""
        transaction = self._transactions.pop(ticket)
        self.destinations.ended(transaction.destination, end)
        return self.slots.ended(ticket)

    def recalled(self, ticket: int, unsettled: int) -> Closed | None:
        """A transaction is not to begin any more; so many of its recipients are as due as they were before."""
        job = self._transactions[ticket].job
        self.ended(ticket, End.REACHED)
        job.retry_at = job.begun
        closed = None
        for _ in range(unsettled):
            closed = self.settled(job.number, False)
        return closed

    def shelve(self, numbers: Iterable[int]) -> list[Closed]:
        """End the passes of those of these messages that only wait for a destination; they are as due as before."""
        jobs = [job for number in numbers if (job := self._jobs.get(number)) is not None and not job.in_delivery]
        self.destinations.withdraw({job.number for job in jobs})
        for job in jobs:
            job.cut_short()
        return [self._close(job) for job in jobs]

    def stop(self) -> list[Closed]:
        """Channel"""
        self.destinations.drop()
        return super().stop()

    def set_limits(self, limit: int, per_host: int) -> list[int]:
        """Use new limits; transactions in progress go on, and those that have a slot now are told."""
        self.destinations.set_limits(per_host, limit)
        return self.slots.set_limit(limit)

    # -- within

    def _take(self, now: int) -> int | None:
        """A message to open: what was set aside and what is due take turns."""
        self._is_aside_turn = not self._is_aside_turn
        if self._is_aside_turn:
            number = self.destinations.take_aside()
            return number if number is not None else self.agenda.take(now)
        number = self.agenda.take(now)
        return number if number is not None else self.destinations.take_aside()

    def _start(self) -> Transact:
        slots = self.slots
        destination, batch, recipients = self.destinations.take(not slots.is_lending)
        job = batch.job
        job.unstarted -= len(recipients)
        job.in_delivery += len(recipients)
        ticket = next(self._tickets)
        self._transactions[ticket] = Transaction(job, destination)
        self._may_look_on = True
        return Transact(ticket, job.number, batch.host, recipients, slots.hand_over(ticket))

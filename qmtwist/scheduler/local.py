"""The local channel: recipients are started one after the other, each with a ticket of its own. (qmail-send)"""

from __future__ import annotations

from qmtwist.mail.shapes import Iterable, Iterator, NamedTuple, deque

from .channel import Channel
from .jobs import Job
from .orders import Closed, Open, Start
from .slots import Slots


class Ended(NamedTuple):
    """A delivery that has ended, and the one that has its slot now, if one waited for it."""

    order: Start
    following: int | None


class LocalChannel(Channel):
    """Made by the machine. A message is opened when there is room, and started to its last recipient before the next.

    Where orders are handed over ahead of their slots (see `slots`) a delivery that needs one must `ask`; else each has
    one from its start.
    """

    def __init__(self, slots: Slots, lifetime_s: int, tickets: Iterator[int]) -> None:
        super().__init__("local", lifetime_s)
        self.slots: Slots = slots
        self._tickets = tickets
        self._current: tuple[Job, deque[int]] | None = None  # whose recipients are being started
        self._deliveries: dict[int, tuple[Job, int]] = {}

    def next_order(self, now: int) -> Open | Start | None:
        """What to do next."""
        if self._opening is not None or not self.slots.has_room():
            return None
        if self._current is not None:
            return self._start(*self._current)
        number = self.agenda.take(now)
        if number is None:
            return None
        self._opening = number
        return Open(self.name, number)

    def opened(self, number: int, birth: int, recipients: Iterable[int], now: int) -> Closed | None:
        """The answer to Open: the indexes of the recipients that are left. None left: the channel is finished."""
        self._opening = None
        waiting = deque(recipients)
        job = self._make_job(number, len(waiting), birth, now)
        if not waiting:
            return Closed(self.name, number, 0, job.retry_at)
        self._jobs[number] = job
        self._current = job, waiting
        return None

    def is_in_delivery(self, delivery: int) -> bool:
        """Whether a delivery was ordered and has not ended."""
        return delivery in self._deliveries

    def is_last_try(self, delivery: int) -> bool:
        """Whether a deferral of this delivery is a failure, because the message is too old."""
        return self._deliveries[delivery][0].is_dying

    def order(self, delivery: int) -> Start:
        """What was ordered under this number."""
        job, recipient = self._deliveries[delivery]
        return Start(delivery, self.name, job.number, recipient)

    def ask(self, delivery: int) -> bool:
        """A delivery handed over ahead needs a slot: True, it has one; False, `ended` of another gives it one."""
        return self.slots.ask(delivery)

    def ended(self, delivery: int) -> Ended:
        """A report came: its slot is free. `settled` follows when the consequences are on disk."""
        order = self.order(delivery)
        del self._deliveries[delivery]
        return Ended(order, self.slots.ended(delivery))

    def recalled(self, delivery: int) -> Closed | None:
        """A delivery handed over ahead is not to begin any more; its recipient is as due as it was before."""
        order = self.ended(delivery).order
        job = self._jobs[order.number]
        job.retry_at = job.begun
        return self.settled(order.number, False)

    def stop(self) -> list[Closed]:
        """Channel"""
        self._current = None
        return super().stop()

    def _start(self, job: Job, waiting: deque[int]) -> Start:
        recipient = waiting.popleft()
        if not waiting:
            self._current = None
        job.unstarted -= 1
        job.in_delivery += 1
        self.slots.ordered += 1
        delivery = next(self._tickets)
        self._deliveries[delivery] = (job, recipient)
        if not self.slots.is_ahead_allowed:
            self.slots.ask(delivery)
        return Start(delivery, self.name, job.number, recipient)

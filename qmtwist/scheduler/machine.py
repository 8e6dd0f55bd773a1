"""The timetable: this happened at that time, hence these orders. (qmail-send PASSES, DELIVERIES)

Pure: it is told what happens and asked `next_order`; the queue manager carries the orders out. A message is opened
when a slot is free, its recipients are started one after the other, and a message in progress is not opened again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from .agenda import Agenda
from .jobs import Job
from .orders import Closed, Open, Start
from .retry import SKIP, is_dying, next_attempt
from .slots import Slots

CHANNELS = ("local", "remote")


class Ended(NamedTuple):
    """A delivery that has ended, and the one that has its slot now, if one waited for it."""

    order: Start
    following: int | None


class _Channel:
    __slots__ = ("agenda", "current", "opening", "slots")

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.agenda = Agenda()
        self.current: Job | None = None  # the job whose recipients are being started
        self.opening: int | None = None


class Machine:
    """Owned by the queue manager; one per queue. On the channels named in `ahead` orders are handed over ahead of their
    slots (see `slots`), and a delivery that needs one must `ask`; on the others each has one from its start.
    """

    def __init__(self, limits: dict[str, int], lifetime_s: int, ahead: Collection[str] = ()) -> None:
        self._channels = {name: _Channel(Slots(limits[name], name in ahead)) for name in CHANNELS}
        self._jobs: dict[tuple[str, int], Job] = {}
        self._deliveries: dict[int, tuple[Job, int]] = {}
        self._last_delivery = 0
        self.lifetime_s = lifetime_s
        self.is_stopping = False

    # -- what is known

    def used(self, channel: str) -> int:
        """Slots in use."""
        return self._channels[channel].slots.running

    def limit(self, channel: str) -> int:
        """Deliveries allowed at once."""
        return self._channels[channel].slots.limit

    def set_limit(self, channel: str, limit: int) -> list[int]:
        """Change a concurrency; deliveries in progress go on, and those that waited for a slot and have it are told."""
        return self._channels[channel].slots.set_limit(limit)

    def is_open(self, number: int) -> bool:
        """Whether a message has a job on any channel, or is being opened."""
        return any((name, number) in self._jobs or self._channels[name].opening == number for name in CHANNELS)

    def is_idle(self) -> bool:
        """Whether no delivery is in progress and none ended without having been settled."""
        return not self._deliveries and all(not job.in_delivery for job in self._jobs.values())

    def waiting(self, channel: str) -> list[tuple[int, int]]:
        """(due, number) of everything that is not in progress."""
        return self._channels[channel].agenda.waiting()

    def next_due(self, now: int) -> int | None:
        """When `next_order` is to be asked again if nothing happens before; None: never."""
        times = [
            due
            for channel in self._channels.values()
            if channel.slots.has_room() and (due := channel.agenda.next_due()) is not None and due > now
        ]
        return min(times, default=None)

    # -- what happens

    def add_fresh(self, channel: str, number: int) -> None:
        """A new message: to be tried now."""
        self._channels[channel].agenda.add_fresh(number)

    def add(self, channel: str, number: int, due: int) -> None:
        """A message to be tried at `due`."""
        self._channels[channel].agenda.add(number, due)

    def all_due(self) -> None:
        """ALRM: every deferred message is due now."""
        for channel in self._channels.values():
            channel.agenda.all_due()

    def stop(self) -> None:
        """Start nothing any more."""
        self.is_stopping = True

    def next_order(self, now: int) -> Open | Start | None:
        """What to do next; None: nothing until something happens or `next_due`."""
        if self.is_stopping:
            return None
        for name, channel in self._channels.items():
            if channel.opening is not None or not channel.slots.has_room():
                continue
            if channel.current is not None:
                return self._start(channel, channel.current)
            number = channel.agenda.take(now)
            if number is not None:
                channel.opening = number
                return Open(name, number)
        return None

    def opened(self, channel: str, number: int, birth: int, recipients: Iterable[int], now: int) -> Closed | None:
        """The answer to Open: the indexes of the recipients that are left. None left: the channel is finished."""
        state = self._channels[channel]
        state.opening = None
        retry_at = next_attempt(birth, now, SKIP[channel])
        job = Job(channel, number, recipients, now, retry_at, is_dying(birth, now, self.lifetime_s))
        if job.is_over():
            return Closed(channel, number, 0, retry_at)
        self._jobs[channel, number] = job
        state.current = job
        return None

    def vanished(self, channel: str, number: int, retry_at: int | None) -> None:
        """The answer to Open: it cannot be read; try again then, or (None) forget it."""
        state = self._channels[channel]
        state.opening = None
        if retry_at is not None:
            state.agenda.add(number, retry_at)

    def is_in_delivery(self, delivery: int) -> bool:
        """Whether a delivery was ordered and has not ended."""
        return delivery in self._deliveries

    def is_last_try(self, delivery: int) -> bool:
        """Whether a deferral of this delivery is a failure, because the message is too old."""
        return self._deliveries[delivery][0].is_dying

    def order(self, delivery: int) -> Start:
        """What was ordered under this number."""
        job, recipient = self._deliveries[delivery]
        return Start(delivery, job.channel, job.number, recipient)

    def ask(self, delivery: int) -> bool:
        """A delivery handed over ahead needs a slot: True, it has one; False, `ended` of another gives it one."""
        return self._channels[self._deliveries[delivery][0].channel].slots.ask(delivery)

    def ended(self, delivery: int) -> Ended:
        """A report came: its slot is free. `settled` follows when the consequences are on disk."""
        order = self.order(delivery)
        del self._deliveries[delivery]
        return Ended(order, self._channels[order.channel].slots.ended(delivery))

    def recalled(self, delivery: int) -> Closed | None:
        """A delivery handed over ahead is not to begin any more; its recipient is as due as it was before."""
        order = self.ended(delivery).order
        job = self._jobs[order.channel, order.number]
        job.retry_at = job.begun
        return self.settled(order.channel, order.number, False)

    def settled(self, channel: str, number: int, is_served: bool) -> Closed | None:
        """One recipient is served (or failed for good), or is left for the next pass. Closed: the pass is over."""
        job = self._jobs[channel, number]
        job.in_delivery -= 1
        if is_served:
            job.left -= 1
        if self.is_stopping:
            job.cut_short()
        if not job.is_over():
            return None
        del self._jobs[channel, number]
        if self._channels[channel].current is job:
            self._channels[channel].current = None
        return Closed(channel, number, job.left, job.retry_at)

    def _start(self, channel: _Channel, job: Job) -> Start:
        recipient = job.waiting.popleft()
        if not job.waiting:
            channel.current = None
        job.in_delivery += 1
        channel.slots.ordered += 1
        self._last_delivery += 1
        self._deliveries[self._last_delivery] = (job, recipient)
        if not channel.slots.is_ahead_allowed:
            channel.slots.ask(self._last_delivery)
        return Start(self._last_delivery, job.channel, job.number, recipient)

"""The timetable: this happened at that time, hence these orders. (qmail-send PASSES, DELIVERIES)

Pure: it is told what happens and asked `next_order`; the queue manager carries the orders out. A message is opened
when a slot is free, and a message in progress is not opened again on its channel.
"""

from __future__ import annotations

from itertools import count

from qmtwist.mail.shapes import Collection

from .lending import LentSlots
from .local import LocalChannel
from .orders import Closed, Order
from .remote import RemoteChannel
from .slots import Slots

CHANNELS = ("local", "remote")


class Machine:
    """Owned by the queue manager; one per queue. What concerns one channel is asked of `local` and `remote`.

    On the channels named in `ahead` orders are handed over ahead of their slots (see `slots` and `lending`).
    """

    def __init__(
        self, limits: dict[str, int], lifetime_s: int, per_host: int = 20, ahead: Collection[str] = ()
    ) -> None:
        tickets = count(1)
        self.local = LocalChannel(Slots(limits["local"], "local" in ahead), lifetime_s, tickets)
        slots = LentSlots(limits["remote"], "remote" in ahead)
        self.remote = RemoteChannel(slots, per_host, lifetime_s, tickets)
        self._channels = {"local": self.local, "remote": self.remote}
        self.is_stopping = False

    # -- what is known

    def used(self, channel: str) -> int:
        """Slots in use."""
        return self._channels[channel].slots.running

    def limit(self, channel: str) -> int:
        """Slots."""
        return self._channels[channel].slots.limit

    def set_lifetime(self, lifetime_s: int) -> None:
        """Messages older than this get their last try, from the next pass on."""
        self.local.lifetime_s = self.remote.lifetime_s = lifetime_s

    def is_open(self, number: int) -> bool:
        """Whether a message has a job on any channel, or is being opened."""
        return self.local.is_open(number) or self.remote.is_open(number)

    def is_idle(self) -> bool:
        """Whether no delivery is in progress and none ended without having been settled."""
        return self.local.is_idle() and self.remote.is_idle()

    def waiting(self, channel: str) -> list[tuple[int, int]]:
        """(due, number) of everything that is not in progress."""
        return self._channels[channel].waiting()

    def next_due(self, now: int) -> int | None:
        """When `next_order` is to be asked again if nothing happens before; None: never."""
        return min((due for due in (self.local.next_due(now), self.remote.next_due(now)) if due), default=None)

    # -- what happens

    def add_fresh(self, channel: str, number: int) -> None:
        """A new message: to be tried now."""
        self._channels[channel].agenda.add_fresh(number)

    def add(self, channel: str, number: int, due: int) -> None:
        """A message to be tried at `due`."""
        self._channels[channel].agenda.add(number, due)

    def all_due(self) -> None:
        """ALRM: every deferred message is due now."""
        self.local.all_due()
        self.remote.all_due()

    def stop(self) -> list[Closed]:
        """Start nothing any more; the passes that are over therefore."""
        self.is_stopping = True
        return self.local.stop() + self.remote.stop()

    def next_order(self, now: int) -> Order | None:
        """What to do next; None: nothing until something happens or `next_due`."""
        if self.is_stopping:
            return None
        return self.local.next_order(now) or self.remote.next_order(now)

    def vanished(self, channel: str, number: int, retry_at: int | None) -> None:
        """The answer to Open: it cannot be read; try again then, or (None) forget it."""
        self._channels[channel].vanished(number, retry_at)

    def settled(self, channel: str, number: int, is_served: bool) -> Closed | None:
        """One recipient is served (or failed for good), or is left for the next pass. Closed: the pass is over."""
        return self._channels[channel].settled(number, is_served)

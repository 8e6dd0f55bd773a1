"""Deliveries that were handed to an agent ahead of their slots, and wait for one. (scheduler/slots)"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from qmtwist.scheduler.local import LocalChannel
from qmtwist.scheduler.orders import Closed, Start


class Ahead:
    """Of the local channel. `begin` is told when a delivery begins, before its agent is; `closed` of passes that
    are over because we are stopping.
    """

    def __init__(self, channel: LocalChannel, begin: Callable[[Start], None], closed: Callable[[Closed], None]) -> None:
        self._channel = channel
        self._begin = begin
        self._closed = closed
        self._held: dict[int, Callable[[], None]] = {}
        self._recalled: set[int] = set()

    def permit(self, ticket: int, go: Callable[[], None]) -> None:
        """A delivery needs a process (seams.Permit): it has a slot now, or later; while we are stopping, never."""
        if self._channel.is_stopping:
            self._recall(ticket)
        elif self._channel.ask(ticket):
            self._begin(self._channel.order(ticket))
            go()
        else:
            self._held[ticket] = go

    def have_slots(self, tickets: Iterable[int]) -> None:
        """These have waited long enough."""
        for ticket in tickets:
            self._begin(self._channel.order(ticket))
            self._held.pop(ticket)()

    def is_heard(self, ticket: int) -> bool:
        """A report came; whether it says something: a delivery that was recalled has never begun."""
        self._held.pop(ticket, None)
        is_recalled = ticket in self._recalled
        self._recalled.discard(ticket)
        return not is_recalled

    def recall(self) -> None:
        """We are stopping: what waits does not begin any more, and is as due as it was."""
        while self._held:
            self._recall(self._held.popitem()[0])

    def _recall(self, ticket: int) -> None:
        self._recalled.add(ticket)
        closed = self._channel.recalled(ticket)
        if closed is not None:
            self._closed(closed)

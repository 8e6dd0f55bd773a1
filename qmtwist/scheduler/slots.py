"""Slots: how many deliveries may run at once on a channel, and which are handed over ahead. (qmail-send DELIVERIES)

What occupies a slot is a process of its own: a program, an mbox, a forward, a remote session. Deliveries into maildirs
are made one after the other by a worker, many in one go; so that it always has some, orders are handed over ahead, ten
for each slot but the first. With one slot nothing is ahead, and deliveries keep their order strictly.
"""

from __future__ import annotations

from qmtwist.mail.shapes import deque

AHEAD_PER_SLOT = 10


class Slots:
    """Of one channel; owned by the machine. Tickets are any numbers."""

    __slots__ = ("_running", "_waiting", "is_ahead_allowed", "limit", "ordered")

    def __init__(self, limit: int, is_ahead_allowed: bool) -> None:
        self.limit = limit
        self.is_ahead_allowed = is_ahead_allowed
        self.ordered = 0  # deliveries handed over and not ended
        self._running: set[int] = set()
        self._waiting: deque[int] = deque()

    def has_room(self) -> bool:
        """Whether one more may be handed over."""
        if self.ordered < self.limit:
            return True
        return self.is_ahead_allowed and self.ordered < self.limit + AHEAD_PER_SLOT * (self.limit - 1)

    @property
    def running(self) -> int:
        """Slots in use."""
        return len(self._running)

    def set_limit(self, limit: int) -> list[int]:
        """Change the number of slots; the tickets that have one now."""
        self.limit = limit
        following: list[int] = []
        while self._waiting and len(self._running) < limit:
            following.append(self._waiting.popleft())
            self._running.add(following[-1])
        return following

    def ask(self, ticket: int) -> bool:
        """A delivery needs a process: True, it has a slot; False, it gets one later, in turn."""
        if len(self._running) < self.limit:
            self._running.add(ticket)
            return True
        self._waiting.append(ticket)
        return False

    def ended(self, ticket: int) -> int | None:
        """A delivery has ended, whether it had a slot or not; the ticket that has its slot now."""
        self.ordered -= 1
        if ticket in self._running:
            self._running.remove(ticket)
        elif ticket in self._waiting:
            self._waiting.remove(ticket)
        if self._waiting and len(self._running) < self.limit:
            following = self._waiting.popleft()
            self._running.add(following)
            return following
        return None

"""What is due next on one channel: new messages and retries take turns, so neither waits behind the other."""

from __future__ import annotations

import heapq

from qmtwist.mail.shapes import Collection, deque


class Agenda:
    """Only numbers and times; a message is here once at most. Owned by the machine."""

    __slots__ = ("_due", "_fresh", "_is_fresh_turn")

    def __init__(self) -> None:
        self._fresh: deque[int] = deque()
        self._due: list[tuple[int, int]] = []
        self._is_fresh_turn = True

    def __len__(self) -> int:
        return len(self._fresh) + len(self._due)

    def add_fresh(self, number: int) -> None:
        """A message that was never tried: now."""
        self._fresh.append(number)

    def add(self, number: int, due: int) -> None:
        """A message to be tried at this time."""
        heapq.heappush(self._due, (due, number))

    def all_due(self) -> None:
        """Everything is due at once, in the order in which it would have been."""
        self._due = [(0, number) for _, number in sorted(self._due)]

    def hasten(self, numbers: Collection[int]) -> None:
        """These are due at once, if they wait here."""
        self._due = [(0 if number in numbers else due, number) for due, number in self._due]
        heapq.heapify(self._due)

    def take(self, now: int) -> int | None:
        """The message whose turn it is, if one is due."""
        is_retry_due = bool(self._due) and self._due[0][0] <= now
        if self._fresh and (self._is_fresh_turn or not is_retry_due):
            self._is_fresh_turn = False
            return self._fresh.popleft()
        if is_retry_due:
            self._is_fresh_turn = True
            return heapq.heappop(self._due)[1]
        return None

    def next_due(self) -> int | None:
        """When something is due: 0 for new messages, None for an empty agenda."""
        if self._fresh:
            return 0
        return self._due[0][0] if self._due else None

    def waiting(self) -> list[tuple[int, int]]:
        """Everything as (due, number), due 0 for what is new: for a clean stop and for tools."""
        return [(0, number) for number in self._fresh] + sorted(self._due)

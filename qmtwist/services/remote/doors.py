"""A host sees no more of us than it must: deliveries without a slot wait before its door, a few at a time inside.

Orders come ahead of slots, so that black holes hold up nobody (docs/explanation). But all of them may be for one
smarthost, which would see ten connections for each that talks, and turn us away.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

LIMIT = 5
"""Connections to one address, in the making, made or used again, that have no slot yet."""

Place = tuple[str, int]  # address, port


class Visitor(Protocol):
    """Who waits. He hears of it once, and is not waiting any more."""

    def admitted(self) -> None:
        """Try again."""

    def passed_over(self) -> None:
        """The host did not answer those inside: go elsewhere."""


class Doors:
    """One for each agent."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._inside: dict[Place, int] = {}
        self._waiting: dict[Place, deque[Visitor]] = {}
        self._answered: dict[Place, float] = {}  # when the host last did, while somebody waits

    def enter(self, place: Place, visitor: Visitor) -> bool:
        """Whether he may go in; who goes in `leave`s once. Who may not is waiting now."""
        inside = self._inside.get(place, 0)
        if inside < self._limit:
            self._inside[place] = inside + 1
            return True
        self._waiting.setdefault(place, deque()).append(visitor)
        return False

    def leave(self, place: Place) -> None:
        """He has a slot, or no connection any more."""
        inside = self._inside.pop(place) - 1
        if inside:
            self._inside[place] = inside
        while self._inside.get(place, 0) < self._limit and (waiting := self._waiting.get(place)):
            visitor = waiting.popleft()
            if not waiting:
                self._nobody_waits(place)
            visitor.admitted()

    def forget(self, place: Place, visitor: Visitor) -> None:
        """He waits no longer."""
        waiting = self._waiting.get(place, deque())
        if visitor in waiting:
            waiting.remove(visitor)
            if not waiting:
                self._nobody_waits(place)

    def answered(self, place: Place, now: float) -> None:
        """The host has let somebody connect. Times are in seconds, by any clock."""
        if place in self._waiting:
            self._answered[place] = now

    def timed_out(self, place: Place, since: float) -> None:
        """The host did not answer an attempt that began at `since`: nobody who waits finds out for himself.

        One that answered others meanwhile has too much to do, and is worth waiting for.
        """
        if self._answered.get(place, since) <= since:
            for visitor in self._nobody_waits(place):
                visitor.passed_over()

    def _nobody_waits(self, place: Place) -> deque[Visitor]:
        """Not any more; who did up to now."""
        self._answered.pop(place, None)
        return self._waiting.pop(place, deque())

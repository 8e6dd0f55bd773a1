"""Pause and continue: no delivery begins, and new connections that bring mail wait in the kernel. (svc -p, svc -c)

What is in progress goes on: deliveries to their end, sessions with everything they bring. Local programs queue.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IListeningPort

from qmtwist.services.log.telemetry import Telemetry
from qmtwist.wire.injection import CONTINUE, PAUSE


class Deliveries(Protocol):
    """The queue manager, as far as this goes."""

    is_paused: bool

    def pause(self, is_wanted: bool) -> None:
        """Begin no delivery, or go on."""


class Door(Protocol):
    """A listening port of Twisted's, as far as this goes."""

    def startReading(self) -> None:
        """Accept connections."""

    def stopReading(self) -> None:
        """Accept none; the kernel keeps them waiting."""


class Pausing:
    """Made by `assemble`; `use` names the queue manager, `guard` each port that mail comes in by."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._doors: list[Door] = []
        self._deliveries: Deliveries | None = None

    def guard(self, port: IListeningPort) -> None:
        """One more port."""
        if isinstance(port, FileDescriptor):
            self._doors.append(port)

    def use(self, deliveries: Deliveries) -> None:
        """The queue is open."""
        self._deliveries = deliveries

    def obey(self, order: bytes) -> bool:
        """Carry out PAUSE or CONTINUE; whether we pause now."""
        deliveries = self._deliveries
        if deliveries is None:
            return False
        if order in (PAUSE, CONTINUE) and deliveries.is_paused != (order == PAUSE):
            self._switch(deliveries, order == PAUSE)
        return deliveries.is_paused

    def _switch(self, deliveries: Deliveries, is_wanted: bool) -> None:
        self._telemetry.remark("", "paused: no delivery begins, new connections wait" if is_wanted else "continued")
        for door in self._doors:
            door.stopReading() if is_wanted else door.startReading()
        deliveries.pause(is_wanted)

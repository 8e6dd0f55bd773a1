"""The queue manager as those see it who work for it: deliveries of both channels, and what settles them."""

from __future__ import annotations

from typing import Protocol

from qmtwist.rules.routing import Routes
from qmtwist.scheduler.machine import Machine
from qmtwist.scheduler.orders import Closed
from qmtwist.services.disk import Disk
from qmtwist.services.log.telemetry import Telemetry
from qmtwist.store.journal.records import Draft
from qmtwist.store.queue.layout import Layout

from .deliverylog import DeliveryLog
from .mail import Mail
from .personal import Personal


class Office(Protocol):
    """See service.QueueManager."""

    layout: Layout
    disk: Disk
    telemetry: Telemetry
    machine: Machine
    log: DeliveryLog
    routes: Routes
    mail: dict[int, Mail]
    personal: Personal
    busy: int

    def note(self, draft: Draft, /) -> None:
        """Write a mark into the journal soon."""

    def step_done(self) -> None:
        """A step that was on its way to disk has arrived."""

    def closed(self, closed: Closed, /) -> None:
        """A pass is over."""

    def pump_soon(self) -> None:
        """Ask the timetable in this turn of the reactor."""

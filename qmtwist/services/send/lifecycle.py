"""Starting, running, draining, stopped. (qmail-send MAIN)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from automat import TypeMachineBuilder


class Staff(Protocol):
    """What the lifecycle has done by others."""

    def on_draining(self) -> None:
        """Take nothing more and start nothing more."""

    def on_idle(self) -> None:
        """Nothing is in progress any more: put everything to rest."""

    def on_stopped(self) -> None:
        """Everything rests."""


class Lifecycle(Protocol):
    """The inputs."""

    def stop(self) -> None:
        """Somebody wants us to end; a second wish changes nothing."""

    def idle(self) -> None:
        """No delivery and no step to disk is in progress."""

    def rested(self) -> None:
        """The queue is a plain qmail queue."""


def build() -> Callable[[Staff], Lifecycle]:
    """The machine: running → draining → resting → stopped."""
    builder = TypeMachineBuilder(Lifecycle, Staff)  # type: ignore[type-abstract]  # the machine never makes one
    running = builder.state("running")
    draining = builder.state("draining")
    resting = builder.state("resting")
    stopped = builder.state("stopped")

    @running.upon(Lifecycle.stop).to(draining)
    def drain(lifecycle: Lifecycle, staff: Staff) -> None:
        staff.on_draining()

    @draining.upon(Lifecycle.idle).to(resting)
    def rest(lifecycle: Lifecycle, staff: Staff) -> None:
        staff.on_idle()

    @resting.upon(Lifecycle.rested).to(stopped)
    def farewell(lifecycle: Lifecycle, staff: Staff) -> None:
        staff.on_stopped()

    running.upon(Lifecycle.idle).loop().returns(None)
    draining.upon(Lifecycle.stop).loop().returns(None)
    resting.upon(Lifecycle.stop).loop().returns(None)
    resting.upon(Lifecycle.idle).loop().returns(None)
    stopped.upon(Lifecycle.stop).loop().returns(None)
    stopped.upon(Lifecycle.idle).loop().returns(None)
    return builder.build()

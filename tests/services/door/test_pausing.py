"""Pause and continue: no delivery begins meanwhile, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
import pytest_twisted
from twisted.internet.abstract import FileDescriptor

from qmtwist.mail.outcome import Outcome
from qmtwist.services.door.pausing import Pausing
from qmtwist.services.log.telemetry import Telemetry
from qmtwist.wire.injection import CONTINUE, PAUSE, STATUS
from tests.support.couriers import DID, Desk

ANN, JOE, FAR = b"ann@mail.example.org", b"joe@mail.example.org", b"x@far.example"
Maker = Callable[..., Desk]


@pytest_twisted.ensureDeferred
async def test_nothing_begins_while_it_pauses(make_desk: Maker) -> None:
    desk = make_desk()
    manager = desk.running.manager
    manager.pause(True)
    for _ in range(30):
        await desk.submit(ANN, [JOE, FAR])
    manager.all_due()
    desk.running.apply(attrs.evolve(desk.settings, concurrencylocal=3))  # a reload does not end it
    await desk.settle_but_held()
    assert desk.attempts == [] and desk.lines.count(b"status: local 0/0 remote 0/0") == 1
    manager.pause(False)
    await desk.until(lambda: len(desk.attempts) == 60)
    await desk.settle()
    assert desk.files() == {} and desk.lines[-1].startswith((b"end msg", b"status: local 0/3"))


@pytest_twisted.ensureDeferred
async def test_what_runs_goes_on_to_its_end(make_desk: Maker) -> None:
    held: list[bytes] = []

    def script(attempt: object, before: int) -> Outcome | None:
        held.append(b"")
        return None if len(held) == 1 else DID

    desk = make_desk(script=script)
    await desk.submit(ANN, [JOE])
    await desk.until(lambda: desk.held)
    desk.running.manager.pause(True)
    desk.held.pop()[1](DID)
    await desk.until(lambda: any(line.startswith(b"end msg") for line in desk.lines))
    await desk.submit(ANN, [JOE])
    await desk.settle_but_held()
    assert len(desk.attempts) == 1
    desk.running.manager.pause(False)
    await desk.until(lambda: len(desk.attempts) == 2)


@pytest_twisted.ensureDeferred
async def test_a_stop_ends_a_pause(make_desk: Maker) -> None:
    desk = make_desk()
    desk.running.manager.pause(True)
    await desk.submit(ANN, [JOE])
    await desk.stop()
    desk.open()
    await desk.until(lambda: len(desk.attempts) == 1)


class Deliveries:
    is_paused = False

    def pause(self, is_wanted: bool) -> None:
        self.is_paused = is_wanted


class Port(FileDescriptor):
    is_reading = True

    def __init__(self) -> None:
        pass

    def startReading(self) -> None:
        self.is_reading = True

    def stopReading(self) -> None:
        self.is_reading = False


@pytest.mark.parametrize("is_open", [True, False])
def test_orders_are_obeyed_once_the_queue_is_open(is_open: bool) -> None:
    lines: list[bytes] = []
    pausing, port = Pausing(Telemetry(lines.append, False, lambda: 0.0)), Port()
    pausing.guard(port)  # type: ignore[arg-type]  # of a port, a FileDescriptor is enough
    if is_open:
        pausing.use(Deliveries())
    said = [(pausing.obey(order), port.is_reading) for order in (STATUS, PAUSE, PAUSE, STATUS, CONTINUE, CONTINUE)]
    paused = (True, False) if is_open else (False, True)
    assert said == [(False, True), paused, paused, paused, (False, True), (False, True)]
    assert len(lines) == (2 if is_open else 0)

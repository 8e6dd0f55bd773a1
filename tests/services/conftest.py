"""What the services' tests share: a queue manager with scripted agents, and an eye on what nobody looks at."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor  # noqa: TID251  # tests run in the global one
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from qmtwist.store.journal import writer
from tests.support.couriers import SETTINGS, SOFT, Desk, Script, standard


@pytest.fixture
def bugs() -> Iterator[list[LogEvent]]:
    """A failure in a callback, a timer or a forgotten Deferred is a failure of the test."""
    seen: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            seen.append(event)

    globalLogPublisher.addObserver(observe)
    yield seen
    gc.collect()
    globalLogPublisher.removeObserver(observe)
    failures = [event.get("log_failure") for event in seen]
    assert [failure.getTraceback() if failure else event for failure, event in zip(failures, seen, strict=True)] == []


@pytest_twisted.async_yield_fixture
async def make_desk(
    memory_directory: str, monkeypatch: pytest.MonkeyPatch, bugs: list[LogEvent]
) -> AsyncIterator[Callable[..., Desk]]:
    """Opens queue managers with scripted agents, and stops them when the test is over."""
    monkeypatch.setattr(writer, "SEGMENT_BYTES", 512 * 1024)
    desks: list[Desk] = []

    def make(script: Script = standard, like: Desk | None = None, is_open: bool = True, **changes: Any) -> Desk:
        home = f"{memory_directory}/home{len(desks)}"
        settings = attrs.evolve(SETTINGS, **changes)
        desk = like.copy(home) if like is not None else Desk(reactor, home, script, settings)
        desks.append(desk)
        if is_open:
            desk.open()
        return desk

    yield make
    for desk in desks:
        for _, report in desk.held:
            report(SOFT)
        await desk.stop()

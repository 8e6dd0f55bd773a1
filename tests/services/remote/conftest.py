"""What the remote agent's tests share: agents in homes of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest_twisted
from twisted.internet import reactor  # noqa: TID251  # tests run in the global one
from twisted.logger import LogEvent

from tests.support.remote_desk import RemoteDesk

Make = Callable[..., RemoteDesk]


@pytest_twisted.async_yield_fixture
async def make(memory_directory: str, bugs: list[LogEvent]) -> AsyncIterator[Make]:
    """Makes agents, each in a home of its own, and stops them at the end."""
    desks: list[RemoteDesk] = []

    def make_one(**control: str) -> RemoteDesk:
        desks.append(RemoteDesk(reactor, f"{memory_directory}/home{len(desks)}", **control))
        return desks[-1]

    yield make_one
    for desk in desks:
        await desk.stop()

"""What the resolvers' tests share: two servers, and resolvers that leave nothing open."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable

import pytest_twisted
from twisted.internet import reactor  # noqa: TID251  # tests run in the global one
from twisted.logger import LogEvent

from qmtwist.services.dns.resolver import Resolver
from tests.support.resolvers import ZONE, pause
from tests.support.zone import Zone


@pytest_twisted.async_yield_fixture
async def zone() -> AsyncIterator[Zone]:
    with Zone(ZONE) as served:
        yield served
        await pause()  # connections that were given up are closed in another turn of the reactor


@pytest_twisted.async_yield_fixture
async def other() -> AsyncIterator[Zone]:
    """The second server."""
    with Zone(ZONE) as served:
        yield served
        await pause()


@pytest_twisted.async_yield_fixture
async def make(bugs: list[LogEvent]) -> AsyncIterator[Callable[..., Resolver]]:
    """Resolvers on the reactor; none of them leaves anything open."""
    made: list[Resolver] = []
    before = set(os.listdir("/proc/self/fd"))

    def make(path: str, lines: tuple[bytes, ...] = ()) -> Resolver:
        made.append(Resolver(reactor, lines, path))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for resolver in made:
        resolver.stop()
    deadline = time.monotonic() + 5
    while len(os.listdir("/proc/self/fd")) > len(before) + 2 and time.monotonic() < deadline:
        await pause()
    assert len(os.listdir("/proc/self/fd")) <= len(before) + 2
    assert not [call for call in reactor.getDelayedCalls() if "_Errand" in str(call)]  # type: ignore[attr-defined]

"""Threads for the disk: an fsync takes milliseconds, and the reactor has none to spare."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


class Disk:
    """A pool of its own, so that name lookups or password hashes cannot starve the queue.

    With one thread (the default) what is given first is done first. Started and stopped by the queue manager.
    """

    def __init__(self, reactor: IReactorFromThreads, name: str, threads: int = 1) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(0, threads, name)

    def start(self) -> None:
        """Threads come with the first work."""
        self._pool.start()

    def stop(self) -> None:
        """Wait for what is in work, and end the threads."""
        self._pool.stop()

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Do the work in a thread; its result or exception comes back in the reactor."""
        return deferToThreadPool(self._reactor, self._pool, work, *args, **kwargs)

"""HUP rereads control, ALRM runs the queue; TERM and INT are the reactor's own."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from twisted.internet.interfaces import IReactorFromThreads


class Signals:
    """Made by `assemble`; the handlers run in the reactor, not in the signal's moment."""

    def __init__(self, reactor: IReactorFromThreads, reactions: dict[int, Callable[[], None]]) -> None:
        self._reactor = reactor
        self._reactions = reactions
        self._before: dict[int, object] = {}

    def install(self) -> None:
        """Start listening."""
        for number in self._reactions:
            self._before[number] = signal.signal(number, self._caught)

    def remove(self) -> None:
        """Ignore them from now on: a late HUP must not kill a server that is stopping."""
        for number in self._reactions:
            signal.signal(number, signal.SIG_IGN)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._reactions[number])

"""HUP rereads control, ALRM runs the queue; TERM and INT stop the server, in order and with exit status 0."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.internet.error import ReactorNotRunning

STOPPING = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Made by `assemble`; the handlers run in the reactor, not in the signal's moment."""

    def __init__(self, reactor: Any, reactions: dict[int, Callable[[], None]]) -> None:
        self._reactor = reactor
        self._reactions = reactions
        self._is_stopping = False

    def install(self) -> None:
        """Start listening. What comes before the reactor runs is done as soon as it does."""
        for number in self._reactions:
            signal.signal(number, self._caught)
        self._take_over()
        # The reactor takes TERM and INT for itself when it starts; twistd would then end as if killed by them, and a
        # supervisor could not tell a server that stopped cleanly from one that did not.
        self._reactor.callWhenRunning(self._take_over)

    def remove(self) -> None:
        """Ignore them from now on: a late HUP must not kill a server that is stopping."""
        for number in self._reactions:
            signal.signal(number, signal.SIG_IGN)

    def _take_over(self) -> None:
        for number in STOPPING:
            signal.signal(number, self._caught)

    def _caught(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._reactions.get(number, self._stop))

    def _stop(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            with contextlib.suppress(ReactorNotRunning):  # it stops for another reason already
                self._reactor.stop()

"""All sessions of one service: let in at the door, looked at by one timer, sent home at a stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime

from .listen import Denied, Door, Peer, TooMany


class Session(Protocol):
    """One connection, as its service sees it."""

    def look(self, now: float) -> None:
        """Time has passed."""

    def stop(self) -> None:
        """The server stops: end as soon as nothing is under way."""

    def cut_off(self) -> None:
        """The server will not wait any longer."""


S = TypeVar("S", bound=Session)


class Sessions(Generic[S]):
    """Made by a service's factory. `period_s` says how often the sessions are looked at; there is one timer for all,
    and none while nobody is here.
    """

    def __init__(self, clock: IReactorTime, door: Door, period_s: Callable[[], float]) -> None:
        self.door = door
        self._clock = clock
        self._period_s = period_s
        self._here: set[S] = set()
        self._sweep: IDelayedCall | None = None
        self._drained: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._here)

    def admit(self, addr: IAddress) -> Peer | TooMany | Denied:
        """Somebody knocks."""
        # A UNIX socket has neither host nor port.
        return self.door.admit(getattr(addr, "host", None) or "unknown", getattr(addr, "port", None) or 0)

    def add(self, session: S) -> S:
        """A session begins."""
        self._here.add(session)
        if self._sweep is None:
            self._schedule()
        return session

    def gone(self, session: S, peer: Peer) -> None:
        """A session's connection has ended."""
        self._here.discard(session)
        self.door.leave(peer.ip)
        if self._here:
            return
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        if self._drained is not None:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def drain(self, patience_s: float) -> Deferred[None]:
        """End the sessions, each as soon as nothing is under way in it; fires when none is left.

        Stop listening first. Those that are not done after `patience_s` are cut off.
        """
        drained: Deferred[None] = Deferred()
        if not self._here:
            drained.callback(None)
            return drained
        self._drained = drained
        patience = self._clock.callLater(patience_s, self._cut_off)
        for session in list(self._here):
            session.stop()
        return drained.addCallback(lambda _: patience.cancel() if patience.active() else None)

    def _cut_off(self) -> None:
        for session in list(self._here):
            session.cut_off()

    def _schedule(self) -> None:
        self._sweep = self._clock.callLater(self._period_s(), self._look)

    def _look(self) -> None:
        self._sweep = None
        now = self._clock.seconds()
        for session in list(self._here):
            session.look(now)
        if self._here:
            self._schedule()

"""All sessions of one service: let in at the door, looked at by one timer, sent home at a stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IReactorTime
from twisted.internet.protocol import Protocol as TwistedProtocol

from .listen import Door, Peer, TooMany, Unknown
from .lobby import Lobby


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
        self._here: set[Session] = set()
        self._sweep: IDelayedCall | None = None
        self._drained: Deferred[None] | None = None

    def __len__(self) -> int:
        return len(self._here)

    def protocol(
        self, addr: IAddress, build: Callable[[Peer], S], regret: Callable[[], TwistedProtocol]
    ) -> TwistedProtocol | None:
        """What a factory's buildProtocol returns when somebody knocks: a session made by `build`, a lobby where the
        client waits for one, what says that there are too many, or nothing for those whom a rule denies.
        """
        # A UNIX socket has neither host nor port.
        host, port = getattr(addr, "host", None) or "unknown", getattr(addr, "port", None) or 0
        answer = self.door.admit(host, port)
        if isinstance(answer, Peer):
            return cast(TwistedProtocol, self.add(build(answer)))
        if isinstance(answer, Unknown):
            lobby = Lobby(self.door, answer, lambda peer: self._seat(lobby, build(peer)), self.gone)
            self._begin(lobby)
            return lobby
        return regret() if isinstance(answer, TooMany) else None

    def _seat(self, lobby: Lobby, session: S) -> IProtocol:
        self.add(session)
        self._here.discard(lobby)
        return cast(IProtocol, session)

    def add(self, session: S) -> S:
        """A session begins."""
        self._begin(session)
        return session

    def _begin(self, session: Session) -> None:
        self._here.add(session)
        if self._sweep is None:
            self._schedule()

    def gone(self, session: Session, peer: Peer | Unknown) -> None:
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

"""Answers to "does this address have a mailbox?", remembered for a moment."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

YES_S, NO_S = 30.0, 1.0  # a new .qmail file must count soon; one that is gone means a bounce at worst
LIMIT = 20_000
WAITING_LIMIT = 1_000  # questions under way; more are not asked, and so decided by nobody


class RecentChecks:
    """Made by the local agent's service. Bounded: the oldest answer is forgotten first."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._answers: dict[bytes, tuple[bytes, float]] = {}
        self._waiting: dict[bytes, list[Deferred[bytes]]] = {}

    def forget(self) -> None:
        """Ask everything anew."""
        self._answers.clear()

    def ask(self, key: bytes, question: Callable[[], Deferred[bytes]]) -> bytes | Deferred[bytes]:
        """The answer at once if it is remembered, else when it comes; the same question is asked once at a time."""
        known = self._answers.get(key)
        if known is not None and known[1] > self._clock.seconds():
            return known[0]
        waiting = self._waiting.get(key)
        if waiting is None and len(self._waiting) >= WAITING_LIMIT:
            return b"?"
        mine: Deferred[bytes] = Deferred()
        if waiting is not None:
            waiting.append(mine)
            return mine
        self._waiting[key] = [mine]
        question().addBoth(self._answered, key)
        return mine

    def _answered(self, answer: object, key: bytes) -> None:
        text = answer if isinstance(answer, bytes) else b"?"
        seconds = {b"y": YES_S, b"n": NO_S}.get(text)
        if seconds is not None:
            self._answers.pop(key, None)
            self._answers[key] = (text, self._clock.seconds() + seconds)
            if len(self._answers) > LIMIT:
                del self._answers[next(iter(self._answers))]
        for waiting in self._waiting.pop(key, []):
            waiting.callback(text)

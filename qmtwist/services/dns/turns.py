"""How many lookups run at a time. A burst of queries is lost by servers that cannot take it; slow ones hurt nobody."""

from __future__ import annotations

from qmtwist.mail.dns import Question

FRESH = 100  # begun a moment ago; a dnsmasq refuses the 151st, and a socket's buffer holds some 250 queries
FRESH_S = 1.0
ALL = 2000  # whatever their age; lookups for dead domains wait for long, and must not hold up the others


class Turns:
    """Kept by the resolver; instants are those of its reactor."""

    def __init__(self) -> None:
        self._begun: dict[Question, float] = {}
        self._fresh: dict[Question, float] = {}  # in the order in which they began

    def begin(self, question: Question, now: float) -> None:
        """A lookup begins."""
        self._begun[question] = self._fresh[question] = now

    def end(self, question: Question) -> None:
        """A lookup is over, if it ever began."""
        self._begun.pop(question, None)
        self._fresh.pop(question, None)

    def room_in_s(self, now: float) -> float | None:
        """Seconds until another one may begin, 0 for at once; None: as soon as one ends."""
        while self._fresh:
            question, since = next(iter(self._fresh.items()))
            if now < since + FRESH_S:
                break
            del self._fresh[question]
        if len(self._begun) >= ALL:
            return None
        return 0.0 if len(self._fresh) < FRESH else since + FRESH_S - now

"""How often a client may do something: so many times in a period, all at once or spread out.

The generic cell rate algorithm: of each client one instant is kept, the one at which it would have used up its past.
"""

from __future__ import annotations

CLIENTS = 65536  # that are remembered; while so many are in arrears, new ones are not held to the limit


class RateLimit:
    """Counts for all clients of one kind of event. Lives as long as the limit; times are seconds, never going back."""

    __slots__ = ("_burst_s", "_due", "_each_s", "_sweep_at")

    def __init__(self, count: int, period_s: float) -> None:
        """`count` events in `period_s`; 0: no limit."""
        self._each_s = period_s / count if count else 0.0
        self._burst_s = period_s - self._each_s if count else 0.0
        self._due: dict[bytes, float] = {}
        self._sweep_at = 1024

    def __len__(self) -> int:
        return len(self._due)

    def may(self, client: bytes, now: float) -> bool:
        """Whether `take` would be allowed now."""
        # the sum of many thirds is a little more than it should be
        return not self._each_s or self._due.get(client, now) - now <= self._burst_s + self._each_s / 1e6

    def take(self, client: bytes, now: float) -> bool:
        """Count one event, if it is within the limit; whether it is.

        >>> limit = RateLimit(2, 60)
        >>> [limit.take(b"a", now) for now in (0, 0, 0, 29, 30, 31)]
        [True, True, False, False, True, False]
        """
        if not self._each_s:
            return True
        if not self.may(client, now):
            return False
        if client not in self._due and len(self._due) >= self._sweep_at:
            self._sweep(now)
            if len(self._due) >= CLIENTS:
                return True
        self._due[client] = max(self._due.get(client, now), now) + self._each_s
        return True

    def _sweep(self, now: float) -> None:
        """Forget those whose past is used up; then again when there are twice as many as now."""
        self._due = {client: due for client, due in self._due.items() if due > now}
        self._sweep_at = min(CLIENTS, max(1024, 2 * len(self._due)))

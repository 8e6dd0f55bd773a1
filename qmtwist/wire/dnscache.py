"""Answers kept for as long as they may be, and the least used forgotten first. (RFC 1034 §5.3.3, RFC 2308)"""

from __future__ import annotations

from collections import OrderedDict

from qmtwist.mail.dns import Answer, Question, Status

CAPACITY = 20_000  # records; an answer without records counts as one
FOUND_LIMIT_S = 3600  # new records of a domain are noticed within an hour whatever their TTL was,
NEGATIVE_LIMIT_S = 900  # and sooner where there were none


class Cache:
    """One resolver's memory. Instants are seconds of any steady clock; questions must be normal (wire/dns.py)."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._weight = 0
        self._entries: OrderedDict[Question, tuple[Answer, float]] = OrderedDict()

    def get(self, question: Question, now: float) -> Answer | None:
        """What is known, with the seconds left for `ttl_s`; None: nothing."""
        entry = self._entries.get(question)
        if entry is None:
            return None
        answer, until = entry
        if now >= until:
            self._forget(question)
            return None
        self._entries.move_to_end(question)
        return answer._replace(ttl_s=int(until - now))

    def put(self, question: Question, answer: Answer, now: float) -> None:
        """Keep an answer for its TTL, within limits; one with the TTL 0 is for its asker alone."""
        if question in self._entries:
            self._forget(question)
        limit_s = FOUND_LIMIT_S if answer.status is Status.FOUND else NEGATIVE_LIMIT_S
        ttl_s = min(answer.ttl_s, limit_s)
        if ttl_s <= 0 or weight(answer) > self._capacity:
            return
        self._entries[question] = answer, now + ttl_s
        self._weight += weight(answer)
        while self._weight > self._capacity:
            self._forget(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget everything: other servers may know other things."""
        self._entries.clear()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def weight(self) -> int:
        """Records kept, for the curious; never above the capacity."""
        return self._weight

    def _forget(self, question: Question) -> None:
        self._weight -= weight(self._entries.pop(question)[0])


def weight(answer: Answer) -> int:
    """What an answer takes of the capacity."""
    return max(1, len(answer.records))

"""What histories add up to: one pass over them, a little for each reason, recipient and sender."""

from __future__ import annotations

from qmtwist.mail.shapes import Callable, Iterable

from .figures import number
from .histories import DEFERRAL, FAILURE, SUCCESS, Delivery, History, Message


class Reasons:
    """How often deliveries of one kind ended for each reason, and how long those took."""

    def __init__(self, kind: bytes) -> None:
        self._kind = kind
        self.rows: dict[bytes, list[float]] = {}  # reason to deliveries, xdelay

    def add(self, history: History) -> None:
        """Count one."""
        if isinstance(history, Delivery) and history.kind == self._kind:
            row = self.rows.setdefault(history.reason, [0, 0.0])
            row[0] += 1
            row[1] += number(history.end) - number(history.start)


class Recipients:
    """What went to each recipient, or to each of the hosts that `key` makes of them."""

    def __init__(self, key: Callable[[bytes], bytes] | None = None) -> None:
        self._key = key
        self.rows: dict[bytes, list[float]] = {}  # to sbytes, mess, tries, xdelay

    def add(self, history: History) -> None:
        """Count one."""
        if not isinstance(history, Delivery):
            return
        key = self._key(history.recipient) if self._key else history.recipient
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = [0, 0, 0, 0.0]
        if history.kind == SUCCESS:
            row[0] += number(history.size)
        row[1] += history.kind != DEFERRAL
        row[2] += 1
        row[3] += number(history.end) - number(history.start)


def host(recipient: bytes) -> bytes:
    """What stands behind the last @; all of it without one.

    >>> host(b"remote.a@b@c.example"), host(b"local.joe")
    (b'c.example', b'local.joe')
    """
    return recipient.rpartition(b"@")[2]


class Senders:
    """What came from each sender, or from each of what `key` makes of a history.

    Of messages that are gone everything is counted but xdelay, which deliveries tell.
    """

    def __init__(self, key: Callable[[History], bytes]) -> None:
        self._key = key
        self.rows: dict[bytes, list[float]] = {}  # to mess, bytes, sbytes, rbytes, recips, tries, xdelay

    def add(self, history: History) -> None:
        """Count one."""
        key = self._key(history)
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = [0, 0, 0, 0, 0, 0, 0.0]
        if isinstance(history, Delivery):
            row[6] += number(history.end) - number(history.start)
            return
        size, done, failed = number(history.size), number(history.successes), number(history.failures)
        added = (1, size, size * done, size * (done + failed), done + failed)
        for place, value in enumerate((*added, done + failed + number(history.deferrals))):
            row[place] += value


def sender_of_uid(history: History) -> bytes:
    """`uid/<address>`: who had it queued, and the envelope sender."""
    return history.uid + b"/" + history.sender


class Overall:
    """Everything together. Times in seconds."""

    def __init__(self) -> None:
        self.messages = self.recipients = self.tries = self.size = self.weighted = self.qtime = 0.0
        self.kinds = {SUCCESS: 0, FAILURE: 0, DEFERRAL: 0}
        self.attempts = 0
        self.ddelay = self.xdelay = 0.0
        self.first, self.last = float("inf"), float("-inf")

    @property
    def span(self) -> float:
        """From the first message's birth to the last end; 0 if there is none."""
        return max(self.last - self.first, 0.0)

    def add(self, history: History) -> None:
        """Count one."""
        birth, end = number(history.birth), number(history.end)
        self.first, self.last = min(self.first, birth), max(self.last, end)
        if isinstance(history, Message):
            self._add_message(history, end - birth)
            return
        self.attempts += 1
        self.kinds[history.kind] = self.kinds.get(history.kind, 0) + 1
        self.xdelay += end - number(history.start)
        if history.kind == SUCCESS:
            self.ddelay += end - birth

    def _add_message(self, message: Message, qtime: float) -> None:
        size, done, failed = number(message.size), number(message.successes), number(message.failures)
        self.messages += 1
        self.recipients += done + failed
        self.tries += done + failed + number(message.deferrals)
        self.size += size
        self.weighted += size * done
        self.qtime += qtime


def distribution(delays: Iterable[float]) -> list[tuple[float, float, int]]:
    """Delays in order: for each per cent from 10 on that they reach, by when, and the average up to there.

    >>> distribution([1.0, 2.0])
    [(1.0, 1.0, 50), (2.0, 1.5, 100)]
    """
    ordered = sorted(delays)
    first: dict[int, float] = {}
    average: dict[int, float] = {}
    total = 0.0
    for count, delay in enumerate(ordered, 1):
        per_cent = count * 100 // len(ordered)
        total += delay
        first.setdefault(per_cent, delay)
        average[per_cent] = total / count
    return [(delay, average[per_cent], per_cent) for per_cent, delay in first.items() if per_cent >= 10]

"""Who waits for which other host. Each destination has a queue of its own and its turn; none may take all slots.

A destination is a host in lower case. It is served by at most `cap` transactions at once: few at first, one more after
each success, half as many after each that did not find the host. Where transactions say when they have found it, a
single one looks for it first: so a host that is not there takes one transaction, whatever waits for it. Hosts that were
not found the last time are *doubtful*, and only so many of them are looked for at once: so hundreds that are down take
no place from the others whenever they are tried again. When many recipients wait for a destination, further messages
are set aside as bare numbers and opened again when there is room; so what waits costs little and hides nobody.
"""

from __future__ import annotations

from collections import deque

from qmtwist.mail.shapes import Collection, Sequence

from .jobs import Job
from .orders import End

WAITING_LIMIT = 1_000  # recipients that wait for one destination, above which messages are set aside
WAITING_LIMIT_ALL = 10_000  # that wait for all destinations together; above it a destination may have only these:
WAITING_SHARE = 20
DOUBTFUL_LIMIT = 5_000  # hosts that are remembered as doubtful
OVERFULL = 10_000  # above it recipients of messages that have others, too, sit this pass out


class Batch:
    """Recipients of one message at one host, with an index up to which they were started."""

    __slots__ = ("at", "host", "job", "per_transaction", "recipients")

    def __init__(self, job: Job, host: bytes | None, recipients: Sequence[int], per_transaction: int) -> None:
        self.job = job
        self.host = host
        self.recipients = recipients
        self.per_transaction = per_transaction
        self.at = 0

    def take(self, most: int) -> tuple[int, ...]:
        """The next ones, as many as may go in one transaction."""
        start = self.at
        self.at += min(most, self.per_transaction)
        return tuple(self.recipients[start : self.at])


class Destination:
    """One host: made when somebody waits for it, forgotten when nobody does."""

    __slots__ = (
        "aside", "batches", "cap", "is_doubtful", "is_found", "is_hungry", "is_in_turn", "name", "out", "waiting",
    )  # fmt: skip

    def __init__(self, name: bytes, cap: int, is_doubtful: bool) -> None:
        self.name = name
        self.cap = cap
        self.out = 0  # transactions in progress
        self.waiting = 0  # recipients in `batches`
        self.batches: deque[Batch] = deque()
        self.aside: deque[int] = deque()
        self.is_in_turn = False
        self.is_hungry = False
        self.is_found = False  # by the last transaction that told
        self.is_doubtful = is_doubtful

    def has_room(self, is_careful: bool) -> bool:
        """Whether one more transaction may be in progress."""
        return self.out < (self.cap if self.is_found or not is_careful else 1)


class Destinations:
    """Owned by the remote channel."""

    __slots__ = (
        "_doubtful", "_doubtful_turns", "_hungry", "_is_doubtful_turn", "_known", "_looked_for", "_turns", "is_careful",
        "limit", "most_doubtful", "per_host", "waiting",
    )  # fmt: skip

    def __init__(self, per_host: int, limit: int) -> None:
        self.per_host = per_host
        self.limit = limit  # slots of the channel
        self.waiting = 0  # recipients, for all destinations
        self.is_careful = False  # transactions say when they have found their host; else none is doubtful
        self.most_doubtful = 1  # hosts that may be looked for at once
        self._known: dict[bytes, Destination] = {}
        self._doubtful: dict[bytes, None] = {}  # the one that was doubtful first is first
        self._looked_for: set[Destination] = set()  # doubtful ones with a transaction in progress
        self._turns: deque[Destination] = deque()  # those for which a transaction can be started now
        self._doubtful_turns: deque[Destination] = deque()  # and those for which one can when few are looked for
        self._is_doubtful_turn = False
        self._hungry: deque[Destination] = deque()  # those which have room for what was set aside

    def __len__(self) -> int:
        return len(self._known)

    # -- what waits

    def is_full(self, name: bytes) -> bool:
        """Whether messages for this destination alone are to be set aside."""
        found = self._known.get(name)
        return found is not None and self._is_full(found)

    def is_overfull(self, name: bytes) -> bool:
        """Whether even messages that have other destinations leave this one out."""
        found = self._known.get(name)
        return found is not None and found.waiting >= OVERFULL

    def add(self, name: bytes, batch: Batch) -> None:
        """These recipients wait for this destination."""
        found = self._known.get(name)
        if found is None:
            cap = min(self.per_host, max(2, self.limit // 4))
            found = self._known[name] = Destination(name, cap, name in self._doubtful)
        found.batches.append(batch)
        found.waiting += len(batch.recipients)
        self.waiting += len(batch.recipients)
        self._give_turn(found)

    def set_aside(self, name: bytes, number: int) -> None:
        """This message waits for this destination, which is full."""
        self._known[name].aside.append(number)

    def take_aside(self) -> int | None:
        """A message that was set aside and may be opened now."""
        while self._hungry:
            found = self._hungry[0]
            if found.aside and not self._is_full(found):
                self._hungry.rotate(-1)
                return found.aside.popleft()
            self._hungry.popleft()
            found.is_hungry = False
            self._forget_if_idle(found)
        return None

    def asides(self) -> list[int]:
        """All messages that are set aside."""
        return [number for found in self._known.values() for number in found.aside]

    def withdraw(self, numbers: Collection[int]) -> None:
        """These messages wait no more."""
        for found in list(self._known.values()):
            kept = deque(batch for batch in found.batches if batch.job.number not in numbers)
            if len(kept) < len(found.batches):
                waiting = sum(len(batch.recipients) - batch.at for batch in kept)
                self.waiting += waiting - found.waiting
                found.waiting, found.batches = waiting, kept
                self._look_for_room(found)
                self._forget_if_idle(found)

    def drop(self) -> None:
        """Nothing is started any more: nobody waits."""
        for found in self._known.values():
            found.batches.clear()
            found.waiting = 0
            found.is_in_turn = False
        self._turns.clear()
        self._doubtful_turns.clear()
        self.waiting = 0

    # -- turns

    def has_turn(self) -> bool:
        """Whether a transaction can be started."""
        return bool(self._next_turn(self._turns) or self._next_doubtful_turn())

    def take(self, is_alone: bool) -> tuple[Destination, Batch, tuple[int, ...]]:
        """The next transaction (there is one if `has_turn` says so); with `is_alone` it has one recipient."""
        found = self._take_turn()
        batch = found.batches[0]
        recipients = batch.take(1 if is_alone else batch.per_transaction)
        if batch.at >= len(batch.recipients):
            found.batches.popleft()
        found.out += 1
        found.waiting -= len(recipients)
        self.waiting -= len(recipients)
        if found.is_doubtful and self.is_careful:
            self._looked_for.add(found)
        self._give_turn(found)
        self._look_for_room(found)
        return found, batch, recipients

    def reached(self, found: Destination) -> bool:
        """A transaction has found the host: whether more may start now."""
        if found.is_found:
            return False
        found.is_found = True
        self._is_there(found)
        self._give_turn(found)
        self._look_for_room(found)
        return found.is_in_turn or found.is_hungry

    def ended(self, found: Destination, end: End) -> None:
        """A transaction has ended."""
        found.out -= 1
        found.is_found = end is not End.UNREACHED
        if end is End.UNREACHED:
            found.cap = max(1, found.cap // 2)
            self._is_not_there(found)
        else:
            found.cap = min(found.cap + (end is End.SERVED), self.per_host)
            self._is_there(found)
        self._give_turn(found)
        self._look_for_room(found)
        self._forget_if_idle(found)

    def set_limits(self, per_host: int, limit: int) -> None:
        """Use new limits."""
        self.per_host, self.limit = per_host, limit
        for found in self._known.values():
            found.cap = min(found.cap, per_host)

    # -- within

    def _is_full(self, found: Destination) -> bool:
        waiting, is_tight = found.waiting, self.waiting >= WAITING_LIMIT_ALL or found.is_doubtful
        return waiting >= WAITING_LIMIT or (waiting >= WAITING_SHARE and is_tight)

    def _is_there(self, found: Destination) -> None:
        if found.is_doubtful:
            found.is_doubtful = False
            self._doubtful.pop(found.name, None)
            self._looked_for.discard(found)

    def _is_not_there(self, found: Destination) -> None:
        self._looked_for.discard(found)
        if self.is_careful:
            found.is_doubtful = True
            self._doubtful[found.name] = None
            if len(self._doubtful) > DOUBTFUL_LIMIT:
                del self._doubtful[next(iter(self._doubtful))]

    def _next_turn(self, turns: deque[Destination]) -> Destination | None:
        """Whose turn it is of these."""
        while turns:
            found = turns[0]
            if found.waiting and found.has_room(self.is_careful):
                return found
            turns.popleft()  # its cap was lowered, or what waited was withdrawn
            found.is_in_turn = False
            self._forget_if_idle(found)
        return None

    def _next_doubtful_turn(self) -> Destination | None:
        found = self._next_turn(self._doubtful_turns)
        return found if len(self._looked_for) < self.most_doubtful or not self.is_careful else None

    def _take_turn(self) -> Destination:
        """Doubtful ones and others take turns where there are both."""
        self._is_doubtful_turn = not self._is_doubtful_turn
        doubtful = self._next_doubtful_turn()
        if doubtful is not None and (self._is_doubtful_turn or not self._next_turn(self._turns)):
            self._doubtful_turns.popleft()
            doubtful.is_in_turn = False
            return doubtful
        found = self._turns.popleft()
        found.is_in_turn = False
        return found

    def _give_turn(self, found: Destination) -> None:
        if not found.is_in_turn and found.waiting and found.has_room(self.is_careful):
            found.is_in_turn = True
            (self._doubtful_turns if found.is_doubtful else self._turns).append(found)

    def _look_for_room(self, found: Destination) -> None:
        if found.aside and not found.is_hungry and not self._is_full(found):
            found.is_hungry = True
            self._hungry.append(found)

    def _forget_if_idle(self, found: Destination) -> None:
        if not (found.out or found.waiting or found.aside or found.is_hungry or found.is_in_turn):
            self._known.pop(found.name, None)

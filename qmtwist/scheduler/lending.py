"""Slots of the remote channel: who talks to a connected host has one; who is still looking for it lends his.

A transaction is handed over to the agent, looks its host up, connects, asks for a slot, gets it for good (it is *firm*
then), and ends. Before it asks it has a slot while there is room (a *provisional* one), and lends it as soon as another
asks. Some may look ahead of the slots. Who has looked for some seconds is *stuck*: nearly all hosts that answer at all
have done so by then, and he takes no place from others any more, unless very many are stuck. So hosts that never answer
keep nobody waiting, and no more sessions talk to other hosts than there are slots.
"""

from __future__ import annotations

from qmtwist.mail.shapes import Iterator

AHEAD_PER_SLOT = 10  # transactions beyond the slots that may look for their hosts, for each slot but the first
STUCK_S = 3  # seconds: a lost SYN has been sent again by then, and once more
STUCK_PER_SLOT, STUCK_LIMIT = 50, 1000  # stuck ones that take no place from others; each has a socket
CONNECTED_PER_SLOT = 2  # connected ones, with and without a slot, above which nothing more is handed over


class LentSlots:
    """Of one channel; owned by it. Tickets are any numbers. With `is_lending` off everybody is firm from the start."""

    __slots__ = ("_asking", "_firm", "_fresh", "_provisional", "_stuck", "_without", "is_lending", "limit", "now")

    def __init__(self, limit: int, is_lending: bool) -> None:
        self.limit = limit
        self.is_lending = is_lending
        self.now = 0  # POSIX seconds, as `tick` was told
        self._firm: set[int] = set()
        # in order of their coming
        self._provisional: dict[int, None] = {}
        self._without: dict[int, None] = {}  # looking for their hosts, without a slot
        self._asking: dict[int, None] = {}  # connected, waiting for a slot
        # those with a provisional slot and those without one are each in one of these:
        self._fresh: dict[int, int] = {}  # since when, in order of their coming
        self._stuck: set[int] = set()

    @property
    def running(self) -> int:
        """Slots in use."""
        return len(self._firm) + len(self._provisional)

    @property
    def firm(self) -> int:
        """Slots that are in use for good."""
        return len(self._firm)

    @property
    def ordered(self) -> int:
        """Transactions handed over and not ended."""
        return len(self._firm) + len(self._provisional) + len(self._without) + len(self._asking)

    def has_room(self) -> bool:
        """Whether one more may be handed over."""
        limit = self.limit
        if self.ordered < limit:
            return True
        if not self.is_lending or limit < 2:
            return False
        # who has found his host takes no place from those who look for theirs: they may look in vain for long
        connected = len(self._firm) + len(self._asking)
        return self._looking() < self._most_fresh() and connected < CONNECTED_PER_SLOT * limit

    @property
    def most_looking(self) -> int:
        """How many may look for their hosts at the same time, fresh and stuck ones."""
        return self._most_fresh() + self._most_stuck()

    def tick(self, now: int) -> None:
        """It is that late: who has looked for long is stuck."""
        self.now = now
        fresh = self._fresh
        while fresh:
            ticket = next(iter(fresh))
            if fresh[ticket] + STUCK_S > now:
                break
            del fresh[ticket]
            self._stuck.add(ticket)

    def next_stuck(self) -> int | None:
        """When there will be room because somebody is stuck; None: not for that reason."""
        is_full = self.is_lending and self._looking() >= self._most_fresh() and len(self._stuck) < self._most_stuck()
        return next(iter(self._fresh.values())) + STUCK_S if is_full and self._fresh else None

    def hand_over(self, ticket: int) -> bool:
        """A transaction is handed over: whether it has a slot."""
        if not self.is_lending:
            self._firm.add(ticket)
            return True
        self._fresh[ticket] = self.now
        has_slot = self.running < self.limit
        (self._provisional if has_slot else self._without)[ticket] = None
        return has_slot

    def ask(self, ticket: int) -> bool:
        """It is connected: True, it has a slot for good; False, it gets one later, in turn."""
        if ticket in self._firm:
            return True
        self._forget(ticket)
        if len(self._firm) >= self.limit:
            self._provisional.pop(ticket, None)  # there can be one only if the limit was lowered
            self._without.pop(ticket, None)
            self._asking[ticket] = None
            return False
        if self._provisional.pop(ticket, self) is self:
            self._without.pop(ticket, None)
            if self.running >= self.limit:
                self._lend()
        self._firm.add(ticket)
        return True

    def ended(self, ticket: int) -> list[int]:
        """It has ended, whether it had a slot or not; the tickets that have got one now."""
        self._forget(ticket)
        if ticket in self._firm:
            self._firm.remove(ticket)
        elif self._provisional.pop(ticket, self) is self:
            if self._without.pop(ticket, self) is self:
                self._asking.pop(ticket, None)
            return []
        return list(self._fill()) if self._asking or self._without else []

    def set_limit(self, limit: int) -> list[int]:
        """Change the number of slots; the tickets that have got one. Firm ones go on, even above the limit."""
        self.limit = limit
        while self._provisional and self.running > limit:
            self._lend()
        return list(self._fill())

    def not_firm(self) -> list[int]:
        """All who have not got a slot for good."""
        return [*self._provisional, *self._without, *self._asking]

    def _most_fresh(self) -> int:
        return self.limit + AHEAD_PER_SLOT * (self.limit - 1) if self.limit else 0

    def _most_stuck(self) -> int:
        return min(STUCK_LIMIT, STUCK_PER_SLOT * (self.limit - 1)) if self.limit else 0

    def _looking(self) -> int:
        """Those who take a place."""
        return len(self._fresh) + max(0, len(self._stuck) - self._most_stuck())

    def _forget(self, ticket: int) -> None:
        """It does not look for its host any more."""
        if self._fresh.pop(ticket, None) is None:
            self._stuck.discard(ticket)

    def _lend(self) -> None:
        """Who has looked longest for his host lends his slot."""
        lender = next(iter(self._provisional))
        del self._provisional[lender]
        self._without[lender] = None

    def _fill(self) -> Iterator[int]:
        """Give free slots away: to those who are connected first."""
        while self._asking and len(self._firm) < self.limit:
            ticket = next(iter(self._asking))
            del self._asking[ticket]
            if self.running >= self.limit:
                self._lend()
            self._firm.add(ticket)
            yield ticket
        while self._without and self.running < self.limit:
            ticket = next(iter(self._without))
            del self._without[ticket]
            self._provisional[ticket] = None
            yield ticket

"""Lists of unwanted clients, asked while a session begins. (rblsmtpd; the rules are rules/dnsbl.py)

All lists are asked at once; the verdict is there as soon as those that decide have answered, and at the latest when the
limit is over: a list that has not answered by then counts as one that cannot be asked. One that has failed several
times in a row is left alone for a while, so that a list that has died does not hold up every client.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from qmtwist.mail.dns import TROUBLE, Answer, Question, Status
from qmtwist.mail.literal import parse_address
from qmtwist.rules import dnsbl
from qmtwist.rules.dnsbl import Plan, Verdict

FAILURES = 5  # in a row, after which a list is
REST_S = 60  # not asked for so long


class Asks(Protocol):
    """The resolver, as far as this needs it."""

    def ask(self, *questions: Question) -> Deferred[tuple[Answer, ...]]:
        """The answers, in the order of the questions; it never fails."""


class Blocklists:
    """The lists, for all sessions. Made by `assemble`; lives as long as the server.

    `asked` counts clients, `listed` and `failed` say how often a list decided against one or could not be asked, since
    the last `report`.
    """

    def __init__(self, clock: IReactorTime, resolver: Asks, log: Callable[[bytes], None]) -> None:
        """`log` takes a line without LF."""
        self.clock = clock
        self.resolver = resolver
        self._log = log
        self._failures: Counter[bytes] = Counter()  # of each list since its last answer
        self._rests_until: dict[bytes, float] = {}
        self.asked = 0
        self.listed: Counter[bytes] = Counter()
        self.failed: Counter[bytes] = Counter()

    def is_resting(self, zone: bytes) -> bool:
        """Whether a list has failed so often that it is not asked now."""
        return self.clock.seconds() < self._rests_until.get(zone, 0)

    def note(self, zone: bytes, has_answered: bool) -> None:
        """A list has answered, or has not."""
        if has_answered:
            self._failures.pop(zone, None)
            self._rests_until.pop(zone, None)
            return
        self._failures[zone] += 1
        if self._failures[zone] >= FAILURES and not self.is_resting(zone):
            self._rests_until[zone] = self.clock.seconds() + REST_S
            self._log(b"dnsbl: warning: %s does not answer and is not asked for %d seconds" % (zone, REST_S))

    def count(self, verdict: Verdict) -> None:
        """A verdict was reached."""
        self.failed.update(verdict.failed)
        if verdict.is_listed:
            self.listed[verdict.source] += 1

    def report(self) -> bytes:
        """What was counted, in a line for the log, and begin again; empty: nothing was."""
        if not (self.asked or self.listed):
            return b""
        words = [b"%s listed %d" % row for row in sorted(self.listed.items())]
        words += [b"%s failed %d" % row for row in sorted(self.failed.items())]
        line = b"dnsbl: %d clients looked up: %s" % (self.asked, b", ".join(words) or b"none listed")
        self.asked = 0
        self.listed.clear()
        self.failed.clear()
        return line


def inquire(lists: Blocklists | None, plan: Plan, ip: bytes, variables: Mapping[bytes, bytes]) -> Inquiry:
    """Begin to find out whether a client is to be kept out. `variables` are those of its rule.

    RBLSMTPD decides without asking anybody. No list is asked about a client with RELAYCLIENT, for it is one of ours,
    about one without an IP address, or if there are no `lists`.
    """
    verdict = dnsbl.told(variables)
    if verdict is None:
        if lists is not None and plan.lists and b"RELAYCLIENT" not in variables and parse_address(ip) is not None:
            return Lookup(lists, plan, ip)
        verdict = Verdict()
    elif lists is not None:
        lists.count(verdict)
    return Inquiry(verdict)


class Inquiry:
    """About one client. Belongs to a session, which calls `forget` at its end."""

    __slots__ = ("verdict",)

    def __init__(self, verdict: Verdict | None) -> None:
        self.verdict = verdict  # None: not known yet

    @property
    def words(self) -> bytes:
        """What the lists said, for the log; empty: nothing."""
        verdict = self.verdict
        if verdict is None:
            return b""
        words = [b"no answer from " + zone for zone in verdict.failed]
        if verdict.is_listed:
            words.append(b"kept out by " + verdict.source)
        return b", ".join(words)

    def when_known(self, taker: Callable[[], None]) -> None:
        """Call `taker`, once, as soon as there is a verdict that is not there yet."""

    def forget(self) -> None:
        """Nobody wants to know any more."""


KNOWN = Inquiry(Verdict())  # about a client whom nobody needs to ask about


class Lookup(Inquiry):
    """One for which lists are asked. Made by `inquire`."""

    __slots__ = ("_answers", "_house", "_ip", "_lists", "_taker", "_timer")

    def __init__(self, house: Blocklists, plan: Plan, ip: bytes) -> None:
        super().__init__(None)
        self._house = house
        self._ip = ip
        self._lists = plan.lists
        self._taker: Callable[[], None] | None = None
        self._answers: list[tuple[Answer, ...] | None] = [None] * len(plan.lists)
        self._timer: IDelayedCall | None = house.clock.callLater(plan.timeout_s, self._time_is_up)
        house.asked += 1
        for place, entry in enumerate(plan.lists):
            if self.verdict is not None:  # what is in the resolver's memory has decided already
                break
            if house.is_resting(entry.zone):
                self._use(place, (TROUBLE,))
            else:
                house.resolver.ask(*dnsbl.questions(entry, ip)).addCallback(partial(self._take, place, entry.zone))

    def when_known(self, taker: Callable[[], None]) -> None:
        """Inquiry"""
        self._taker = taker

    def forget(self) -> None:
        """Inquiry"""
        self._taker = None
        self._lists = ()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _take(self, place: int, zone: bytes, answers: tuple[Answer, ...]) -> None:
        has_answered = answers[0].status is not Status.TROUBLE
        if has_answered or self._lists:  # otherwise its failure has been noted when time was up
            self._house.note(zone, has_answered)
        self._use(place, answers)

    def _use(self, place: int, answers: tuple[Answer, ...]) -> None:
        if self.verdict is None and self._lists:
            self._answers[place] = answers
            self._decide()

    def _time_is_up(self) -> None:
        for place, answers in enumerate(self._answers):
            if answers is None:
                self._house.note(self._lists[place].zone, False)
                self._answers[place] = (TROUBLE,)
        self._decide()

    def _decide(self) -> None:
        self.verdict = verdict = dnsbl.decide(self._lists, self._ip, self._answers)
        if verdict is not None:
            self._house.count(verdict)
            taker = self._taker
            self.forget()
            if taker is not None:
                taker()

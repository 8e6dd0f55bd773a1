"""The resolver of the remote agent: many lookups at a time, each question asked once. (RFC 1034 §5.3.1)"""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from qmtwist.control.nameservers import RESOLV_CONF, name_service
from qmtwist.mail.dns import TROUBLE, Answer, Question
from qmtwist.wire.dns import Lookup, Send, Server, normal
from qmtwist.wire.dnscache import Cache
from qmtwist.wire.nameserver import Health, NameService

from .ports import IDnsReactor, Ports, Sent, SentByTcp
from .turns import Turns

LOOK_AGAIN_S = 30.0  # how often at most we look whether resolv.conf has changed

Take = Callable[[Answer], None]


class Resolver:
    """Made once by the remote agent; lives as long as it. Works from the first `ask` until `stop`.

    `nameservers` are the lines of control/nameservers; without any, the system's resolv.conf counts, and is read again
    when it changes.
    """

    def __init__(self, reactor: IDnsReactor, nameservers: Iterable[bytes] = (), resolv_conf: str = RESOLV_CONF) -> None:
        self.reactor = reactor
        self.cache = Cache()
        self.ports = Ports(reactor)
        self.service = NameService()
        self.health = Health()
        self._resolv_conf = resolv_conf
        self._errands: dict[Question, _Errand] = {}
        self._waiting: deque[_Errand] = deque()  # those of them that have not begun
        self._turns = Turns()
        self._clock: IDelayedCall | None = None  # when somebody waits for a turn
        self._is_starting = False
        self._is_stopped = False
        self.use(nameservers)

    def use(self, nameservers: Iterable[bytes]) -> None:
        """Ask these servers from now on. What was learned from the ones before is forgotten if they are others."""
        self._lines = tuple(nameservers)
        self._looked = self.reactor.seconds()
        self._read()

    def stop(self) -> None:
        """Everything that is still being looked up is in TROUBLE, and so is what is asked later."""
        self._is_stopped = True
        self._waiting.clear()
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        for errand in list(self._errands.values()):
            errand.finish(TROUBLE)
        self.ports.close()

    def ask(self, *questions: Question) -> Deferred[tuple[Answer, ...]]:
        """The answers, in the order of the questions; it never fails.

        Cancelling it ends the waiting; what has been asked for goes on and is remembered.
        """
        self._look_again()
        waiting = _Waiting(questions)
        now = self.reactor.seconds()
        for place, question in enumerate(map(normal, questions)):
            known = self.cache.get(question, now)
            if known is not None:
                waiting.take(place, known)
            else:
                self._join(question, partial(waiting.take, place))
        return waiting.result

    def _join(self, question: Question, take: Take) -> None:
        """Wait for an errand that runs already, or begin one."""
        if self._is_stopped:
            take(TROUBLE)
            return
        errand = self._errands.get(question)
        if errand is not None:
            errand.takers.append(take)
            return
        errand = self._errands[question] = _Errand(self, question, take)
        self._waiting.append(errand)
        self._start_some()

    def _start_some(self) -> None:
        """Start what waits, while there is room. One that ends at once must not start the next from inside."""
        if self._is_starting:
            return
        self._is_starting = True
        try:
            while self._waiting and self._turns.room_in_s(self.reactor.seconds()) == 0:
                errand = self._waiting.popleft()
                self._turns.begin(errand.question, self.reactor.seconds())
                errand.start()
        finally:
            self._is_starting = False
        self._set_clock()

    def _set_clock(self) -> None:
        """The next one's turn comes by itself when those that run are no longer fresh."""
        delay_s = self._turns.room_in_s(self.reactor.seconds())
        if self._waiting and delay_s is not None and self._clock is None:
            self._clock = self.reactor.callLater(delay_s, self._tick)

    def _tick(self) -> None:
        self._clock = None
        self._start_some()

    def ended(self, errand: _Errand, answer: Answer) -> None:
        """An errand tells that it is over."""
        self._errands.pop(errand.question, None)
        self._turns.end(errand.question)
        if errand.service is self.service:  # otherwise its servers do not count any more
            self.cache.put(errand.question, answer, self.reactor.seconds())
        self._start_some()

    # -- whom to ask

    def _look_again(self) -> None:
        """Nobody sends a HUP when the system gets other name servers."""
        if not self._lines and self.reactor.seconds() - self._looked >= LOOK_AGAIN_S:
            self._looked = self.reactor.seconds()
            if self._mark != _mark(self._resolv_conf):
                self._read()

    def _read(self) -> None:
        self._mark = _mark(self._resolv_conf)
        service = name_service(self._lines, self._resolv_conf)
        if service != self.service:
            self.service = service
            self.health = Health()
            self.cache.clear()
            self.ports.close()


class _Waiting:
    """Somebody who asked several questions at once."""

    def __init__(self, questions: tuple[Question, ...]) -> None:
        self._answers = [TROUBLE] * len(questions)
        self._missing = len(questions)
        self.result: Deferred[tuple[Answer, ...]] = Deferred()
        self._give_if_complete()

    def take(self, place: int, answer: Answer) -> None:
        """The answer to one of them."""
        self._answers[place] = answer
        self._missing -= 1
        self._give_if_complete()

    def _give_if_complete(self) -> None:
        if not self._missing:
            self.result.callback(tuple(self._answers))


class _Errand:
    """Carries a Lookup for all who ask the same."""

    def __init__(self, resolver: Resolver, question: Question, take: Take) -> None:
        self.question = question
        self.takers = [take]
        self.service = resolver.service
        self._resolver = resolver
        self._reactor = resolver.reactor
        self._lookup = Lookup(question, self.service, resolver.health, secrets.randbelow)
        self._sent: list[Sent] = []
        self._timer: IDelayedCall | None = None
        self._is_over = False

    def start(self) -> None:
        """Send the first query."""
        self._carry_on(self._lookup.start(self._reactor.seconds()))

    def received(self, server: Server, is_tcp: bool, data: bytes) -> None:
        """Something came from a server."""
        self._carry_on(self._lookup.received(self._reactor.seconds(), server, is_tcp, data))

    def failed(self, number: int) -> None:
        """A query went wrong."""
        self._carry_on(self._lookup.failed(self._reactor.seconds(), number))

    def _expired(self) -> None:
        self._timer = None
        self._carry_on(self._lookup.expired(self._reactor.seconds()))

    def _carry_on(self, send: Send | None) -> None:
        if self._is_over:
            return
        while send is not None:
            try:
                self._sent.append(self._dispatch(send))
                break
            except OSError:
                send = self._lookup.failed(self._reactor.seconds(), send.number)
        if self._lookup.answer is not None:
            self.finish(self._lookup.answer)
        else:
            self._set_timer(max(0.0, self._lookup.deadline - self._reactor.seconds()))

    def _dispatch(self, send: Send) -> Sent:
        if send.is_tcp:
            return SentByTcp(self._reactor, send, self, self.service.timeout_s)
        return self._resolver.ports.send(send, self)

    def _set_timer(self, delay_s: float) -> None:
        if self._timer is None:
            self._timer = self._reactor.callLater(delay_s, self._expired)
        else:
            self._timer.reset(delay_s)

    def finish(self, answer: Answer) -> None:
        """The end: everybody gets the answer."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for sent in self._sent:
            sent.forget()
        self._sent = []
        self._resolver.ended(self, answer)
        for take in self.takers:
            take(answer)


def _mark(path: str) -> tuple[int, ...]:
    """What changes when a file does."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_ino, status.st_size

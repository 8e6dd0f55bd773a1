"""One question on its way through the DNS. (RFC 1035, 2308, 5452, 6891)

`Lookup` is a pure state machine: it says what to send where, and by when an answer must have come. Two shells carry
it: services/dns/resolver.py on Twisted and agents/dns.py with blocking sockets. dnspython, which costs more to
import than Python itself, comes in with `dnsmessage` when the first query is made, never before.
"""

from __future__ import annotations

from qmtwist.mail.dns import TROUBLE, Answer, Kind, Question, Status
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import TYPE_CHECKING, NamedTuple

from .nameserver import Chance, Health, NameService, Server

if TYPE_CHECKING:
    from .dnsmessage import Reply

__all__ = ["TROUBLE", "Answer", "Kind", "Lookup", "NameService", "Question", "Send", "Server", "Status", "normal"]

CNAMES_LIMIT = 16  # names in one chain
LOOKUP_LIMIT_S = 120  # for all queries of one lookup together
# what nobody told how long to keep: long enough to spare a server that is in trouble, too short to matter
HOLD_S = 5

NOERROR, FORMERR, NXDOMAIN, NOTIMP, BADVERS = 0, 1, 3, 4, 16


class Send(NamedTuple):
    """Send this to that server, by UDP or TCP (there without the two bytes of length); the answer has this id."""

    server: Server
    data: bytes
    is_tcp: bool
    number: int


class _Query(NamedTuple):
    """A query that is out."""

    server: Server
    is_tcp: bool
    is_edns: bool


def normal(question: Question) -> Question:
    """The question as it is asked and kept: lower case, no final dot."""
    return Question(question.name.removesuffix(b".").lower(), question.kind)


class Lookup:
    """One question, from its first query until there is an answer.

    `start`, then `received`, `failed` or `expired`, each of which may return what to send next. When `answer` is set
    it is over; until then call `expired` when `deadline` has passed. Instants are seconds of any steady clock.
    """

    def __init__(self, question: Question, service: NameService, health: Health, chance: Chance) -> None:
        self.answer: Answer | None = None
        self.deadline = 0.0
        self._name, self._kind = normal(question)
        self._service = service
        self._health = health
        self._chance = chance
        self._names: set[bytes] = set()  # of the chain of CNAMEs
        self._ttl_s = 2**31 - 1  # of the chain so far
        self._end = 0.0
        self._round = 0
        self._useless: set[Server] = set()  # those that answered, but do not know
        self._untried: list[Server] = []
        self._out: dict[int, _Query] = {}
        self._current = -1  # the id of the latest query; earlier ones may still be answered

    def start(self, now: float) -> Send | None:
        """The first query."""
        from . import dnsmessage

        self._end = now + LOOKUP_LIMIT_S
        try:
            self._name = dnsmessage.canonical(self._name)
        except Malformed:  # no such name can exist
            return self._finish(Answer(Status.ABSENT, ttl_s=HOLD_S))
        self._names.add(self._name)
        return self._begin(now)

    def received(self, now: float, server: Server, is_tcp: bool, data: bytes) -> Send | None:
        """Something came from `server`. What does not fit a query of ours is ignored: anybody can send it."""
        from . import dnsmessage

        number = dnsmessage.reply_number(data)
        query = self._out.get(number)
        if self.answer is not None or query is None or query[:2] != (server, is_tcp):
            return None
        try:
            reply = dnsmessage.parse_reply(data)
        except Malformed:
            return self._useless_answer(now, number, query)
        has_question = reply.question == Question(self._name, self._kind)
        if not has_question and (reply.question is not None or reply.code in (NOERROR, NXDOMAIN)):
            return self._useless_answer(now, number, query) if is_tcp else None
        self._health.answered(server)
        return self._judge(now, number, query, reply)

    def failed(self, now: float, number: int) -> Send | None:
        """The query with this id could not be sent, or its connection broke, or nobody listens there."""
        query = self._out.pop(number, None)
        if self.answer is not None or query is None:
            return None
        self._health.silent(query.server, now)
        return self._next(now) if number == self._current else None

    def expired(self, now: float) -> Send | None:
        """The deadline has passed."""
        if self.answer is not None or now < self.deadline:
            return None
        if query := self._out.get(self._current):
            self._health.silent(query.server, now)
        return self._next(now)

    # -- whom to ask

    def _begin(self, now: float) -> Send | None:
        """Ask everybody about a new name."""
        self._round = 0
        self._useless = set()
        self._out = {}
        self._untried = self._health.order(self._service.servers, now)
        return self._next(now)

    def _next(self, now: float) -> Send | None:
        """Ask the next server, or begin another round with those that may yet answer."""
        if not self._untried:
            self._round += 1
            useful = [server for server in self._service.servers if server not in self._useless]
            if self._round >= self._service.attempts:
                return self._finish(Answer(Status.TROUBLE, ttl_s=HOLD_S))
            self._untried = self._health.order(useful, now)
        if not self._untried or now >= self._end:
            return self._finish(Answer(Status.TROUBLE, ttl_s=HOLD_S))
        server = self._untried.pop(0)
        # a firewall may swallow what has EDNS in it: later rounds do without
        return self._send(now, server, is_tcp=False, is_edns=not self._round and self._health.has_edns(server, now))

    def _send(self, now: float, server: Server, is_tcp: bool, is_edns: bool) -> Send | None:
        from . import dnsmessage

        # RFC 5452 §9.2: an id that nobody can guess
        number = self._chance(65536)
        while number in self._out:
            number = self._chance(65536)
        data = dnsmessage.encode_query(Question(self._name, self._kind), number, is_edns)
        self._out[number] = _Query(server, is_tcp, is_edns)
        self._current = number
        self.deadline = min(self._end, now + self._service.timeout_s * (self._round + 1))
        return Send(server, data, is_tcp, number)

    def _useless_answer(self, now: float, number: int, query: _Query) -> Send | None:
        """This server does not help; unless we are waiting for another one, ask the next."""
        self._useless.add(query.server)
        del self._out[number]
        return self._next(now) if number == self._current else None

    # -- what the answer says

    def _judge(self, now: float, number: int, query: _Query, reply: Reply) -> Send | None:
        if reply.code in (FORMERR, NOTIMP, BADVERS) and query.is_edns:
            # RFC 6891 §7: it does not know EDNS
            self._health.cannot_edns(query.server, now)
            del self._out[number]
            return self._send(now, query.server, query.is_tcp, is_edns=False)
        if reply.is_truncated and not query.is_tcp:
            del self._out[number]
            return self._send(now, query.server, is_tcp=True, is_edns=query.is_edns)
        if reply.code not in (NOERROR, NXDOMAIN) or reply.is_truncated:
            return self._useless_answer(now, number, query)
        return self._follow(now, number, query, reply)

    def _follow(self, now: float, number: int, query: _Query, reply: Reply) -> Send | None:
        """Go along the CNAMEs in the answer to the records, or to what there is instead of them."""
        asked = self._name
        while (record := reply.records.get(Question(self._name, self._kind))) is None:
            alias = reply.records.get(Question(self._name, Kind.CNAME))
            if alias is None:
                break
            self._name = alias.values[0]  # b"", the root, has nothing that we ask for
            self._ttl_s = min(self._ttl_s, alias.ttl_s)
            if not self._name or self._name in self._names or len(self._names) >= CNAMES_LIMIT:
                return self._finish(Answer(Status.TROUBLE, ttl_s=HOLD_S))
            self._names.add(self._name)
        if record is not None:
            return self._finish(Answer(Status.FOUND, record.values, min(self._ttl_s, record.ttl_s)))
        if reply.code == NXDOMAIN:
            return self._finish(self._negative(Status.ABSENT, reply))
        if reply.negative_ttl_s is None and self._name != asked:
            return self._begin(now)  # the server left the rest of the chain to us
        if reply.negative_ttl_s is None and _is_lame(reply):
            return self._useless_answer(now, number, query)
        return self._finish(self._negative(Status.EMPTY, reply))

    def _negative(self, status: Status, reply: Reply) -> Answer:
        # RFC 2308 §5: without an SOA nobody says how long it may be kept
        ttl_s = HOLD_S if reply.negative_ttl_s is None else reply.negative_ttl_s
        return Answer(status, ttl_s=min(self._ttl_s, ttl_s))

    def _finish(self, answer: Answer) -> Send | None:
        """There is nothing more to send."""
        self.answer = answer
        self._out = {}
        return None


def _is_lame(reply: Reply) -> bool:
    """An empty answer of a server that neither looks things up for us nor has the zone."""
    return not reply.is_authoritative and (reply.has_referral or not reply.offers_recursion)

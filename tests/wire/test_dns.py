"""wire/dns.py: one question on its way, whatever the servers do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import dns.flags
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.dns import Answer, Kind, Question, Status
from qmtwist.wire.dns import CNAMES_LIMIT, HOLD_S, LOOKUP_LIMIT_S, Lookup, Send, normal
from qmtwist.wire.nameserver import Health, NameService, Server
from tests.support.dnspuppet import asked, reply

ONE, TWO = Server("192.0.2.1"), Server("192.0.2.2")
SOA = "example. 500 SOA ns.example. root.example. 1 2 3 4 60"
FAR_A = "far.example. 300 A 192.0.2.9"
FOUND = Answer(Status.FOUND, ("192.0.2.9",), 300)
TROUBLE = Answer(Status.TROUBLE, ttl_s=HOLD_S)


class Play:
    """A lookup and what it wants sent."""

    def __init__(
        self,
        name: bytes = b"far.example",
        kind: str = Kind.A,
        servers: tuple[Server, ...] = (ONE, TWO),
        attempts: int = 2,
    ) -> None:
        self.health = Health()
        self.now = 1000.0
        numbers = count(1)
        service = NameService(servers, timeout_s=5, attempts=attempts)
        self.lookup = Lookup(Question(name, kind), service, self.health, lambda limit: next(numbers) % limit)
        self.sent: list[Send] = []
        self._note(self.lookup.start(self.now))

    def _note(self, send: Send | None) -> None:
        if send is not None:
            self.sent.append(send)

    @property
    def last(self) -> Send:
        return self.sent[-1]

    @property
    def answer(self) -> Answer | None:
        return self.lookup.answer

    def hear(self, data: bytes, send: Send | None = None) -> None:
        send = send or self.last
        self._note(self.lookup.received(self.now, send.server, send.is_tcp, data))

    def wait(self) -> None:
        self.now = self.lookup.deadline
        self._note(self.lookup.expired(self.now))

    def fail(self, send: Send) -> None:
        self._note(self.lookup.failed(self.now, send.number))

    def whom(self) -> list[tuple[Server, bool, bool]]:
        """Server, by TCP?, with EDNS? of each query so far."""
        return [(send.server, send.is_tcp, asked(send.data)[2]) for send in self.sent]


def test_an_answer_is_found() -> None:
    play = Play(b"Far.Example.")
    assert asked(play.last.data) == ("far.example.", "A", True)
    play.hear(reply(play.last.data, FAR_A))
    assert play.answer == FOUND


def test_names_are_the_same_in_any_case() -> None:
    play = Play()
    play.hear(reply(play.last.data, "FAR.example. 300 A 192.0.2.9", question="fAR.example. A"))
    assert play.answer == FOUND
    assert normal(Question(b"A.Example.", Kind.A)) == Question(b"a.example", Kind.A)


# -- who may answer


@pytest.mark.parametrize(
    "lie",
    [
        lambda query: reply(query, FAR_A, number=99),
        lambda query: reply(query, FAR_A, question="other.example. A"),
        lambda query: reply(query, FAR_A, question="far.example. AAAA"),
        lambda query: reply(query, FAR_A, question=""),
        lambda query: b"",
        lambda query: b"\0",
    ],
)
def test_an_answer_to_something_else_is_no_answer(lie: Callable[[bytes], bytes]) -> None:
    play = Play()
    play.hear(lie(play.last.data))
    assert play.answer is None
    play.hear(reply(play.last.data, FAR_A))
    assert (play.answer, len(play.sent)) == (FOUND, 1)


def test_only_the_server_that_was_asked_may_answer() -> None:
    play = Play()
    data = reply(play.last.data, FAR_A)
    play.lookup.received(play.now, TWO, False, data)
    assert play.answer is None
    play.lookup.received(play.now, ONE, True, data)
    assert play.answer is None
    play.hear(data)
    assert play.answer == FOUND


def test_records_of_other_names_are_not_taken() -> None:
    play = Play()
    play.hear(reply(play.last.data, "bank.example. 300 A 203.0.113.66", authority=(SOA,)))
    assert play.answer == Answer(Status.EMPTY, ttl_s=60)


def test_after_the_end_nothing_counts() -> None:
    play = Play()
    first = play.last
    play.hear(reply(first.data, FAR_A))
    play.hear(reply(first.data, "far.example. 300 A 203.0.113.66"), first)
    play.fail(first)
    play.wait()
    assert (play.answer, len(play.sent)) == (FOUND, 1)


# -- servers in trouble


def test_silence_leads_to_the_next_server_and_later_queries_wait_longer() -> None:
    play = Play()
    start = play.now
    waits = []
    while play.answer is None:
        before = play.now
        play.wait()
        waits.append(play.now - before)
    assert waits == [5, 5, 10, 10]
    # the second time without EDNS, which a firewall may have swallowed
    assert play.whom() == [(ONE, False, True), (TWO, False, True), (ONE, False, False), (TWO, False, False)]
    assert play.answer == TROUBLE
    assert play.health.order([ONE, TWO, Server("192.0.2.3")], start)[0] == Server("192.0.2.3")


def test_a_late_answer_is_as_good_as_one_in_time() -> None:
    play = Play()
    play.wait()
    first = play.sent[0]
    play.hear(reply(first.data, FAR_A), first)
    assert play.answer == FOUND


def test_a_late_refusal_does_not_end_the_waiting_for_another_server() -> None:
    play = Play()
    play.wait()
    first = play.sent[0]
    play.hear(reply(first.data, code="SERVFAIL"), first)
    assert (play.answer, len(play.sent)) == (None, 2)
    play.hear(reply(play.last.data, FAR_A))
    assert play.answer == FOUND


def test_nothing_happens_before_the_deadline() -> None:
    play = Play()
    assert play.lookup.expired(play.lookup.deadline - 0.1) is None
    assert play.answer is None


def test_a_server_that_cannot_be_reached_is_passed_over_at_once() -> None:
    play = Play()
    play.fail(play.last)
    play.hear(reply(play.last.data, FAR_A))
    assert [server for server, _, _ in play.whom()] == [ONE, TWO]
    assert play.answer == FOUND


BAD: list[Callable[[bytes], bytes]] = [
    lambda query: reply(query, code="SERVFAIL"),
    lambda query: reply(query, code="REFUSED"),
    lambda query: reply(query, code="SERVFAIL", question=""),
    lambda query: reply(query, code="YXDOMAIN"),
    lambda query: reply(query, authority=("example. 300 NS ns.elsewhere.example.",)),  # a referral
    lambda query: reply(query, flags=dns.flags.QR),  # neither looks up for us nor knows
    lambda query: reply(query, FAR_A)[:-2],  # broken
    lambda query: query,
]


@pytest.mark.parametrize("bad", BAD)
def test_a_server_that_does_not_know_is_asked_once_and_then_the_next(bad: Callable[[bytes], bytes]) -> None:
    play = Play(attempts=3)
    play.hear(bad(play.last.data))
    assert play.last.server == TWO
    play.hear(reply(play.last.data, FAR_A))
    assert play.answer == FOUND
    play = Play(attempts=3)
    play.hear(bad(play.last.data))
    play.hear(bad(play.last.data))
    assert (play.answer, len(play.sent)) == (TROUBLE, 2)


def test_the_one_that_was_silent_gets_another_chance_the_one_that_failed_does_not() -> None:
    play = Play()
    play.wait()
    play.hear(reply(play.last.data, code="SERVFAIL"))
    assert [server for server, _, _ in play.whom()] == [ONE, TWO, ONE]


def test_an_authoritative_server_need_not_look_up_for_others() -> None:
    play = Play()
    play.hear(reply(play.last.data, flags=dns.flags.QR | dns.flags.AA))
    assert play.answer == Answer(Status.EMPTY, ttl_s=HOLD_S)


@pytest.mark.parametrize("code", ["FORMERR", "NOTIMP", "BADVERS"])
def test_a_server_without_edns_is_asked_again_without(code: str) -> None:
    play = Play()
    play.hear(reply(play.last.data, code=code))
    play.hear(reply(play.last.data, FAR_A))
    assert play.whom() == [(ONE, False, True), (ONE, False, False)]
    assert play.answer == FOUND
    assert not play.health.has_edns(ONE, play.now)


def test_one_that_does_not_understand_the_plain_query_either_is_of_no_use() -> None:
    play = Play()
    play.hear(reply(play.last.data, code="FORMERR", question=""))
    play.hear(reply(play.last.data, code="FORMERR", question=""))
    assert play.last.server == TWO


def test_an_endless_lookup_ends() -> None:
    play = Play(servers=tuple(Server(f"192.0.2.{number}") for number in range(1, 100)), attempts=5)
    start = play.now
    while play.answer is None:
        play.wait()
    assert play.answer == TROUBLE
    assert play.now - start == LOOKUP_LIMIT_S


# -- truncation


def test_what_is_too_long_is_asked_again_by_tcp() -> None:
    play = Play()
    play.hear(reply(play.last.data, flags=dns.flags.QR | dns.flags.RA | dns.flags.TC))
    addresses = [f"192.0.{number // 250}.{number % 250}" for number in range(1000)]
    play.hear(reply(play.last.data, *(f"far.example. 300 A {address}" for address in addresses)))
    assert play.whom() == [(ONE, False, True), (ONE, True, True)]
    assert play.answer == Answer(Status.FOUND, tuple(addresses), 300)


def test_where_tcp_does_not_work_the_next_server_is_asked() -> None:
    play = Play()
    play.hear(reply(play.last.data, flags=dns.flags.QR | dns.flags.RA | dns.flags.TC))
    play.fail(play.last)
    assert play.whom()[-1] == (TWO, False, True)


@pytest.mark.parametrize(
    "bad",
    [
        lambda query: reply(query, FAR_A, flags=dns.flags.QR | dns.flags.RA | dns.flags.TC),
        lambda query: reply(query, FAR_A, question="other.example. A"),
    ],
)
def test_a_useless_answer_by_tcp_leads_to_the_next_server(bad: Callable[[bytes], bytes]) -> None:
    play = Play()
    play.hear(reply(play.last.data, flags=dns.flags.QR | dns.flags.RA | dns.flags.TC))
    play.hear(bad(play.last.data))
    assert play.whom()[-1] == (TWO, False, True)


# -- CNAMEs and what is not there


def test_cnames_in_the_answer_are_followed_and_the_shortest_ttl_counts() -> None:
    play = Play()
    play.hear(
        reply(
            play.last.data,
            "far.example. 50 CNAME b.example.",
            "b.example. 300 CNAME C.example.",
            "c.example. 200 A 192.0.2.9",
        )
    )
    assert play.answer == Answer(Status.FOUND, ("192.0.2.9",), 50)


def test_what_the_server_leaves_out_of_a_chain_is_asked_for() -> None:
    play = Play()
    play.hear(reply(play.last.data, "far.example. 50 CNAME b.example."))
    assert asked(play.last.data)[0] == "b.example."
    play.hear(reply(play.last.data, "b.example. 300 A 192.0.2.9"))
    assert play.answer == Answer(Status.FOUND, ("192.0.2.9",), 50)


def test_a_chain_that_ends_in_nothing() -> None:
    play = Play()
    play.hear(reply(play.last.data, "far.example. 50 CNAME b.example.", code="NXDOMAIN", authority=(SOA,)))
    assert play.answer == Answer(Status.ABSENT, ttl_s=50)
    play = Play()
    play.hear(reply(play.last.data, "far.example. 500 CNAME b.example.", authority=(SOA,)))
    assert play.answer == Answer(Status.EMPTY, ttl_s=60)


def test_a_loop_in_the_answer_is_cut() -> None:
    play = Play()
    play.hear(reply(play.last.data, "far.example. 50 CNAME b.example.", "b.example. 300 CNAME far.example."))
    assert play.answer == TROUBLE


def test_a_chain_without_end_is_cut() -> None:
    play = Play()
    for number in range(CNAMES_LIMIT):
        assert play.answer is None
        name = asked(play.last.data)[0]
        play.hear(reply(play.last.data, f"{name} 50 CNAME n{number}.example."))
    assert play.answer == TROUBLE


def test_who_asks_for_a_cname_gets_it() -> None:
    play = Play(kind=Kind.CNAME)
    play.hear(reply(play.last.data, "far.example. 50 CNAME b.example.", "b.example. 300 CNAME far.example."))
    assert play.answer == Answer(Status.FOUND, (b"b.example",), 50)


def test_a_name_that_does_not_exist() -> None:
    play = Play()
    play.hear(reply(play.last.data, code="NXDOMAIN", authority=(SOA,)))
    assert play.answer == Answer(Status.ABSENT, ttl_s=60)
    play = Play()
    play.hear(reply(play.last.data, code="NXDOMAIN"))
    assert play.answer == Answer(Status.ABSENT, ttl_s=HOLD_S)


@pytest.mark.parametrize("name", [b"", b".", b"a..b", b"x" * 64 + b".example", b".".join([b"abcdefgh"] * 40)])
def test_a_name_that_cannot_exist_is_not_asked_for(name: bytes) -> None:
    play = Play(name)
    assert (play.answer, play.sent) == (Answer(Status.ABSENT, ttl_s=HOLD_S), [])


@pytest.mark.parametrize("name", [b"caf\xe9.example", b"a b", b"x@y.example", b"\\101.example"])
def test_an_odd_name_is_asked_for_as_it_is(name: bytes) -> None:
    play = Play(name)
    play.hear(reply(play.last.data, code="NXDOMAIN"))
    assert play.answer is not None
    assert play.answer.status is Status.ABSENT


# -- whatever comes


EVENTS = st.one_of(
    st.tuples(st.just("hear"), st.binary(max_size=60)),
    st.tuples(st.just("bad"), st.sampled_from(BAD)),
    st.tuples(st.just("junk after the header"), st.binary(max_size=60)),
    st.just(("wait", None)),
    st.just(("fail", None)),
)


@given(st.lists(EVENTS, max_size=20))
def test_whatever_comes_there_is_an_answer_in_the_end(events: list[tuple[str, object]]) -> None:
    play = Play()
    for event, what in events:
        if play.answer is not None:
            break
        if event == "hear":
            assert isinstance(what, bytes)
            play.hear(what)
        elif event == "bad":
            assert callable(what)
            play.hear(what(play.last.data))
        elif event == "junk after the header":
            assert isinstance(what, bytes)
            play.hear(reply(play.last.data)[:12] + what)
        elif event == "wait":
            play.wait()
        else:
            play.fail(play.last)
    for _ in range(100):
        if play.answer is None:
            play.wait()
    assert play.answer is not None
    assert play.lookup.expired(play.now + 1000) is None

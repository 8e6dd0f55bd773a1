"""rules/mx.py: the addresses to try, given what DNS says."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.dns import TROUBLE, Answer, Kind, Question, Status
from qmtwist.mail.errors import MailError, Permanent, Temporary
from qmtwist.rules.mx import ADDRESSES_LIMIT, EXCHANGERS_LIMIT, Target, targets
from qmtwist.rules.smarthost import Hop

BOTH = ("ipv4", "ipv6")
Zone = dict[tuple[str, str], Any]


def hop(host: str = "far.example") -> Hop:
    return Hop("smtp", host.encode(), 25, False)


def relay(host: str, protocol: str = "smtp", port: int = 25) -> Hop:
    return Hop(protocol, host.encode(), port, True)


class Play:
    """A zone that answers, and what it was asked, question by question and round by round."""

    def __init__(
        self, zone: Zone, own: tuple[str, ...] = (), families: tuple[str, ...] = BOTH, seed: int | None = None
    ):
        self.zone = zone
        self.own = own
        self.families = families
        self.shuffle = (lambda sequence: None) if seed is None else random.Random(seed).shuffle
        self.rounds: list[tuple[Question, ...]] = []

    def answer(self, question: Question) -> Answer:
        known = self.zone.get((question.name.decode("latin-1"), question.kind))
        if known is TROUBLE:
            return TROUBLE
        if known is not None:
            return Answer(Status.FOUND, tuple(known), 300)
        exists = any(name == question.name.decode("latin-1") for name, _ in self.zone)
        return Answer(Status.EMPTY if exists else Status.ABSENT)

    def ask(self, hop: Hop) -> list[Target]:
        asking = targets(hop, self.own.__contains__, self.families, self.shuffle)
        try:
            questions = next(asking)
            while True:
                self.rounds.append(questions)
                questions = asking.send(tuple(map(self.answer, questions)))
        except StopIteration as end:
            result: list[Target] = end.value
            return result

    def error(self, hop: Hop) -> MailError:
        with pytest.raises(MailError) as caught:
            self.ask(hop)
        return caught.value


def addresses(found: list[Target]) -> list[str]:
    return [target.address for target in found]


TWO_MX: Zone = {
    ("far.example", "MX"): [(20, b"b.example"), (10, b"a.example")],
    ("a.example", "A"): ["192.0.2.1"],
    ("a.example", "AAAA"): ["2001:db8::1"],
    ("b.example", "A"): ["192.0.2.2"],
}


def test_the_best_exchanger_comes_first_and_all_are_looked_up_together() -> None:
    play = Play(TWO_MX)
    assert play.ask(hop("Far.Example.")) == [
        Target("192.0.2.1", 25, "smtp", b"a.example", 10),
        Target("2001:db8::1", 25, "smtp", b"a.example", 10),
        Target("192.0.2.2", 25, "smtp", b"b.example", 20),
    ]
    assert [len(questions) for questions in play.rounds] == [1, 4]
    assert play.rounds[0] == (Question(b"far.example", Kind.MX),)


def test_the_preferred_family_comes_first_at_each_host() -> None:
    assert addresses(Play(TWO_MX, families=("ipv6", "ipv4")).ask(hop())) == ["2001:db8::1", "192.0.2.1", "192.0.2.2"]
    play = Play(TWO_MX, families=("ipv4",))
    assert addresses(play.ask(hop())) == ["192.0.2.1", "192.0.2.2"]
    assert {question.kind for questions in play.rounds for question in questions} == {"MX", "A"}


def test_exchangers_of_equal_preference_share_the_work() -> None:
    names = [b"%c.example" % letter for letter in b"abcd"]
    zone: Zone = {("far.example", "MX"): [(10, name) for name in names] + [(20, b"last.example")]}
    zone |= {(name.decode(), "A"): [f"192.0.2.{number}"] for number, name in enumerate([*names, b"last.example"])}
    orders = {tuple(addresses(Play(zone, seed=seed).ask(hop()))) for seed in range(60)}
    assert {order[0] for order in orders} == {f"192.0.2.{number}" for number in range(4)}
    assert {order[4] for order in orders} == {"192.0.2.4"}


def test_the_addresses_of_one_host_share_the_work() -> None:
    zone: Zone = {("far.example", "A"): [f"192.0.2.{number}" for number in range(4)]}
    assert len({Play(zone, seed=seed).ask(hop())[0].address for seed in range(60)}) == 4


@pytest.mark.parametrize("zone", [{}, {("far.example", "TXT"): [b"x"]}])
def test_without_mx_the_host_itself_is_meant(zone: Zone) -> None:
    play = Play(zone | {("far.example", "A"): ["192.0.2.1"], ("far.example", "AAAA"): ["2001:db8::1"]})
    assert play.ask(hop()) == [
        Target("192.0.2.1", 25, "smtp", b"far.example", 0),
        Target("2001:db8::1", 25, "smtp", b"far.example", 0),
    ]


def test_a_host_with_ipv6_alone_gets_its_mail() -> None:
    assert addresses(Play({("far.example", "AAAA"): ["2001:db8::1"]}).ask(hop())) == ["2001:db8::1"]


# -- who is not there


@pytest.mark.parametrize("zone", [{}, {("far.example", "TXT"): [b"x"]}])
def test_a_host_without_any_address_does_not_exist(zone: Zone) -> None:
    error = Play(zone).error(hop())
    assert isinstance(error, Permanent)
    assert (error.text, error.status) == ("Sorry, I couldn't find any host named far.example. (#5.1.2)\n", "5.1.2")


def test_odd_bytes_of_a_host_do_not_reach_the_report() -> None:
    assert (
        Play({})
        .error(Hop("smtp", b"a\nb \xff", 25, False))
        .text.startswith("Sorry, I couldn't find any host named a?b??.")
    )


def test_exchangers_without_any_address() -> None:
    error = Play({("far.example", "MX"): [(10, b"gone.example")]}).error(hop())
    assert isinstance(error, Permanent)
    assert error.text == "Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)\n"


@pytest.mark.parametrize(
    "zone",
    [
        {("far.example", "MX"): TROUBLE, ("far.example", "A"): ["192.0.2.1"]},
        {("far.example", "A"): TROUBLE},
        {("far.example", "AAAA"): TROUBLE},
        {("far.example", "MX"): [(10, b"a.example"), (20, b"gone.example")], ("a.example", "A"): TROUBLE},
    ],
)
def test_as_long_as_dns_is_in_trouble_nothing_is_final(zone: Zone) -> None:
    error = Play(zone).error(hop())
    assert isinstance(error, Temporary)
    assert (error.text, error.status) == ("Sorry, I couldn't find any host by that name. (#4.1.2)\n", "4.1.2")


def test_one_exchanger_in_trouble_does_not_stop_the_others() -> None:
    assert addresses(Play(TWO_MX | {("a.example", "A"): TROUBLE}).ask(hop())) == ["2001:db8::1", "192.0.2.2"]


def test_a_null_mx_takes_no_mail_even_if_the_host_has_an_address() -> None:
    error = Play({("far.example", "MX"): [(0, b"")], ("far.example", "A"): ["192.0.2.1"]}).error(hop())
    assert isinstance(error, Permanent)
    assert error.status == "5.1.10"
    assert error.text.endswith("(#5.1.10)\n")


def test_a_null_mx_among_others_is_passed_over() -> None:
    zone: Zone = {("far.example", "MX"): [(0, b""), (10, b"a.example")], ("a.example", "A"): ["192.0.2.1"]}
    assert addresses(Play(zone).ask(hop())) == ["192.0.2.1"]


# -- literals


@pytest.mark.parametrize(
    ("host", "address"),
    [("[192.0.2.7]", "192.0.2.7"), ("192.0.2.7", "192.0.2.7"), ("[IPv6:2001:db8::7]", "2001:db8::7")],
)
def test_a_literal_needs_no_dns(host: str, address: str) -> None:
    play = Play({})
    assert play.ask(hop(host)) == [Target(address, 25, "smtp", host.lower().encode(), 0)]
    assert play.rounds == []


def test_a_literal_that_is_none_is_nobody() -> None:
    play = Play({})
    assert play.error(hop("[192.0.2.777]")).status == "5.1.2"
    assert play.rounds == []


def test_a_literal_of_a_family_that_we_do_not_use_is_nobody() -> None:
    assert isinstance(Play({}, families=("ipv4",)).error(hop("[IPv6:2001:db8::7]")), Permanent)


def test_an_exchanger_may_be_an_address_and_keeps_its_preference() -> None:
    zone: Zone = {("far.example", "MX"): [(20, b"192.0.2.5"), (10, b"a.example")], ("a.example", "A"): ["192.0.2.1"]}
    assert addresses(Play(zone).ask(hop())) == ["192.0.2.1", "192.0.2.5"]


def test_an_ipv4_address_in_ipv6_dress_is_not_used() -> None:
    zone: Zone = {("far.example", "AAAA"): ["::ffff:192.0.2.1", "2001:db8::1"]}
    assert addresses(Play(zone).ask(hop())) == ["2001:db8::1"]


# -- ourselves


OURS = "192.0.2.99"
SELF: Zone = {
    ("far.example", "MX"): [(10, b"a.example"), (20, b"me.example"), (20, b"peer.example"), (30, b"b.example")],
    ("a.example", "A"): ["192.0.2.1"],
    ("me.example", "A"): ["192.0.2.98", OURS],
    ("peer.example", "A"): ["192.0.2.2"],
    ("b.example", "A"): ["192.0.2.3"],
}


def test_only_hosts_preferred_to_us_get_the_mail() -> None:
    assert addresses(Play(SELF, own=(OURS,)).ask(hop())) == ["192.0.2.1"]
    assert len(Play(SELF).ask(hop())) == 5


@pytest.mark.parametrize("host", ["me.example", f"[{OURS}]", OURS])
def test_mail_for_ourselves_is_not_sent_to_ourselves(host: str) -> None:
    error = Play(SELF, own=(OURS,)).error(hop(host))
    assert isinstance(error, Permanent)
    assert error.text == (
        "Sorry. Although I'm listed as a best-preference MX or A for that host,\n"
        "it isn't in my control/locals file, so I don't treat it as local. (#5.4.6)\n"
    )


def test_our_ipv6_address_is_ours_too() -> None:
    assert Play(TWO_MX, own=("2001:db8::1",)).error(hop()).status == "5.4.6"


# -- routes


def test_a_relay_is_looked_up_by_address_alone_and_may_be_ourselves() -> None:
    zone = TWO_MX | {("relay.example", "MX"): [(1, b"a.example")], ("relay.example", "A"): ["192.0.2.8", OURS]}
    play = Play(zone, own=(OURS,))
    assert play.ask(relay("Relay.example", port=26)) == [
        Target("192.0.2.8", 26, "smtp", b"relay.example", 0),
        Target(OURS, 26, "smtp", b"relay.example", 0),
    ]
    assert {question.kind for questions in play.rounds for question in questions} == {"A", "AAAA"}


def test_a_relay_may_take_qmtp() -> None:
    assert Play({}).ask(relay("[2001:db8::9]", "qmtp", 209)) == [
        Target("2001:db8::9", 209, "qmtp", b"[2001:db8::9]", 0)
    ]


def test_a_relay_that_does_not_exist_is_named() -> None:
    assert "relay.example" in Play({}).error(relay("relay.example")).text


# -- MXPS


def test_a_preference_of_mxps_offers_qmtp_first_and_smtp_at_the_same_address() -> None:
    zone: Zone = {
        ("far.example", "MX"): [(12801, b"q.example"), (12800, b"s.example")],
        ("q.example", "A"): ["192.0.2.1", "192.0.2.2"],
        ("s.example", "A"): ["192.0.2.3"],
    }
    assert [(target.address, target.protocol, target.port) for target in Play(zone).ask(hop())] == [
        ("192.0.2.3", "smtp", 25),
        ("192.0.2.1", "qmtp", 209),
        ("192.0.2.1", "smtp", 25),
        ("192.0.2.2", "qmtp", 209),
        ("192.0.2.2", "smtp", 25),
    ]


# -- bounds


def test_a_thousand_exchangers_are_not_all_asked_for() -> None:
    zone: Zone = {("far.example", "MX"): [(number, b"h%d.example" % number) for number in range(1000)]}
    zone |= {("h99.example", "A"): ["192.0.2.1"], ("h100.example", "A"): ["192.0.2.2"]}
    play = Play(zone)
    assert addresses(play.ask(hop())) == ["192.0.2.1"]
    assert sum(len(questions) for questions in play.rounds) == 1 + 2 * EXCHANGERS_LIMIT
    assert max(len(questions) for questions in play.rounds) <= 40


def many(count: int) -> list[str]:
    return [f"10.0.{number // 250}.{number % 250}" for number in range(count)]


def test_a_thousand_addresses_are_not_all_tried() -> None:
    found = Play({("far.example", "A"): many(1000)}).ask(hop())
    assert addresses(found) == many(1000)[:ADDRESSES_LIMIT]


def test_with_enough_addresses_worse_exchangers_are_not_asked_for() -> None:
    zone: Zone = {("far.example", "MX"): [(number // 30, b"h%d.example" % number) for number in range(90)]}
    zone |= {(f"h{number}.example", "A"): many(200)[number * 10 :][:10] for number in range(10)}
    play = Play(zone)
    play.ask(hop())
    # those of equal preference all are: one of them may be us
    asked = {question.name for questions in play.rounds for question in questions}
    assert b"h29.example" in asked
    assert b"h60.example" not in asked


def test_an_address_that_comes_twice_is_tried_once() -> None:
    zone: Zone = {
        ("far.example", "MX"): [(10, b"a.example"), (20, b"b.example"), (30, b"a.example")],
        ("a.example", "A"): ["192.0.2.1"],
        ("b.example", "A"): ["192.0.2.1", "192.0.2.2"],
    }
    assert addresses(Play(zone).ask(hop())) == ["192.0.2.1", "192.0.2.2"]


# -- whatever DNS says

HOSTS = [b"a.example", b"b.example", b"far.example", b"192.0.2.7", b""]
ADDRESSES = ["192.0.2.1", "192.0.2.2", "192.0.2.7"]
ANSWERS = st.just(TROUBLE) | st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=3, unique=True)
ZONES = st.builds(
    lambda exchangers, hosts: {("far.example", "MX"): exchangers} | hosts,
    st.just(TROUBLE) | st.lists(st.tuples(st.integers(0, 3), st.sampled_from(HOSTS)), min_size=1, max_size=5),
    st.dictionaries(st.tuples(st.sampled_from([host.decode() for host in HOSTS[:3]]), st.just("A")), ANSWERS),
)


@given(ZONES, st.sets(st.sampled_from(ADDRESSES)), st.integers(0, 100))
def test_mail_never_goes_to_us_and_every_target_was_found(zone: Zone, own: set[str], seed: int) -> None:
    play = Play(zone, own=tuple(own), seed=seed)
    try:
        found = play.ask(hop())
    except MailError as error:
        assert error.text.endswith("\n")
        return
    assert found
    assert [target.preference for target in found] == sorted(target.preference for target in found)
    listed = zone[("far.example", "MX")]
    ours = [number for number, name in listed if own & {name.decode(), *play.answer(Question(name, "A")).records}]
    for target in found:
        assert target.address not in own
        assert all(target.preference < preference for preference in ours)

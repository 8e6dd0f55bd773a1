"""rules/dnsbl.py: what is asked, and what the answers mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.dns import TROUBLE, Answer, Kind, Question, Status
from qmtwist.mail.errors import Malformed
from qmtwist.rules import dnsbl
from qmtwist.rules.dnsbl import List, Options, Plan, Verdict, decide, parse_line, parse_lines, questions

IP = b"192.0.2.7"
ABSENT = Answer(Status.ABSENT)
SIX = b"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."


def plan(*lines: bytes) -> Plan:
    return parse_lines(lines, 10)


def text(*records: bytes) -> Answer:
    return Answer(Status.FOUND, records, 60)


def addresses(*records: str) -> Answer:
    return Answer(Status.FOUND, records, 60)


def verdict(line: bytes, *answers: Answer | tuple[Answer, ...] | None, ip: bytes = IP) -> Verdict | None:
    """What the lists of a line say, given the answers of each."""
    given_ = [answer if answer is None or type(answer) is tuple else (answer,) for answer in answers]
    return decide(plan(line).lists, ip, given_)  # type: ignore[arg-type]


# -- what is asked


@pytest.mark.parametrize(
    ("ip", "name"),
    [
        (b"192.0.2.7", b"7.2.0.192."),
        (b"", b""),
        (b"2001:db8::1", SIX),
        (b"2001:DB8:0::1%eth0", SIX),
        (b"::ffff:192.0.2.7", b"7.2.0.192."),
        (b"not:an:address", b"not:an:address."),
        (b".1.2", b"2.1."),
    ],
)
def test_addresses_are_asked_about_backwards(ip: bytes, name: bytes) -> None:
    assert dnsbl.reversed_address(ip) == name


def test_the_records_asked_for_depend_on_what_counts() -> None:
    lists = plan(b"-r a.example", b"-a b.example", b"-r c.example=127.0.0.2", b"-r d.example:text").lists
    assert [[question.kind for question in questions(entry, IP)] for entry in lists] == [
        [Kind.TXT], [Kind.A], [Kind.A, Kind.TXT], [Kind.A],
    ]  # fmt: skip
    assert questions(lists[0], IP) == (Question(b"7.2.0.192.a.example", Kind.TXT),)


# -- options


def test_flags_hold_for_the_lists_behind_them() -> None:
    found = plan(b"-r one.example", b"-bc -r two.example -a three.example", b"-B", b"-C", b"-rfour.example").lists
    assert found == (
        List(b"one.example"),
        List(b"two.example", is_permanent=True, is_failing_closed=True),
        List(b"three.example", is_allowing=True, is_permanent=True, is_failing_closed=True),
        List(b"four.example"),
    )


def test_the_limit_is_that_of_the_last_t() -> None:
    assert plan().timeout_s == 10
    assert plan(b"-t 5 -r a.example", b"-t7").timeout_s == 7


def test_a_text_goes_on_to_the_end_of_its_line() -> None:
    [entry] = plan(b" -b\t-r a.example=127.0.0.2,127.0.0.4-7:go -r away: %IP% ").lists
    assert (entry.zone, entry.text) == (b"a.example", b"go -r away: %IP%")
    assert entry.codes == (((127,) * 2, (0,) * 2, (0,) * 2, (2,) * 2), ((127,) * 2, (0,) * 2, (0,) * 2, (4, 7)))


@pytest.mark.parametrize(
    "line",
    [b"a.example", b"-r", b"-t", b"-t x", b"-t 0", b"-t 301", b"-t 5x", b"-x", b"-", b"-R", b"-r a..example",
     b"-r .example", b"-r caf\xe9.example", b"-r " + b"a" * 64 + b".example", b"-r " + b"a." * 100 + b"b", b"-b r",
     b"-r a.example=", b"-r a.example=127", b"-r a.example=127.0.0.256", b"-r a.example=127.0.0.3-2",
     b"-r a.example=127.0.0.-2", b"-r a.example=127.0.0.2,", b"-r a.example=1.2.3.4.5", b"-r =127.0.0.2", b"-r :x"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(line: bytes) -> None:
    with pytest.raises(Malformed):
        plan(line)


def test_the_program_takes_any_zone_and_any_number() -> None:
    options = Options()
    options.take(b"r", b"no zone at all")
    options.take(b"t", b"12x")
    assert options.plan == Plan((List(b"no zone at all"),), 12)
    with pytest.raises(Malformed):
        options.take(b"r", b"zone=x")


# -- what answers mean: rblsmtpd


def test_a_text_keeps_the_client_out_for_now_or_with_b_for_good() -> None:
    assert verdict(b"-r a.example", text(b"Blocked")) == Verdict(451, b"Blocked", b"a.example")
    assert verdict(b"-b -r a.example", text(b"Blocked")) == Verdict(553, b"Blocked", b"a.example")
    assert verdict(b"-r a.example -b", text(b"Blocked")) == Verdict(451, b"Blocked", b"a.example")


def test_texts_are_joined_cut_and_made_printable() -> None:
    found = verdict(b"-r a.example", text(b"one\n", b"t\xe9o" + b"x" * 300))
    assert found is not None and found.text == b"one?t?o" + b"x" * 193


@pytest.mark.parametrize("answer", [ABSENT, Answer(Status.EMPTY), text(b""), addresses("127.0.0.2")])
def test_without_a_text_nobody_is_listed(answer: Answer) -> None:
    assert verdict(b"-r a.example", answer) == Verdict()


def test_the_first_list_that_says_something_decides() -> None:
    line = b"-a white.example -r black.example"
    assert verdict(line, addresses("192.0.2.1"), None) == Verdict(0, b"", b"white.example")
    assert verdict(line, ABSENT, None) is None
    assert verdict(line, ABSENT, text(b"no")) == Verdict(451, b"no", b"black.example")
    assert verdict(line, None, text(b"no")) is None
    assert verdict(b"-r black.example -a white.example", text(b"no")) == Verdict(451, b"no", b"black.example")
    assert verdict(line) is None and verdict(b"-b") == Verdict()


def test_a_list_that_cannot_be_asked_says_nothing_unless_c_was_said() -> None:
    assert verdict(b"-r a.example", TROUBLE) == Verdict(failed=(b"a.example",))
    closed = verdict(b"-c -r a.example", TROUBLE)
    assert closed == Verdict(451, b"temporary RBL lookup error", b"a.example", (b"a.example",))
    assert not closed.is_listed
    assert verdict(b"-c -b -r a.example", TROUBLE) == closed


def test_an_a_list_that_cannot_be_asked_lets_in_unless_c_was_said() -> None:
    assert verdict(b"-a a.example -r b.example", TROUBLE, text(b"x")) == Verdict(0, b"", b"a.example", (b"a.example",))
    passed = verdict(b"-c -a a.example -r b.example", TROUBLE, text(b"x"))
    assert passed == Verdict(451, b"x", b"b.example", (b"a.example",)) and passed.is_listed


def test_after_a_failure_nobody_is_turned_away_for_good() -> None:
    found = verdict(b"-b -r a.example -r b.example", TROUBLE, text(b"x"))
    assert found == Verdict(451, b"x", b"b.example", (b"a.example",))


# -- codes and own texts


def test_with_codes_only_they_count() -> None:
    line = b"-r a.example=127.0.0.2-3,127.0.1.9"
    listed = Verdict(451, b"why", b"a.example")
    assert verdict(line, (addresses("127.0.0.3"), text(b"why"))) == listed
    assert verdict(line, (addresses("127.0.0.9", "127.0.1.9"), text(b"why"))) == listed
    assert verdict(line, (addresses("127.0.0.4", "192.0.2.1"), text(b"why"))) == Verdict()
    assert verdict(line, (ABSENT, text(b"why"))) == Verdict()


def test_a_list_without_a_text_gets_one() -> None:
    line = b"-r a.example=127.0.0.2"
    expected = Verdict(451, b"192.0.2.7 is listed in a.example", b"a.example")
    assert verdict(line, (addresses("127.0.0.2"), TROUBLE)) == expected
    assert verdict(line, (addresses("127.0.0.2"), ABSENT)) == expected


def test_an_own_text_names_the_client() -> None:
    line = b"-b -r a.example:see http://a.example/?%IP%"
    expected = Verdict(553, b"see http://a.example/?192.0.2.7", b"a.example")
    assert verdict(line, addresses("127.0.0.10")) == expected
    assert verdict(b"-r a.example:", addresses("127.0.0.2")) == Verdict(
        451, b"192.0.2.7 is listed in a.example", b"a.example"
    )


def test_a_parked_domain_lists_nobody_and_an_error_code_is_a_failure() -> None:
    assert verdict(b"-r a.example:x", addresses("203.0.113.1")) == Verdict()
    assert verdict(b"-r a.example:x", addresses("127.255.255.254")) == Verdict(failed=(b"a.example",))
    assert verdict(b"-r a.example=127.0.0.2", (addresses("127.255.255.254"), ABSENT)) == Verdict(failed=(b"a.example",))
    asked_for = verdict(b"-r a.example=127.255.255.254:x", addresses("127.255.255.254"))
    assert asked_for == Verdict(451, b"x", b"a.example")


def test_an_a_list_may_have_codes() -> None:
    line = b"-a a.example=127.0.0-255.1-3"
    assert verdict(line, addresses("127.0.9.2")) == Verdict(0, b"", b"a.example")
    assert verdict(line, addresses("127.0.9.0")) == Verdict()


# -- the variable


def test_the_variable_speaks_for_itself() -> None:
    told = dnsbl.told
    assert told({}) is None
    assert told({b"RBLSMTPD": b""}) == Verdict(source=b"RBLSMTPD")
    assert told({b"RBLSMTPD": b"go"}) == Verdict(451, b"go", b"RBLSMTPD")
    assert told({b"RBLSMTPD": b"-go"}) == Verdict(553, b"go", b"RBLSMTPD")
    assert told({b"RBLSMTPD": b"-"}) == Verdict(553, b"", b"RBLSMTPD")


# -- anything at all

LABELS = st.sampled_from(
    [b"-r ", b"-a ", b"-b ", b"-c ", b"-t ", b"a.example", b"=", b"127.0.0.2", b"-", b",", b":", b" "]
)
LINES = st.one_of(st.binary(max_size=40), st.lists(LABELS, max_size=8).map(b"".join))
RECORDS = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=20),
    st.ip_addresses().map(str),
    st.sampled_from(["127.0.0.2", "127.255.255.1", "127.0.0.\u00b2", "999.0.0.1"]),
    st.tuples(st.integers(), st.binary()),
)
ANSWERS = st.builds(Answer, st.sampled_from(Status), st.lists(RECORDS, max_size=4).map(tuple))
LISTS = st.lists(
    st.builds(
        List,
        st.binary(max_size=30),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.one_of(st.none(), st.just(plan(b"-r a.example=127.0.0-9.2").lists[0].codes)),
        st.one_of(st.none(), st.binary(max_size=300)),
    ),
    max_size=6,
)


@given(LINES)
def test_a_line_is_understood_or_malformed(line: bytes) -> None:
    options = Options()
    try:
        parse_line(options, line)
    except Malformed:
        return
    for entry in options.plan.lists:
        assert questions(entry, IP)[0].name.endswith(entry.zone)


@given(
    LISTS, st.binary(max_size=50), st.lists(st.one_of(st.none(), st.lists(ANSWERS, max_size=3).map(tuple)), max_size=7)
)
def test_any_answers_give_a_verdict_that_can_be_said(
    lists: list[List], ip: bytes, answers: list[tuple[Answer, ...] | None]
) -> None:
    for entry in lists:
        assert 1 <= len(questions(entry, ip)) <= 2
    found = decide(lists, ip, answers)
    if found is None:
        assert None in answers[: len(lists)] or len(answers) < len(lists)
        return
    assert found.code in (0, 451, 553) and len(found.text) <= 200 and all(32 <= byte <= 126 for byte in found.text)
    assert found.code != 553 or not found.failed
    # answers that come later change nothing
    assert decide(lists, ip, [*answers, *[(TROUBLE,)] * 7]) == found or None in answers


@given(LISTS, st.data())
def test_the_order_in_which_answers_come_never_matters(lists: list[List], data: st.DataObject) -> None:
    everything = [tuple(data.draw(ANSWERS) for _ in questions(entry, IP)) for entry in lists]
    last = decide(lists, IP, everything)
    known: list[tuple[Answer, ...] | None] = [None] * len(lists)
    for place in data.draw(st.permutations(range(len(lists)))):
        known[place] = everything[place]
        assert decide(lists, IP, known) in (None, last)
    assert last is not None

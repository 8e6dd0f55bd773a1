"""wire/dnsmessage.py: DNS messages to and from bytes."""

from __future__ import annotations

import dns.flags
import dns.message
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qmtwist.mail.dns import Kind, Question
from qmtwist.mail.errors import Malformed
from qmtwist.wire.dnsmessage import canonical, encode_query, parse_reply, reply_number
from tests.support.dnspuppet import asked, reply

QUERY = encode_query(Question(b"far.example", Kind.MX), 7, is_edns=True)
RICH = reply(
    QUERY,
    "far.example. 300 CNAME real.example.",
    "real.example. 200 MX 10 MX.real.example.",
    "real.example. 200 MX 0 .",
    "real.example. 100 A 192.0.2.1",
    "real.example. 100 AAAA 2001:db8:0:0::1",
    'real.example. 100 TXT "a b" "c"',
    "1.example. 100 PTR Name.example.",
    authority=("example. 500 SOA ns.example. root.example. 1 2 3 4 60",),
)


def test_a_query_says_what_is_asked() -> None:
    message = dns.message.from_wire(encode_query(Question(b"Far.Example.", Kind.AAAA), 4711, is_edns=True))
    assert (message.id, message.payload, message.edns) == (4711, 1232, 0)
    assert message.flags == dns.flags.RD
    assert asked(encode_query(Question(b"far.example", Kind.TXT), 1, is_edns=False)) == ("far.example.", "TXT", False)


def test_a_reply_is_read_into_plain_values() -> None:
    parsed = parse_reply(RICH)
    assert parsed.question == Question(b"far.example", Kind.MX)
    assert {(question, record.values) for question, record in parsed.records.items()} == {
        (Question(b"far.example", Kind.CNAME), (b"real.example",)),
        (Question(b"real.example", Kind.MX), ((10, b"mx.real.example"), (0, b""))),
        (Question(b"real.example", Kind.A), ("192.0.2.1",)),
        (Question(b"real.example", Kind.AAAA), ("2001:db8::1",)),
        (Question(b"real.example", Kind.TXT), (b"a bc",)),
        (Question(b"1.example", Kind.PTR), (b"name.example",)),
    }
    assert parsed.records[Question(b"real.example", Kind.MX)].ttl_s == 200
    assert (parsed.code, parsed.is_truncated, parsed.offers_recursion, parsed.has_referral) == (0, False, True, False)
    assert parsed.negative_ttl_s == 60


def test_what_follows_a_truncated_answer_is_not_looked_at() -> None:
    data = reply(QUERY, "far.example. 300 MX 10 mx.far.example.", flags=dns.flags.QR | dns.flags.TC)
    parsed = parse_reply(data[:-3])
    assert (parsed.is_truncated, parsed.records) == (True, {})


@pytest.mark.parametrize(
    "name", [b"", b".", b"a..b", b".a", b"a..", b"x" * 64, b".".join([b"a" * 63] * 5), b"a\\b", b"a\\999"]
)
def test_a_name_that_cannot_be_is_malformed(name: bytes) -> None:
    with pytest.raises(Malformed):
        canonical(name)


@pytest.mark.parametrize("name", [b"caf\xe9.example", b"a b.example", b"a@b", b"\0.example", b"a\\046b.example"])
def test_odd_names_survive_the_way_out_and_back(name: bytes) -> None:
    text = canonical(name)
    query = encode_query(Question(text, Kind.A), 1, is_edns=False)
    assert parse_reply(query[:2] + b"\x84\0" + query[4:]).question == Question(text, Kind.A)
    assert canonical(text) == text


@given(st.binary(max_size=300))
def test_no_name_raises_anything_else(name: bytes) -> None:
    try:
        text = canonical(name)
    except Malformed:
        return
    assert canonical(text) == text
    assert all(33 <= byte <= 126 for byte in text)


def only_malformed(data: bytes) -> None:
    assert -1 <= reply_number(data) <= 0xFFFF
    try:
        reply = parse_reply(data)
    except Malformed:
        return
    assert reply_number(data) >= 0
    # the root may own records, and nobody asks for it
    assert all(canonical(question.name) == question.name for question in reply.records if question.name)


@given(st.binary(max_size=600))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    only_malformed(data)
    only_malformed(QUERY[:2] + b"\x84\0\0\1\0\1\0\1\0\1" + data)


@example([(30, 0)], 0)  # the name of a record becomes that of the root
@given(st.lists(st.tuples(st.integers(0, len(RICH) - 1), st.integers(0, 255)), min_size=1, max_size=8), st.integers(0))
def test_no_broken_answer_raises_anything_else(changes: list[tuple[int, int]], end: int) -> None:
    broken = bytearray(RICH)
    for place, byte in changes:
        broken[place] = byte
    only_malformed(bytes(broken))
    only_malformed(bytes(broken[: end % len(RICH)]))


def test_a_query_is_no_answer() -> None:
    with pytest.raises(Malformed):
        parse_reply(QUERY)
    assert reply_number(QUERY) == 7
    assert reply_number(b"\0") == -1

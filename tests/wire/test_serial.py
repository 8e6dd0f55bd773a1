"""The formats of serialmail."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.address import quote
from qmtwist.wire.serial import Answer, AnswerReader, delivered_to, format_answer, parse_head, unquote
from tests.support.cuts import cuts

PLAIN = st.binary(max_size=20).filter(lambda data: b"\n" not in data and b"\0" not in data)


def test_a_message_without_both_lines_has_no_head() -> None:
    for data in (
        b"",
        b"Return-Path: <a@b>\n",
        b"Return-Path: <a@b>\nDelivered-To: c",
        b"Return-Path: a@b\nDelivered-To: c\n",
        b"Delivered-To: c\nReturn-Path: <a@b>\n",
        b"Return-Path: <a\0@b>\nDelivered-To: c\n",
    ):
        assert parse_head(data) is None
    assert delivered_to(b"anything\nDelivered-To: c\n") == b"c"
    assert delivered_to(b"Delivered-To: c\n") is None


@given(PLAIN, PLAIN)
def test_unquoting_takes_back_what_quoting_did(local: bytes, host: bytes) -> None:
    address = local + b"@" + host.replace(b"@", b"")
    # a CR is kept by a backslash, too
    assert unquote(quote(address)) == address


@given(st.lists(st.tuples(PLAIN, st.sampled_from([b"K", b"Z", b"D"]), PLAIN)), st.data())
def test_where_answers_are_cut_never_matters(answers: list[tuple[bytes, bytes, bytes]], data: st.DataObject) -> None:
    stream = b"".join(b"%s\0%s%s\n" % answer for answer in answers)
    reader = AnswerReader()
    found = [answer for piece in data.draw(cuts(stream)) for answer in reader.receive(piece)]
    assert found == [Answer(*answer) for answer in answers]


def test_an_answer_is_one_printable_line_of_at_most_2000_bytes() -> None:
    assert format_answer(b"n", b"Z", b"a\nb\0\xff" + b"x" * 3000) == b"n\0Za?b??" + b"x" * 1994 + b"\n"

"""logbook/smtp.py: one fact, one line, whoever wrote the bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.logbook.smtp import Accepted, Closed, Refused, TurnedAway, escape, word


def test_the_lines() -> None:
    peer = b"127.0.0.1:50321"
    assert word(Accepted(7, peer, 10000000042, b"s@h", 1, 4096)) == (
        b"smtp 7: 127.0.0.1:50321 accepted 10000000042 from <s@h> for 1, 4096 bytes"
    )
    assert word(Refused(7, peer, b"<x@y>", 553, b"no (#5.7.1)")) == (
        b"smtp 7: 127.0.0.1:50321 refused <x@y>: 553 no (#5.7.1)"
    )
    assert word(Closed(7, peer, b"quit", 3, 0)) == b"smtp 7: 127.0.0.1:50321 closed: quit, 3 accepted"
    assert word(Closed(7, peer, b"timeout", 0, 5)) == (
        b"smtp 7: 127.0.0.1:50321 closed: timeout, 0 accepted, 5 refusals not shown"
    )
    said = b"no answer from one.example, kept out by two\n.example"
    assert word(Closed(7, peer, b"quit", 0, 0, said)) == (
        b"smtp 7: 127.0.0.1:50321 closed: quit, 0 accepted, no answer from one.example, kept out by two\\x0a.example"
    )
    assert word(TurnedAway(b"smtp", b"192.0.2.7", b"too many connections", 2)) == (
        b"smtp: 192.0.2.7 turned away: too many connections (and 2 more)"
    )


def test_an_address_cannot_end_early_nor_look_like_another_field() -> None:
    assert word(Accepted(7, b"p", 1, b"a> for 9, 1 bytes\nsmtp 8:", 1, 1)).count(b">") == 1
    assert word(Refused(7, b"p", b"<a>b<c>", 553, b"x")) == b"smtp 7: p refused <a\\x3eb\\x3cc>: 553 x"


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_a_line_is_printable_and_bounded(about: bytes, text: bytes) -> None:
    line = word(Refused(1, b"p", about, 550, text))
    assert all(32 <= byte < 127 for byte in line)
    assert len(line) < 2000


@given(st.binary(max_size=150))
def test_what_is_escaped_can_be_read_back(text: bytes) -> None:
    assert escape(text).decode("ascii").encode("latin-1").decode("unicode_escape").encode("latin-1") == text

"""logbook/tcpserver.py: lines that analysers of tcpserver's log understand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.logbook import tcpserver


def test_what_is_not_known_is_empty() -> None:
    line = tcpserver.judged(7, False, (None, b"127.0.0.1", 25), (None, b"192.0.2.7", None, 33215))
    assert line == b"tcpserver: ok 7 :127.0.0.1:25 :192.0.2.7::33215\n"


def test_a_denied_client_of_ipv6() -> None:
    line = tcpserver.judged(7, True, (b"a.b", b"2001:db8::1", 25), (b"c.d", b"2001:db8::7", b"joe", 1))
    assert line == b"tcpserver: deny 7 a.b:[2001:db8::1]:25 c.d:[2001:db8::7]:joe:1\n"


def test_a_field_of_100_bytes_counts_as_cut() -> None:
    assert tcpserver.safe(b"x" * 99) == b"x" * 99
    assert tcpserver.safe(b"x" * 100) == b"x" * 100 + b"..."


@given(st.binary(), st.binary())
def test_foreign_words_do_not_break_a_line_apart(host: bytes, info: bytes) -> None:
    line = tcpserver.judged(7, False, (host, b"127.0.0.1", 25), (host, b"192.0.2.7", info, 1))
    assert line.count(b"\n") == 1 and line.count(b" ") == 4 and line.count(b":") == 6 and b"%" not in line

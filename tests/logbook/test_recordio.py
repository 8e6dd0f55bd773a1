"""logbook/recordio.py: a recorded dialogue says exactly what passed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.logbook import recordio


def test_lines_and_pieces_of_lines() -> None:
    assert recordio.words(7, b">", b"a\r\n\nb") == b"7 > a\r \n7 >  \n7 > b+\n"
    assert recordio.end(7, b"<") == b"7 < [EOF]\n"


def test_a_long_line_comes_in_pieces_of_256_bytes() -> None:
    text = recordio.words(7, b"<", b"x" * 300 + b"\n")
    assert text == b"7 < " + b"x" * 256 + b"+\n7 < " + b"x" * 44 + b" \n"


@given(st.binary(max_size=2000))
def test_what_passed_can_be_read_back(data: bytes) -> None:
    lines = recordio.words(7, b"<", data).split(b"\n")
    assert lines.pop() == b""
    assert all(line.startswith(b"7 < ") and line[-1:] in (b" ", b"+") and len(line) <= 4 + 257 for line in lines)
    assert b"".join(line[4:-1] + (b"\n" if line[-1:] == b" " else b"") for line in lines) == data

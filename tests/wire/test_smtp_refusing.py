"""wire/smtp/refusing.py: the server that stands in for the real one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.wire.smtp.refusing import GOODBYE, LINE_BYTES, OK, RefusingSession

NO = b"451 no\r\n"


def test_politeness_is_answered_and_everything_else_refused() -> None:
    session = RefusingSession(b"451 no")
    said = b"helo x\r\nEHLO\nMAIL FROM:<>\r\nRSET\r\nNOOP\r\nRCPT\r\nDATA\r\n\r\nVRFY x\r\nHELOX\r\nNOOP\0x\r\n"
    assert session.receive(said) == OK * 5 + NO * 5 + OK
    assert session.receive(b"quit now\r\nRCPT\r\n") == GOODBYE
    assert session.is_over


@given(st.lists(st.sampled_from([b"RCPT x\r\n", b"NOOP\n", b"x\r\n", b"\n", b"MAIL\r\n"])), st.integers(1, 9))
def test_where_the_stream_is_cut_never_matters(commands: list[bytes], size: int) -> None:
    stream = b"".join([*commands, b"QUIT\r\n"])
    session = RefusingSession(b"451 no")
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert b"".join(map(session.receive, pieces)) == RefusingSession(b"451 no").receive(stream)


def test_an_endless_line_costs_no_memory() -> None:
    session = RefusingSession(b"451 no")
    for _ in range(100):
        assert session.receive(b"x" * 10_000) == b""
    assert len(session._line) <= LINE_BYTES
    assert session.receive(b"\r\nNOOP\r\n") == NO + OK

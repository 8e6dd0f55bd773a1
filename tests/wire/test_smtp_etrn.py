"""ETRN in an SMTP session. (RFC 1985)"""

from __future__ import annotations

from qmtwist.wire.session import NEED_ANSWER, NEED_DATA
from qmtwist.wire.smtp import reply as replies
from qmtwist.wire.smtp.events import Limits, NodeOffered, Refused, make_terms
from qmtwist.wire.smtp.server import ServerSession

TERMS = make_terms(b"mx.example", Limits(1000, 100, 5, 100, 0))
STARTED = replies.foreign(253, b"OK, 2 pending messages for node far.dom started", b"2.0.0")


def session(is_offered: bool = True) -> ServerSession:
    made = ServerSession(TERMS.with_etrn() if is_offered else TERMS)
    made.take_output()
    return made


def test_what_is_pipelined_behind_it_waits_for_its_answer() -> None:
    one = session()
    one.receive(b"EHLO c\r\nETRN  @far.dom \r\nNOOP\r\n")
    assert one.next_event() == NodeOffered(b"@far.dom")
    assert one.next_event() is NEED_ANSWER
    assert b"\r\n250-ETRN\r\n" in one.take_output()
    one.tell(STARTED)
    assert one.next_event() is NEED_DATA
    said = one.take_output()
    assert said == b"253 2.0.0 OK, 2 pending messages for node far.dom started\r\n250 2.0.0 ok\r\n"


def test_it_is_unknown_where_it_is_not_offered() -> None:
    one = session(is_offered=False)
    one.receive(b"EHLO c\r\nETRN far.dom\r\n")
    assert isinstance(one.next_event(), Refused)
    said = one.take_output()
    assert b"ETRN" not in said and said.endswith(b"\r\n502 5.5.1 unimplemented (#5.5.1)\r\n")


def test_it_takes_a_node_and_no_transaction_around_it() -> None:
    one = session()
    one.receive(b"HELO c\r\nETRN\r\nETRN @\r\nETRN #\r\nMAIL FROM:<>\r\n")
    for _ in range(3):
        assert isinstance(one.next_event(), Refused)
    one.next_event()
    one.accept(b"")
    one.receive(b"ETRN far.dom\r\n")
    assert isinstance(one.next_event(), Refused)
    codes = [line[:3] for line in one.take_output().splitlines()]
    assert codes == [b"250", b"501", b"501", b"501", b"250", b"503"]


def test_a_session_that_ends_meanwhile_gets_no_answer() -> None:
    one = session()
    one.receive(b"ETRN far.dom\r\n")
    assert one.next_event() == NodeOffered(b"far.dom")
    one.abort(replies.STOPPING, b"the server is stopping")
    one.next_event()
    assert one.next_event() is NEED_DATA
    assert one.take_output() == replies.STOPPING.plain

"""The injection protocol: client and server back to back, and a server with a bad client."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed
from qmtwist.wire import injection
from qmtwist.wire.envelope import encode_envelope
from qmtwist.wire.injection import Reply
from qmtwist.wire.injectionserver import (
    Introduced,
    MessagePiece,
    QueueAsked,
    Refused,
    ServerSession,
    Submitted,
    format_listing,
    format_reply,
)
from qmtwist.wire.netstring import netstring
from tests.support.cuts import cuts

ENVELOPE = Envelope(b"s@x", (b"a@b", b"c@d"))


def played(session: ServerSession, pieces: list[bytes]) -> list[injection.Event]:
    """All events of a session that lets everybody in."""
    events: list[injection.Event] = []
    for piece in pieces:
        session.receive(piece)
        while (event := session.next_event()) is not None:
            events.append(event)
            if isinstance(event, Introduced):
                assert session.go_on() == netstring(b"go")
    return events


@given(st.lists(st.binary(max_size=50)), st.data())
def test_the_server_gets_what_the_client_sent_however_it_is_cut(chunks: list[bytes], data: st.DataObject) -> None:
    stream = injection.hello(1000, 77) + b"".join(injection.pieces(chunk) for chunk in chunks)
    stream += injection.END_OF_MESSAGE + injection.pieces(encode_envelope(ENVELOPE))
    events = played(ServerSession(), data.draw(cuts(stream)))
    assert events[0] == Introduced(1000, 77)
    assert events[-1] == Submitted(ENVELOPE)
    assert b"".join(event.data for event in events[1:-1] if isinstance(event, MessagePiece)) == b"".join(chunks)
    assert all(isinstance(event, MessagePiece) for event in events[1:-1])


def test_a_large_message_is_cut_into_pieces_that_the_server_takes() -> None:
    message = b"x" * (3 * injection.PIECE_LIMIT_BYTES + 1)
    events = played(ServerSession(), [injection.hello(0, 1), injection.pieces(message)])
    assert [len(event.data) for event in events[1:] if isinstance(event, MessagePiece)] == [65536, 65536, 65536, 1]


def test_an_envelope_may_come_in_several_pieces() -> None:
    raw = encode_envelope(ENVELOPE)
    stream = [injection.hello(0, 1), injection.END_OF_MESSAGE, *(netstring(bytes([byte])) for byte in raw)]
    assert played(ServerSession(), stream)[-1] == Submitted(ENVELOPE)


def test_nothing_is_parsed_before_the_server_has_answered() -> None:
    session = ServerSession()
    session.receive(injection.hello(0, 1) + netstring(b"impatient"))
    assert session.next_event() == Introduced(0, 1)
    assert session.next_event() is None
    session.go_on()
    assert session.next_event() == MessagePiece(b"impatient")


def test_a_client_that_floods_before_the_answer_is_refused() -> None:
    session = ServerSession()
    session.receive(injection.hello(0, 1))
    session.receive(b"1:x," * 20000)
    session.next_event()
    assert isinstance(session.next_event(), Refused)


@pytest.mark.parametrize("bad", [b"2 0 0", b"1 0", b"1 x 0", b"1 -1 0", b"", b"1 0 0 0", b"Fs"])
def test_a_bad_hello_is_refused(bad: bytes) -> None:
    [event] = played(ServerSession(), [netstring(bad)])
    assert isinstance(event, Refused) and event.reply.code == injection.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("envelope", "code"), [(b"Tr\0\0", 91), (b"F" + b"x" * 1003, 11), (b"Fs\0T" + b"x" * 1003 + b"\0\0", 11)]
)
def test_a_bad_envelope_is_refused_with_qmail_queues_code(envelope: bytes, code: int) -> None:
    stream = [injection.hello(0, 1), injection.END_OF_MESSAGE, netstring(envelope), netstring(b"\0")]
    [_, event] = played(ServerSession(), stream)
    assert isinstance(event, Refused) and event.reply.code == code


def test_what_follows_the_envelope_is_ignored() -> None:
    stream = [injection.hello(0, 1), injection.END_OF_MESSAGE, netstring(encode_envelope(ENVELOPE) + b"garbage")]
    assert played(ServerSession(), [*stream, netstring(b"more")])[1:] == [Submitted(ENVELOPE)]


def test_the_queue_is_listed_on_request() -> None:
    assert played(ServerSession(), [injection.ASK_QUEUE]) == [QueueAsked()]
    words = injection.ReplyReader().receive(format_listing([b"one\n", b"", b"two\n"]))
    assert list(words) == [b"one\n", b"two\n", b""]


@given(st.integers(0, 255), st.binary(max_size=100))
def test_a_reply_is_read_back_as_one_line(code: int, text: bytes) -> None:
    [word] = injection.ReplyReader().receive(format_reply(Reply(code, text)))
    assert injection.parse_reply(word) == Reply(code, text.replace(b"\n", b" "))


@pytest.mark.parametrize("bad", [b"", b"go", b"-1 x", b"1234 x"])
def test_a_reply_without_a_code_is_malformed(bad: bytes) -> None:
    with pytest.raises(Malformed):
        injection.parse_reply(bad)

"""SMTP with mail readers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.wire.session import Pause
from qmtwist.wire.smtp.data import DataReader
from qmtwist.wire.smtp.events import (
    Closed,
    Content,
    Limits,
    MessageEnded,
    MessageOffered,
    MessageSpoiled,
    RecipientOffered,
    Refused,
    SenderOffered,
    make_terms,
)
from qmtwist.wire.smtp.ofmip import LenientReader, LfReader, OfmipSession, PlainSession, plain_terms
from tests.support.cuts import cuts

LIMITS = Limits(1000, 10, 20, 100, 0)
OPENING = b"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"


def held(*pieces: bytes, session: OfmipSession | None = None) -> tuple[bytes, list[bytes]]:
    """All replies, and the messages; everything is accepted."""
    session = session or PlainSession(plain_terms(LIMITS))
    messages: list[bytes] = []
    out = text = b""
    for piece in pieces:
        session.receive(piece)
        while not isinstance(event := session.next_event(), Pause):
            match event:
                case SenderOffered(address) | RecipientOffered(address):
                    session.accept(address)
                case MessageOffered():
                    session.go_ahead()
                    text = b""
                case Content(data):
                    text += data
                case MessageEnded(data):
                    messages.append(text + data)
                    session.stored(5, 7)
                case MessageSpoiled() | Refused() | Closed():
                    pass
                case _:
                    raise AssertionError(event)
        out += session.take_output()
    return out, messages


def test_the_program_says_what_mess822_said() -> None:
    replies, messages = held(OPENING + b"x\r\n.\r\nHELP\r\nQUIT\r\n")
    assert messages == [b"x\n"]
    assert replies.split(b"\r\n") == [
        b"220 ofmipd.local ESMTP", b"250-ofmipd.local", b"250-PIPELINING", b"250 8BITMIME", b"250 ok", b"250 ok",
        b"354 go ahead", b"250 ok", b"214 qmail home page: http://pobox.com/~djb/qmail.html", b"221 ofmipd.local", b"",
    ]  # fmt: skip


def test_the_service_speaks_like_ours() -> None:
    replies, _ = held(OPENING + b"x\r\n.\r\n", session=OfmipSession(make_terms(b"me.example", LIMITS)))
    assert b"250-SIZE 0\r\n250 ENHANCEDSTATUSCODES\r\n" in replies and replies.endswith(b"250 2.0.0 ok 5 qp 7\r\n")


def test_a_bare_lf_is_a_line_end_but_ends_no_message() -> None:
    _, messages = held(OPENING + b"a\nb\n.\nMAIL FROM:<evil@x>\n.\r\n..c\r\n.\r\n")
    assert messages == [b"a\nb\n\nMAIL FROM:<evil@x>\n\n.c\n"]


def test_a_client_without_cr_ends_his_message_without() -> None:
    replies, messages = held(OPENING.replace(b"\r", b"") + b"a\n..b\n.\nQUIT\n")
    assert messages == [b"a\n.b\n"] and replies.endswith(b"250 ok\r\n221 ofmipd.local\r\n")


@pytest.mark.parametrize("opening", [OPENING, OPENING.replace(b"\r", b"")])
def test_a_cr_alone_is_refused(opening: bytes) -> None:
    end = b"\r\n.\r\n" if b"\r" in opening else b"\n.\n"
    replies, messages = held(opening + b"a\rb" + end)
    assert not messages and replies.endswith(
        b"554 sorry, that message has a carriage return without a line feed (#5.6.0)\r\n"
    )


LINES = st.lists(st.sampled_from([b"", b".", b"..", b".x", b"abc", b"Received: x"]), max_size=6)


@given(LINES, st.data())
def test_where_a_message_is_cut_never_matters(lines: list[bytes], data: st.DataObject) -> None:
    for ending, kind in ((b"\n", LfReader), (b"\r\n", LfReader), (b"\r\n", LenientReader)):
        sent = b"".join([(b"." + line if line[:1] == b"." else line) + ending for line in lines])
        stream = sent + b"." + ending + b"QUIT"
        reader: DataReader = kind()
        text, rest = b"", None
        for piece in data.draw(cuts(stream)):
            if rest is None:
                more, rest = reader.receive(piece)
                text += more
            else:
                rest += piece
        assert (text, rest) == (b"".join([line + b"\n" for line in lines]), b"QUIT")
        assert reader.size == len(text) and not (reader.has_bare_cr or reader.has_bare_lf)

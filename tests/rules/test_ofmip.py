"""What ofmipd makes of addresses and messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.rules.ofmip import HEADER_BYTES, Author, Ofmip, parse_names, received
from qmtwist.rules.rewrite import Rules
from tests.support.cuts import cuts

NOW = 1795238029
NAMES = dict(parse_names([b"joe@h.example:Joe S:J.S@s.example:", b"k::addr@x:", "zoe@h.example:Zoë:z@h:".encode()]))
JOE = Author(b"joe@h.example", None)


def ofmip() -> Ofmip:
    return Ofmip(Rules([b"=:h.example"]), b"id", 7, 1, NAMES.get)


def rewritten(*pieces: bytes, author: Author = JOE, session: Ofmip | None = None) -> bytes:
    letter = (session or ofmip()).letter(author, NOW)
    out = b"".join([letter.receive(piece) for piece in pieces]) + letter.end()
    assert letter.fault is None
    return out


def test_a_name_database_is_lines_of_three_colons() -> None:
    lines = [b"# c", b"a:b", b"bad", b"", b"k::addr@x:", b"j:J:a@b:rest:more", b"#x:y:z:"]
    assert list(parse_names(lines)) == [(b"k", b"\0addr@x"), (b"j", b"J\0a@b")]


def test_a_known_sender_gets_his_name_and_address() -> None:
    author = ofmip().author(b"joe")
    assert author == Author(b"J.S@s.example", b"Joe S")
    assert b'From: "Joe S" <J.S@s.example>\n' in rewritten(b"From: other@x\n\nbody\n", author=author)
    assert ofmip().author(b"JOE") == Author(b"JOE@h.example", None)


def test_a_name_that_is_empty_or_not_ascii_is_shown_as_it_must() -> None:
    assert b"From: addr@x\n" in rewritten(b"\n", author=Author(b"addr@x", b""))
    zoe = ofmip().author(b"zoe")
    assert zoe is not None and b"From: =?utf-8?q?Zo=C3=AB?= <z@h>\n" in rewritten(b"\n", author=zoe)


def test_a_damaged_database_is_an_error() -> None:
    with pytest.raises(Malformed):
        Ofmip(Rules(()), b"id", 7, 1, lambda key: b"no address").author(b"joe@x")


def test_addresses_that_smtp_cannot_name_are_none() -> None:
    assert ofmip().author(b"") == Author(b"", None)
    assert ofmip().recipient(b"") is None
    assert ofmip().recipient(b"x" * 890) is None
    assert ofmip().recipient(b"ann") == b"ann@h.example"


def test_bcc_is_gone_and_the_rest_is_in_order() -> None:
    text = b"Bcc: z\nApparently-To: z\nReturn-Path: z\nTo: a, b@c\nSubject: s\nMessage-ID: <x@y>\n\n.body\nFrom: x\n"
    assert rewritten(text) == (
        b"Date: 21 Nov 2026 05:13:49 -0000\nMessage-ID: <x@y>\nFrom: joe@h.example\n"
        b"To: a@h.example, b@c\nSubject: s\n\n.body\nFrom: x\n"
    )


def test_messages_are_counted_if_they_have_no_id() -> None:
    session = ofmip()
    first, given_id, second = (rewritten(text, session=session) for text in (b"\n", b"Message-ID: <x@y>\n\n", b"\n"))
    assert b"Message-ID: <20261121051349.1.7" in first and b"<x@y>" in given_id
    assert b"Message-ID: <20261121051349.2.7" in second


def test_a_message_without_a_body_or_a_header_is_complete() -> None:
    assert rewritten(b"To: a@b\n").endswith(b"To: a@b\n")
    assert rewritten(b"no header\n").endswith(b"\n\nno header\n")


@given(st.data())
def test_where_a_message_is_cut_never_matters(data: st.DataObject) -> None:
    text = b"To: a,\n b\nSubject: x\n\nbody\n\nmore\n"
    assert rewritten(*data.draw(cuts(text))) == rewritten(text)


@pytest.mark.parametrize(
    "text",
    [
        b"To: " + b"x" * (HEADER_BYTES + 100_000) + b"\n\n",
        b"To: " + b"," * 300_000 + b"\n\n",
        b"X: y\n" * 210_000 + b"\n",
    ],
    ids=["long", "words", "fields"],
)
def test_a_header_has_its_limits(text: bytes) -> None:
    letter = ofmip().letter(JOE, NOW)
    pieces = [text[at : at + 65536] for at in range(0, len(text), 65536)]
    assert b"".join([letter.receive(piece) for piece in [*pieces, b"body\n"]]) + letter.end() == b""
    assert letter.fault is not None


def test_the_line_on_top_is_clean() -> None:
    assert received(b"j(o@e\n", b"10.0.0.9", NOW).startswith(b"Received: (ofmipd j?o?e?@10.0.0.9); 21 Nov")
    assert received(None, None, NOW).startswith(b"Received: (ofmipd unknown); ")

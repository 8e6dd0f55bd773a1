"""Headers in mess822's order."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.header import HeaderReader
from qmtwist.mail.tolerant import Member
from qmtwist.rules.completion import Unparsable
from qmtwist.rules.regroup import Regrouping, display_name, id_end, sendable
from qmtwist.rules.rewrite import Rules

NOW = 1795238029
RULES = Rules([b"=:h.example"])
AUTHOR = Member(b"", b"joe", b"h.example")
STAMPS = b"Date: 1 Jan 2000 00:00:00 -0000\nMessage-ID: <x@y>\n"


def read(text: bytes) -> HeaderReader:
    reader = HeaderReader(has_mbox_lines=False)
    reader.receive(text)
    reader.eof()
    return reader


def written(text: bytes) -> bytes:
    return Regrouping(read(text).fields, RULES).written(NOW, AUTHOR, b".1.qmail@id")


def test_fields_are_put_into_order() -> None:
    text = b"X-A: 1\nTo: a\nSubject: s\nReceived: r\nCc: c\nTO: b@B\nFrom: J <f>\nResent-To: q\n"
    assert written(text + STAMPS) == (
        b"Received: r\nResent-To: q\n" + STAMPS + b'From: "J" <f@h.example>\n'
        b"To: a@h.example, b@B\nCc: c@h.example\nX-A: 1\nSubject: s\n"
    )


def test_what_is_missing_is_made() -> None:
    assert written(b"") == (
        b"Date: 21 Nov 2026 05:13:49 -0000\nMessage-ID: <20261121051349.1.qmail@id>\n"
        b"From: joe@h.example\nCc: recipient list not shown: ;\n"
    )


def test_a_message_id_has_the_time_of_the_date_field() -> None:
    assert b"Message-ID: <19940103101112.1.qmail@id>\n" in written(b"Date: 3 Jan 94 10:11:12 PST\n")


def test_the_last_date_counts_and_if_it_is_none_now_does() -> None:
    assert b"Date: 2 Jan 2000" in written(b"Date: 1 Jan 2000 0:0 GMT\nDate: 2 Jan 2000 0:0 GMT\n")
    assert b"Date: 21 Nov 2026" in written(b"Date: 1 Jan 2000 0:0 GMT\nDate: junk\n")


def test_a_group_without_members_keeps_its_name() -> None:
    assert b'To: "nobody": ;\n' in written(b"To: nobody: ;\n")


def test_the_chance_makes_message_ids_differ() -> None:
    assert id_end(0, 7, 1, b"id") != id_end(0, 7, 2, b"id")
    assert id_end(3, 7, 1, b"a\nX: b") == b".3.700000000000000000001.qmail@a X: b"


def test_names_from_outside_are_one_line_of_ascii() -> None:
    assert display_name(None) == b""
    assert display_name(b"Joe\nBcc: x") == b"Joe Bcc: x"
    assert display_name("Zoë".encode()) == b"=?utf-8?q?Zo=C3=AB?="


@pytest.mark.parametrize("address", [b"a\0b@h", b"a\nb@h", b"a@h i", b"x" * 900])
def test_what_smtp_cannot_name_is_refused(address: bytes) -> None:
    with pytest.raises(Unparsable):
        sendable(address)


@given(
    st.lists(st.sampled_from([b"To: ", b"From:", b"Date: ", b"X:", b" ", b"\n", b"a@b", b'"', b"(", b"<", b">", b","]))
)
def test_a_header_written_once_is_written_the_same_again(pieces: list[bytes]) -> None:
    once = written(b"".join(pieces) + b"\nMessage-ID: <x@y>\nDate: 1 Jan 2000 00:00:00 -0000\n")
    reader = read(once)
    assert reader.rest == b"" and reader.is_complete
    assert written(written(once)) == written(once)


def test_hostile_headers_cost_time_in_proportion() -> None:
    for value in (b"(" * 10_000, b"a," * 200_000, b"x" * 10_000_000, b'"' * 200_001):
        begun = time.process_time()
        try:
            written(b"To: " + value + b"\n")
        except Unparsable as error:
            assert len(error.complaint) < 100
        assert time.process_time() - begun < 10


def test_a_field_has_a_limit_of_words() -> None:
    with pytest.raises(Unparsable, match="too many words in the field to"):
        Regrouping(read(b"To: a,b,c,d\n").fields, RULES, limit_tokens=3)

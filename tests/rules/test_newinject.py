"""What new-inject makes of a message."""

from __future__ import annotations

import pytest

from qmtwist.mail.header import HeaderReader
from qmtwist.rules.completion import Unparsable
from qmtwist.rules.inject import ARGUMENTS, BOTH, EITHER, HEADER, Person, Submission
from qmtwist.rules.newinject import Composed, compose, envelope_text
from qmtwist.rules.rewrite import Rules

RULES = Rules([b"=:h.example"])
JOE = Person(b"joe", None, None, b"joe", None)


def composed(
    text: bytes,
    *arguments: bytes,
    strategy: bytes = EITHER,
    sender: bytes | None = None,
    letters: bytes = b"",
    lists: frozenset[bytes] = frozenset(),
    person: Person = JOE,
) -> Composed:
    reader = HeaderReader(has_mbox_lines=False)
    reader.receive(text)
    reader.eof()
    submission = Submission(arguments, strategy, sender, letters, lists, 1795238029, 7, 1)
    return compose(reader.fields, RULES, person, submission, b"id")


def test_recipients_are_in_the_order_of_the_header() -> None:
    text = b"Apparently-To: p\nBcc: b\nCc: c\nTo: t, u\nResent-To: q\nTo: v\n"
    assert composed(text).recipients == tuple([x + b"@h.example" for x in (b"t", b"u", b"v", b"c", b"p", b"b")])
    header = composed(text).header
    assert b"Bcc" not in header and b"Apparently-To" not in header and b"Resent-To: q\n" in header


@pytest.mark.parametrize(("strategy", "expected"), [(ARGUMENTS, b"a"), (HEADER, b"t"), (BOTH, b"at"), (EITHER, b"a")])
def test_options_say_who_gets_it(strategy: bytes, expected: bytes) -> None:
    found = composed(b"To: t\n", b"a", strategy=strategy).recipients
    assert b"".join([recipient[:1] for recipient in found]) == expected


def test_envelope_fields_go_before_all_others() -> None:
    found = composed(b"Envelope-Recipients: r1, r2\nEnvelope-Sender: s\nReturn-Path: rp\nTo: t\n")
    assert found.recipients == (b"r1@h.example", b"r2@h.example") and found.sender == b"s@h.example"
    assert b"Envelope" not in found.header and b"Return-Path" not in found.header
    assert composed(b"Envelope-Recipients:\nTo: t\n").recipients == ()


def test_the_sender_is_the_first_that_says_who() -> None:
    assert composed(b"Return-Path: rp\n", sender=b"f").sender == b"f@h.example"
    assert composed(b"Return-Path: rp\n").sender == b"rp@h.example"
    assert composed(b"Return-Path: <>\n").sender == b""
    assert composed(b"", sender=b"").sender == b""
    assert composed(b"Return-Path: rp\n", letters=b"S").sender == b"joe@h.example"


def test_letters_make_a_sender_for_each_message_and_recipient() -> None:
    assert composed(b"", letters=b"m").sender == b"joe-1795238029.7@h.example"
    assert composed(b"", letters=b"R").sender == b"joe-@h.example-@[]"
    assert composed(b"", letters=b"rM").sender == b"joe-1795238029.7-@h.example-@[]"


def test_letters_drop_fields() -> None:
    assert b"From: joe@h.example\n" in composed(b"From: x@y\n", letters=b"F").header
    assert b"<x@y>" not in composed(b"Message-ID: <x@y>\n", letters=b"i").header


def test_answers_to_a_list_go_to_everybody() -> None:
    lists = frozenset([b"list@l.org"])
    header = composed(b"To: List@l.org, b\nCc: c\n", lists=lists).header
    assert b"Mail-Followup-To: List@l.org, b@h.example, c@h.example\n" in header
    assert b"Mail-Followup-To: x@h.example\n" in composed(b"To: List@l.org\nMail-Followup-To: x\n", lists=lists).header


def test_a_name_that_is_not_ascii_is_encoded() -> None:
    header = composed(b"", person=JOE._replace(name="Zoë K".encode())).header
    assert b"From: =?utf-8?q?Zo=C3=AB_K?= <joe@h.example>\n" in header


@pytest.mark.parametrize("text", [b"To: <>\n", b'To: "a\0d"@h\n', b"To: " + b"x" * 900 + b"\n", b"To: a@\x01\n"])
def test_a_recipient_that_cannot_be_named_is_an_error(text: bytes) -> None:
    with pytest.raises(Unparsable):
        composed(text)


def test_the_envelope_is_printed_with_quotes() -> None:
    assert envelope_text(Composed(b"", (b"a b@h",), b"")) == b'Envelope-Sender: <>\nEnvelope-Recipients:\n  "a b"@h,\n'

"""Bounces to the byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.bounce import BounceStyle, BounceTo, addressee, bounce_head, paragraph

STYLE = BounceStyle(b"MAILER-DAEMON", b"mail.example.org", b"postmaster", b"pm.example.org")
NOW = 1795238029


def head(sender: bytes, notes: bytes = b"<a@b>:\nno\n\n", style: BounceStyle = STYLE) -> bytes:
    to = addressee(sender, style)
    assert to is not None
    return bounce_head(sender, to, notes, style, NOW)


def test_a_bounce_reads_as_qmail_writes_it() -> None:
    assert head(b"ann@x.example") == (
        b"Date: 21 Nov 2026 05:13:49 -0000\n"
        b"From: MAILER-DAEMON@mail.example.org\n"
        b"To: ann@x.example\n"
        b"Subject: failure notice\n"
        b"\n"
        b"Hi. This is the qmail-send program at mail.example.org.\n"
        b"I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        b"This is a permanent error; I've given up. Sorry it didn't work out.\n"
        b"\n"
        b"<a@b>:\n"
        b"no\n"
        b"\n"
        b"--- Below this line is a copy of the message.\n"
        b"\n"
        b"Return-Path: <ann@x.example>\n"
    )


def test_a_double_bounce_reads_as_qmail_writes_it() -> None:
    assert head(b"") == (
        b"Date: 21 Nov 2026 05:13:49 -0000\n"
        b"From: MAILER-DAEMON@mail.example.org\n"
        b"To: postmaster@pm.example.org\n"
        b"Subject: failure notice\n"
        b"\n"
        b"Hi. This is the qmail-send program at mail.example.org.\n"
        b"I tried to deliver a bounce message to this address, but the bounce bounced!\n"
        b"\n"
        b"<a@b>:\n"
        b"no\n"
        b"\n"
        b"--- Below this line is the original bounce.\n"
        b"\n"
        b"Return-Path: <>\n"
    )


@pytest.mark.parametrize(
    ("sender", "to"),
    [
        (b"ann@x", BounceTo(b"", b"ann@x")),
        (b"ann", BounceTo(b"", b"ann")),
        (b"", BounceTo(b"#@[]", b"postmaster@pm.example.org")),
        (b"#@[]", None),
        (b"l-owner-@x-@[]", BounceTo(b"", b"l-owner-@x")),
    ],
)
def test_who_hears_of_a_failure(sender: bytes, to: BounceTo | None) -> None:
    assert addressee(sender, STYLE) == to


def test_a_blank_doublebounceto_makes_an_empty_local_part() -> None:
    assert addressee(b"", STYLE._replace(doublebounceto=b"")) == BounceTo(b"#@[]", b"@pm.example.org")


def test_addresses_are_quoted_where_they_must_be() -> None:
    text = head(b'ann-a b"c@x.example', style=STYLE._replace(bouncefrom=b"The Daemon"))
    assert b'From: "The Daemon"@mail.example.org\n' in text
    assert b'To: "ann-a b\\"c"@x.example\n' in text
    assert b'Return-Path: <"ann-a b\\"c"@x.example>\n' in text


def test_a_marked_sender_is_shown_without_its_mark() -> None:
    text = head(b"l-owner-@x.example-@[]")
    assert b"To: l-owner-@x.example\n" in text
    assert b"Return-Path: <l-owner-@x.example>\n" in text


@pytest.mark.parametrize(
    ("address", "report", "text"),
    [
        (b"a@h", b"a\n\nb\n\n\nc", b"<a@h>:\na\n/b\n//c\n\n"),
        (b"a@h", b"", b"<a@h>:\n\n"),
        (b"a@h", b"no\n", b"<a@h>:\nno\n\n"),
        (b"a@h", b"no", b"<a@h>:\nno\n\n"),
        (b"a@h", b"no\n\n", b"<a@h>:\nno\n\n\n"),
        (b"a@h", b"\nno\n", b"<a@h>:\n/no\n\n"),
        (b"a@h", b"no\n\n\n", b"<a@h>:\nno\n/\n\n"),
        (b"a\nb@h", b"no\n", b"<a_b@h>:\nno\n\n"),
    ],
)
def test_a_paragraph_reads_as_qmail_writes_it(address: bytes, report: bytes, text: bytes) -> None:
    assert paragraph(address, report) == text


@given(st.binary(max_size=20), st.text(alphabet="ab\n-<", max_size=30))
def test_no_paragraph_contains_a_blank_line_of_its_own(address: bytes, report: str) -> None:
    """Programs that read bounces take a blank line for the end of the paragraph."""
    text = paragraph(address, report.encode())
    assert text.startswith(b"<")
    assert text.endswith(b"\n")
    assert b"\n\n" not in text[:-1].rstrip(b"\n")

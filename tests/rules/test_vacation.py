"""Who gets an automatic answer, and what it looks like."""

from __future__ import annotations

import email
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.header import Field, HeaderReader
from qmtwist.rules.autoreply import Letter, answer, message_ids, subject_of
from qmtwist.rules.vacation import Owner, envelope_sender, is_owner, period, refusal

OWNER = Owner((b"joe", b"jm@other.example", b"joe@host.example"))
TO = "To: Joe <joe@host.example>\n"


def fields(header: str) -> list[Field]:
    reader = HeaderReader()
    reader.receive(header.encode("latin-1") + b"\n")
    reader.eof()
    return reader.fields


@pytest.mark.parametrize(
    "header",
    [
        TO,
        "Cc: JOE@anywhere.example\n",
        "To: list@x.example\nCc: jm@other.example\n",
        "Resent-To: joe\n",
        "Bcc: joe@host.example\n",
        TO + "Auto-Submitted: no\n",
        TO + "Auto-Submitted: (a person) No; x=y\n",
        TO + "Precedence: first-class\n",
        TO + "X-Spam-Flag: NO\n",
        TO + "X-Auto-Response-Suppress: DR, RN\n",
        TO + "Content-Type: multipart/mixed; boundary=x\n",
    ],
)
def test_a_personal_message_is_answered(header: str) -> None:
    assert refusal(fields(header), b"ann@far.example", OWNER) == ""


@pytest.mark.parametrize(
    "header",
    [
        TO + "Auto-Submitted: auto-replied\n",
        TO + "Auto-Submitted: auto-generated; type=x\n",
        TO + "Auto-Submitted: no\nAuto-Submitted: auto-notified\n",
        TO + "Auto-Submitted:\n",
        TO + "Precedence: BULK\n",
        TO + "Precedence: list\n",
        TO + "Precedence: junk (really)\n",
        TO + "List-Id: <x.y>\n",
        TO + "List-Unsubscribe: <mailto:x@y>\n",
        TO + "Mailing-List: contact x-help@y; run by ezmlm\n",
        TO + "X-Auto-Response-Suppress: DR, OOF\n",
        TO + "X-Spam-Flag: YES\n",
        TO + "Content-Type: multipart/report; report-type=delivery-status\n",
        "To: undisclosed-recipients:;\n",
        "To: jm@host.example\n",
        "To: joel@host.example, mary-joe@host.example\n",
        "To: ann@far.example (joe@host.example)\n",
        "Subject: joe\n",
        "",
    ],
)
def test_a_message_from_a_program_or_to_others_is_not_answered(header: str) -> None:
    assert refusal(fields(header), b"ann@far.example", OWNER) != ""


@pytest.mark.parametrize(
    "sender",
    [
        None,
        b"",
        b"#@[]",
        b"MAILER-DAEMON@far.example",
        b"postmaster@far.example",
        b"owner-list@far.example",
        b"list-owner@far.example",
        b"list-request@far.example",
        b"list-bounces@far.example",
        b"bounces+1234@far.example",
        b"list-return-12-joe=host.example@far.example",
        b"no-reply@far.example",
        b"joe@host.example",
        b"JM@other.example",
        b"a\nb@far.example",
    ],
)
def test_a_sender_that_is_nobody_or_the_owner_gets_no_answer(sender: bytes | None) -> None:
    assert refusal(fields(TO), sender, OWNER) != ""


@pytest.mark.parametrize("sender", [b"joe@far.example", b"prvs=1234=ann@far.example", b"root-beer@far.example"])
def test_a_person_whose_address_looks_odd_gets_an_answer(sender: bytes) -> None:
    assert refusal(fields(TO), sender, OWNER) == ""


def test_an_owner_may_be_answered_for_though_unnamed() -> None:
    assert refusal(fields("To: all@host.example\n"), b"a@b", OWNER._replace(may_be_unlisted=True)) == ""
    assert refusal(fields("List-Id: <x>\n"), b"a@b", OWNER._replace(may_be_unlisted=True)) != ""


def test_a_name_with_a_host_is_that_address_alone() -> None:
    assert is_owner(b"joe@any.example", [b"Joe"]) and not is_owner(b"joe@any.example", [b"joe@host.example"])


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        ("Return-Path: <a@b>\n", b"a@b"),
        ("Return-Path: <>\n", b""),
        ('From x@y Thu Jan  1 00:00:00 1970\nReturn-Path: <"a b"@c>\n', b"a b@c"),
        ("From x@y Thu Jan  1 00:00:00 1970\nSubject: x\n", b"x@y"),
        ("From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n", b""),
        ("From: a@b\n", None),
    ],
)
def test_the_sender_is_what_the_delivery_has_written(header: str, sender: bytes | None) -> None:
    assert envelope_sender(fields(header)) == sender


@pytest.mark.parametrize("text", [b"", b"d", b"-1", b"1.5", b"x", b"7x", b"\xb2", b"9" * 10])
def test_what_is_no_period_is_none(text: bytes) -> None:
    assert period(text) is None


# -- the answer


def answered(header: str, template: bytes = b"") -> bytes:
    return answer(Letter(fields(header), b"a b@far.example", b"joe@host.example", template, 1795238029, b"<1@x>"))


def test_an_answer_says_what_it_is_and_to_what() -> None:
    text = answered("Message-ID: <2@far>\nReferences: <0@far>\n <1@far>\nSubject: Lunch\n =?utf-8?q?=C3=A9?=\n")
    assert text == (
        b"Date: 21 Nov 2026 05:13:49 -0000\nMessage-ID: <1@x>\nFrom: <joe@host.example>\n"
        b'To: <"a b"@far.example>\nSubject: Auto: Lunch =?utf-8?q?=C3=A9?=\n'
        b"In-Reply-To: <2@far>\nReferences: <0@far>\n <1@far>\n <2@far>\nAuto-Submitted: auto-replied\n"
        b'\nI cannot read your message "Lunch =?utf-8?q?=C3=A9?=" at present.\n'
        b"This is an automatic answer; you will get only one.\n"
    )


def test_references_follow_the_rules() -> None:
    assert b"References" not in answered("References: <0@far>\n")
    assert b"References: <0@a>\n <1@a>\n" in answered("Message-ID: <1@a>\nIn-Reply-To: <0@a>\n")
    assert b"References: <1@a>\n" in answered("Message-ID: <1@a>\nIn-Reply-To: <0@a> <00@a>\n")
    long = answered("Message-ID: <last@a>\nReferences: " + " ".join(f"<{n}@a>" for n in range(1000)) + "\n")
    references = email.message_from_bytes(long)["References"].split()
    assert len(references) == 21 and references[0] == "<0@a>" and references[-1] == "<last@a>"


def test_the_owners_text_may_have_a_header_and_the_subject() -> None:
    template = (
        b"Subject: away ($SUBJECT)\nFrom: Joe M <jm@other.example>\nTo: x@y\nBcc: z@z\n\nAbout $SUBJECT:\nlater.\n"
    )
    message = email.message_from_bytes(answered("Subject: s\n", template))
    assert message["Subject"] == "away (s)" and message["From"] == "Joe M <jm@other.example>"
    assert message.get_all("To") == ['<"a b"@far.example>'] and message["Bcc"] is None
    assert message.get_payload() == "About s:\nlater.\n"


@pytest.mark.parametrize(
    "template", [b"just text", b"just text\n", b"\njust text\n", b"Subject: x\r\n\r\njust text\r\n"]
)
def test_a_text_without_header_is_the_body(template: bytes) -> None:
    assert answered("", template).endswith(b"\n\njust text\n")


def test_a_text_that_is_not_ascii_is_declared() -> None:
    message = email.message_from_bytes(answered("Subject: x\n", "Zoë is away.\n".encode()), policy=email.policy.default)
    assert message["Subject"] == "Auto: x"
    body = message.get_body()
    assert body is not None and body.get_content() == "Zoë is away.\n"
    declared = b"Content-Type: text/html; charset=utf-8\n\nZo\xc3\xab"
    assert answered("", declared).count(b"Content-Type") == 1
    assert b"charset=unknown-8bit" in answered("", b"Zo\xeb")


@given(st.binary(max_size=600), st.binary(max_size=100))
def test_nobody_writes_fields_into_the_answer(subject: bytes, message_id: bytes) -> None:
    """Whatever stands in the message, the header of the answer has the fields that it has to have, and no others."""
    raw = [
        Field(b"subject", b"Subject: " + subject + b"\n"),
        Field(b"message-id", b"Message-ID: " + message_id + b"\n"),
    ]
    text = answer(Letter(raw, b"a@far.example", b"joe@host.example", b"Subject: $SUBJECT\n\nx\n", 0, b"<1@x>"))
    reader = HeaderReader()
    reader.receive(text)
    names = [field.name for field in reader.fields]
    assert reader.rest == b"\nx\n" and b"\r" not in text and b"\0" not in text
    optional = {b"in-reply-to", b"references"}
    assert sorted(set(names) - optional) == [b"auto-submitted", b"date", b"from", b"message-id", b"subject", b"to"]
    assert len(names) == len(set(names))


@given(st.binary(max_size=2000))
def test_a_subject_is_one_short_line(value: bytes) -> None:
    subject = subject_of([Field(b"subject", b"Subject:" + value)])
    assert len(subject) <= 300 and not any(byte < 32 or byte == 127 for byte in subject)


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="<>"), min_size=1)))
def test_identifiers_are_found_among_anything(texts: list[str]) -> None:
    ids = [f"<{text[:250]}>".encode() for text in texts]
    assert message_ids(b" x ".join(ids)) == ids

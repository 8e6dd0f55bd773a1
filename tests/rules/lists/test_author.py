"""Postings whose author's domain tells receivers to refuse them."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.dns import TROUBLE, Answer, Status
from qmtwist.rules.lists import author, heading, posting

ABSENT = Answer(Status.ABSENT)
CLOTHES = posting.Dress(b"friends", b"h.dom", b"contact friends-help@h.dom", b"List-Id: <x>\n", frozenset())


def txt(*records: bytes) -> Answer:
    return Answer(Status.FOUND, records, 60)


def fields(text: bytes) -> list[heading.Field]:
    return heading.cut(text).fields


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"From: Joe <joe@X.y>\n", [b"x.y"]),
        (b"From: joe@x.y., ann@x.y,\n bob@z\n", [b"x.y", b"z"]),
        (b"From: a@x\nFrom: b@y\n", [b"x", b"y"]),
        (b"From: joe@[127.0.0.1]\n", []),
        (b"From: joe\nTo: a@b\n", []),
        (b"From: joe> <@x.y\n", []),
    ],
)
def test_the_domains_of_authors(header: bytes, expected: list[bytes]) -> None:
    assert author.domains(fields(header)) == expected


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((ABSENT, ABSENT), False),
        ((txt(b"v=DMARC1; p=reject"), ABSENT), True),
        ((txt(b"v=DMARC1;p=quarantine;pct=0"), ABSENT), True),
        ((txt(b"v=DMARC1; p=none; sp=reject"), ABSENT), False),
        ((ABSENT, txt(b"v=DMARC1; p=none; sp=reject")), True),
        ((ABSENT, txt(b"v=DMARC1; p=reject; sp=none")), False),
        ((ABSENT, txt(b"v=DMARC1; p=reject")), True),
        ((txt(b"v=DMARC1; p=none"), txt(b"v=DMARC1; p=reject")), False),
        ((txt(b"something else"), ABSENT), False),
        ((txt(b"something else", b"v=DMARC1; p=reject"), ABSENT), True),
        ((txt(b"v=DMARC1; p=reject", b"v=DMARC1; p=reject"), ABSENT), False),
        ((TROUBLE, ABSENT), True),
        ((txt(b"v=DMARC1; p=none"), TROUBLE), False),
    ],
)
def test_what_a_domain_says(answers: tuple[Answer, ...], expected: bool) -> None:
    assert author.is_protected(answers) is expected


def test_a_long_name_costs_eight_questions() -> None:
    asked = author.questions(b".".join([b"a"] * 60) + b".example.org")
    assert len(asked) == 8 and asked[-1].name == b"_dmarc.org" and asked[0].name.count(b".") == 62


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b"Joe <joe@x.y>", "Joe via friends"),
        (b'"Joe \\"J\\" X." <joe@x.y>', 'Joe "J" X. via friends'),
        (b"joe@x.y", "joe via friends"),
        (b"<joe@x.y>", "joe via friends"),
        (b"=?utf-8?q?Zo=C3=AB?= <joe@x.y>", "Zoë via friends"),
        ("Zoë <joe@x.y>".encode(), "Zoë via friends"),
        (b"Joe <a@b>, Ann <c@d>", "Joe via friends"),
    ],
)
def test_the_name_of_the_author_is_shown(written: bytes, name: str) -> None:
    sent = posting.dress(fields(b"To: x\nFrom: " + written + b"\nSubject: s\n"), b"joe@x.y", CLOTHES, True)
    seen = message_from_bytes(sent.sent + b"\n", policy=policy.default)
    (address,) = seen["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "friends@h.dom")
    assert b"\nReply-To: " + written + b"\n" in sent.sent and b"\nFrom: " + written + b"\n" in sent.kept
    assert b"\nX-Original-From: " + written + b"\n" in sent.sent


def test_a_wish_for_answers_stays() -> None:
    text = fields(b"From: joe@x.y\nReply-To: ann@x.y\n")
    sent = posting.dress(text, b"", CLOTHES, True).sent
    assert sent.count(b"Reply-To: ") == 1 and b"Reply-To: ann@x.y\n" in sent
    listed = CLOTHES._replace(add=b"Reply-To: <friends@h.dom>\n")
    assert b"Reply-To: joe" not in posting.dress(fields(b"From: joe@x.y\n"), b"", listed, True).sent


@given(st.binary(max_size=100), st.binary(max_size=30))
def test_no_author_writes_a_field_of_theirs(written: bytes, more: bytes) -> None:
    text = fields(b"From:" + written.replace(b"\n", b"\n ") + b"\nX-A: b\nFrom: " + more.replace(b"\n", b"") + b"\n")
    sent = posting.dress(text, b"", CLOTHES, True).sent
    names = [field.name for field in heading.cut(sent + b"\n").fields]
    wanted = [b"mailing-list", b"list-id", b"delivered-to", b"from", b"reply-to", b"x-original-from", b"x-a"]
    assert names == wanted

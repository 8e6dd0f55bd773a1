"""What a list makes of addresses, subjects, bounces and headers, whoever wrote them."""

from __future__ import annotations

import time
from email import message_from_bytes
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Permanent
from qmtwist.rules.lists import answer, bounce, command, cookie, heading, macros, newlist, posting, subject
from qmtwist.rules.lists.texts import TEXTS

CLOTHES = posting.Dress(
    b"list", b"h.dom", b"contact list-help@h.dom; run by ezmlm", b"X: y\n", frozenset([b"return-path"])
)
OF = answer.List(b"list", b"h.dom", CLOTHES.mailinglist)


def fields(text: bytes) -> list[heading.Field]:
    return heading.cut(text).fields


@given(st.binary(max_size=300))
def test_nothing_of_a_message_is_lost_when_it_is_cut(text: bytes) -> None:
    found = heading.cut(text)
    whole = b"".join([field.raw for field in found.fields]) + found.rest
    assert whole in (text, text + b"\n")
    assert found.rest[:1] in (b"", b"\n", b"\r")


@given(st.binary(max_size=300), st.binary(max_size=20).filter(lambda prefix: b"\n" not in prefix))
def test_a_posting_has_one_header(text: bytes, prefix: bytes) -> None:
    """No header of a stranger ends ours early."""
    made = posting.dress(fields(text), b"joe@x.y\nInjected: yes", CLOTHES._replace(prefix=prefix))
    assert b"\n\n" not in made.sent and b"\n\n" not in made.kept and made.sent.endswith(b"\n")
    assert made.sent.startswith(b"Mailing-List: contact ") and b"\nInjected" not in made.kept


@pytest.mark.parametrize(
    ("kind", "has_trailer"), [(b"", False), (b'text/plain; charset="UTF-8"', True), (b"text/plain; charset=x", False)]
)
def test_a_trailer_in_other_letters_is_put_behind_the_same_letters_only(kind: bytes, has_trailer: bool) -> None:
    head = b"Content-Type: " + kind + b"\n" if kind else b""
    made = posting.dress(fields(head), b"", CLOTHES._replace(trailer="Grüße\n".encode()))
    assert bool(made.trailer) == has_trailer


@given(st.binary(max_size=60), st.binary(max_size=5))
def test_what_stands_for_something_is_replaced_once(text: bytes, value: bytes) -> None:
    made = macros.filled(text + b"<#A#>", {b"A": value})
    assert made.endswith(value)
    assert b"<#" in text or made == text + value
    assert macros.sections(text + b"\n<=x=>\nhidden-from-view\n", b"").count(b"hidden-from-view") == 0


def test_fields_are_taken_away_with_all_of_their_lines() -> None:
    made = posting.dress(fields(b"A: 1\nReturn-PATH: x\n folded\nB: 2\n\n"), b"joe@x.y", CLOTHES)
    assert made.sent.endswith(b"\nDelivered-To: mailing list list@h.dom\nA: 1\nB: 2\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"Subject: hi\n", b"Subject: [l] hi\n"),
        (b"Subject: Re: [L] hi\n", b"Subject: Re: [L] hi\n"),
        (b"Subject:\n folded\n", b"Subject: [l]\n folded\n"),
        (b"To: x\n", b"To: x\nSubject: [l]\n"),
    ],
)
def test_a_prefix(text: bytes, expected: bytes) -> None:
    assert posting.dress(fields(text), b"", CLOTHES._replace(prefix=b"[l]")).sent.endswith(b"@h.dom\n" + expected)


@pytest.mark.parametrize(
    ("head", "has_trailer"),
    [
        (b"", True),
        (b"Content-Type: text/plain; charset=utf-8\n", True),
        (b"Content-Type: multipart/mixed; boundary=x\n", False),
        (b"Content-Type: text/html\n", False),
        (b"Content-Transfer-Encoding: base64\n", False),
        (b"Content-Transfer-Encoding: quoted-printable\n", False),
    ],
)
def test_a_trailer_is_put_behind_plain_text_only(head: bytes, has_trailer: bool) -> None:
    made = posting.dress(fields(head), b"", CLOTHES._replace(trailer=b"-- \nx\n"))
    assert bool(made.trailer) == has_trailer


@given(st.binary(max_size=120), st.binary(max_size=40))
def test_any_address_is_some_command(action: bytes, sender: bytes) -> None:
    found = command.parse(action, sender)
    assert found.verb in [*b"subscribe unsubscribe query list listn log edit info faq help".split(), b""]
    assert found.part in (b"", *command.PARTS)
    assert bounce.parse(action).kind in (b"bounce", b"warn", b"probe", b"")


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (b"tc.1.x-al=q.r", command.Command(b"subscribe", b"al@q.r", command.Ticket(b"1", b"x", b"t"))),
        (b"WC.1.x-al=q.r", command.Command(b"unsubscribe", b"al@q.r", command.Ticket(b"1", b"x", b"w"))),
        (b"allow-subscribe-al=q.r", command.Command(b"subscribe", b"al@q.r", part=b"allow")),
        (b"Deny-uc.1.x-a=q", command.Command(b"unsubscribe", b"a@q", command.Ticket(b"1", b"x", b"u"), part=b"deny")),
        (b"digest-log.ann_", command.Command(b"log", b"joe@x.y", part=b"digest", word=b"ann_")),
        (b"log.ann.b-c", command.Command(b"log", b"joe@x.y", word=b"ann.b-c")),
        (b"list-mod=x.y", command.Command(b"list", b"mod@x.y")),
        (b"edit", command.Command(b"edit", b"joe@x.y")),
        (
            b"ed.12.sub_ok.cook",
            command.Command(b"edit", b"joe@x.y", command.Ticket(b"12", b"cook", b"e"), word=b"sub_ok"),
        ),
        (b"info-al=q.r", command.Command(b"info", b"joe@x.y")),
        (b"deny-get.1", command.Command(b"", b"joe@x.y")),
        (b"deny-deny-list", command.Command(b"", b"joe@x.y")),
        (b"deny", command.Command(b"", b"joe@x.y")),
        (b"tc.1-al=q.r", command.Command(b"", b"joe@x.y")),
        (b"edit.a.b", command.Command(b"", b"joe@x.y")),
        (b"ed.1.x", command.Command(b"", b"joe@x.y")),
    ],
)
def test_what_an_address_asks_for(action: bytes, expected: command.Command) -> None:
    assert command.parse(action, b"joe@x.y") == expected


@pytest.mark.parametrize("key", [b"secretkey\n", b"blake2b " + b"01" * 32 + b"\n"])
def test_a_confirmation_for_one_of_the_lists_beside_is_for_no_other(key: bytes) -> None:
    keys = [cookie.part_key(key, part) for part in (b"", *command.PARTS)]
    assert len({cookie.cookie(one, b"1", b"joe@x.y", b"s") for one in keys}) == 4


@pytest.mark.parametrize(
    ("age", "is_good"), [(0, True), (command.CONFIRM_S - 1, True), (command.CONFIRM_S, False), (-1, False)]
)
def test_a_confirmation_is_valid_for_a_while(age: int, is_good: bool) -> None:
    ticket = command.Ticket(b"1000000000", b"mlajgkcdkbbcfjbddemm")
    key, now = b"secretkey", 1_000_000_000 + age
    assert command.is_valid(ticket, key, b"joe@x.y", b"s", now, command.CONFIRM_S) == is_good
    assert not command.is_valid(ticket, key, b"joe@x.z", b"s", now, command.CONFIRM_S)
    assert not command.is_valid(ticket._replace(date=b"99" * 40), key, b"joe@x.y", b"s", now, command.CONFIRM_S)


def test_a_hostile_bounce_takes_no_time() -> None:
    began = time.process_time()
    start = b"Subject: x\n\nHi. This is the y\n\n"
    assert len(list(bounce.failures(start + b"<a@b>:\n\n" * 120_000))) == bounce.LIMIT_ADDRESSES
    assert list(bounce.failures(start + b"<" * 1_000_000)) == []
    assert list(bounce.failures(b"\n" * 1_000_000)) == []
    heading.cut(b"a: b\n c\n" * 100_000)
    heading.cut(b"a: b\n" + b" c\n" * 300_000)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (b"Subject: Warning: could not send message for past 4 hours\n", b"", True),
        (b"Subject: success notice\n", b"", True),
        (b"Subject: success noticed\n", b"", False),
        (b"Content-Type: multipart/report; report-type=delivery-status\n", b"\nAction: delayed\n", True),
        (b"Content-Type: multipart/report\n", b"\nAction: delayed\nAction: failed\n", False),
        (b"Content-Type: multipart/report\n", b"\n", False),
        (b"Content-Type: text/plain\n", b"\nAction: delayed\n", False),
        (b"Subject: Warning: message 1tAbCd-0000 delayed 24 hours\n", b"", True),
        (b"Subject: Away\nAuto-Submitted: auto-replied (vacation)\nIn-Reply-To: <1@x>\n", b"\nI am away\n", True),
        (b"Subject: Away\nAuto-Submitted: auto-replied\n", b"\nI am away\n", False),  # it may be a bounce
        (b"Auto-Submitted: auto-replied\nIn-Reply-To: <1@x>\nX-Failed-Recipients: a@b\n", b"\n", False),
        (
            b"Auto-Submitted: auto-replied\nIn-Reply-To: <1@x>\nContent-Type: multipart/report\n",
            b"\nAction: failed\n",
            False,
        ),
    ],
)
def test_what_is_no_bounce(head: bytes, body: bytes, expected: bool) -> None:
    assert bounce.is_notice(fields(head + b"\n"), body) == expected


@pytest.mark.parametrize(
    ("parent", "sender", "is_theirs"),
    [
        (b"top@x.y", b"top-return-7-l=h@x.y", True),
        (b"top@x.y", b"top-return-7-@X.Y-@[]", True),
        (b"top@x.y", b"top-return-7-l=h@x.z", False),
        (b"top@x.y", b"other@x.y", False),
        (b"nonsense", b"nonsense", False),
    ],
)
def test_a_sublist_listens_to_its_parent(parent: bytes, sender: bytes, is_theirs: bool) -> None:
    try:
        heading.refuse_stranger(sender, parent)
    except Permanent:
        assert not is_theirs
    else:
        assert is_theirs


def test_a_sublist_takes_only_messages_of_lists() -> None:
    heading.refuse_loop(fields(b"Mailing-List: x\n\n"), CLOTHES.mark, True)
    with pytest.raises(Permanent):
        heading.refuse_loop(fields(b"To: x\n\n"), CLOTHES.mark, True)


def test_subjects_in_any_case() -> None:
    for text in (b"Subject: HELP \n", b"subject:unsubscribe\n"):
        with pytest.raises(Permanent):
            subject.check(fields(text), False, False)
        subject.check(fields(text), False, True)
    subject.check([], True, False)


@given(st.binary(max_size=100).filter(lambda text: b"\n" not in text))
def test_an_answer_has_one_header(target: bytes) -> None:
    letter = answer.Letter(target, b"ezmlm response", 1_800_000_000, 42)
    made = answer.head(OF, letter, fields(b"Received: x\n y\nCc: z\n\n"), b"\xc3\xa4")
    assert made.count(b"\n\n") == 1 and made.endswith(b"\n\n") and b"charset=utf-8\n" in made
    assert b"\nReceived: x\n y\nMIME" in made and b"Cc: z" not in made


def test_a_subject_in_any_language_is_readable() -> None:
    letter = answer.Letter(b"joe@x.y", "Willkommen auf der Liste für Grüße".encode(), 1_800_000_000, 42)
    made = answer.head(OF, letter, [], b"")
    assert made.isascii() and b"\nSubject: =?utf-8?q?Willkommen" in made
    assert str(make_header(decode_header(message_from_bytes(made)["Subject"]))) == letter.subject.decode()


def test_a_new_list_names_itself_and_nothing_else() -> None:
    plan = newlist.Plan(b"/home/joe/l", b"joe-l", b"h.dom", b"/var/qmail/bin", b"s" * 32)
    made = newlist.files(plan)
    assert set(TEXTS) == {name.partition("/")[2] for name in made if name.startswith("text/")}
    assert not any(b"<#" in text for name, text in made.items() if not name.startswith("text/"))
    assert b"<#" not in OF.fill(b"".join([text for name, text in made.items() if name.startswith("text/")]))
    assert made["headeradd"].count(b"<mailto:joe-l") == 5 and b"\nList-Id: <joe-l.h.dom>\n" in made["headeradd"]
    assert len(made["key"]) > 64 and {"archived", "public"} <= set(made)
    assert not {"archived", "public"} & set(newlist.files(plan._replace(is_archived=False, is_public=False)))
    for wrong in (plan._replace(directory=b"l"), plan._replace(directory=b"/a'b"), plan._replace(local=b"a\nb")):
        with pytest.raises(Permanent):
            newlist.check(wrong)

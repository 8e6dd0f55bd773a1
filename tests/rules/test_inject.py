"""What injection makes of a message."""

from __future__ import annotations

import contextlib
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.address import is_sendable
from qmtwist.mail.header import Field, HeaderReader
from qmtwist.rules.completion import Hosts, Unparsable
from qmtwist.rules.inject import (
    ARGUMENTS,
    BOTH,
    EITHER,
    HEADER,
    Completed,
    Person,
    Submission,
    complete,
)

HOSTS = Hosts(b"def.example", b"example.org", b"plus.example", b"id.example")
JOE = Person(b"joe", None, None, b"joe", None)
PLAIN = Submission((), EITHER, None, b"", frozenset(), 1795238029, 77, 5)
STAMPS = b"Date: 21 Nov 2026 05:13:49 -0000\nMessage-ID: <20261121051349.7700000000000000000005.qmail@id.example>\n"


def fields(header: bytes) -> list[Field]:
    reader = HeaderReader()
    reader.receive(header)
    reader.eof()
    assert reader.rest == b""
    return reader.fields


def done(header: bytes, submission: Submission = PLAIN, person: Person = JOE) -> Completed:
    return complete(fields(header), HOSTS, person, submission)


def test_a_bare_message_gets_date_message_id_and_from() -> None:
    assert done(b"To: ann\nSubject: hi\n") == (
        b"joe@def.example",
        (b"ann@def.example",),
        STAMPS + b"From: joe@def.example\nTo: ann@def.example\nSubject: hi\n",
    )


def test_what_is_there_is_not_made_again() -> None:
    header = b"Date: x\nFrom: a@b.c\nMessage-id: y\nCc: d@e.f\n"
    assert done(header).header == header


def test_bcc_return_path_and_content_length_are_removed() -> None:
    result = done(b"Bcc: ann\nReturn-Path: <bob@h.x>\nContent-Length: 3\n")
    assert (result.sender, result.recipients) == (b"bob@h.x", (b"ann@def.example",))
    assert result.header == STAMPS + b"From: joe@def.example\nCc: recipient list not shown: ;\n"


@pytest.mark.parametrize(
    ("strategy", "arguments", "recipients"),
    [
        (EITHER, (b"x@y.z",), (b"x@y.z",)),
        (EITHER, (), (b"b@h.x", b"a@h.x")),
        (HEADER, (b"x@y.z",), (b"b@h.x", b"a@h.x")),
        (BOTH, (b"x@y.z",), (b"x@y.z", b"b@h.x", b"a@h.x")),
        (ARGUMENTS, (), ()),
    ],
)
def test_who_gets_it(strategy: bytes, arguments: tuple[bytes, ...], recipients: tuple[bytes, ...]) -> None:
    assert done(b"To: a@h.x, b@h.x\n", PLAIN._replace(strategy=strategy, arguments=arguments)).recipients == recipients


def test_a_resent_message_goes_to_the_resent_fields_only() -> None:
    result = done(b"To: old@h.x\nResent-To: new@h.x\n")
    assert result.recipients == (b"new@h.x",)
    assert result.header.startswith(b"Resent-Date: ") and b"\nResent-From: joe@def.example\nTo: old" in result.header


def test_a_fault_in_a_recipient_field_leaves_it_alone_and_one_in_a_sender_field_is_fatal() -> None:
    assert done(b'To: "open\nCc: a@b.c\n').header.endswith(b'To: "open\nCc: a@b.c\n')
    with pytest.raises(Unparsable) as caught:
        done(b'From: "open\n')
    assert caught.value.complaint == b'unable to parse this line:\nFrom: "open\n'


def test_an_argument_is_an_address_and_not_a_list() -> None:
    submission = PLAIN._replace(arguments=(b"a, b@h.x", b"<c>", b"d e"))
    assert done(b"", submission).recipients == (b"a, b@h.x", b"<c>@def.example", b"d e@def.example")
    with pytest.raises(Unparsable) as caught:
        done(b"", PLAIN._replace(arguments=(b"a@(b",)))
    assert caught.value.complaint == b"unable to parse address: a@(b\n"


def test_a_host_that_is_none_is_fatal() -> None:
    with pytest.raises(Unparsable) as caught:
        complete([], HOSTS._replace(defaulthost=b"(ab"), JOE, PLAIN)
    assert caught.value.complaint == b"unable to parse this line:\n@(ab"


@pytest.mark.parametrize(
    ("person", "line"),
    [
        (JOE._replace(name=b'Joe "J" S'), rb'From: "Joe \"J\" S" <joe@def.example>'),
        (JOE._replace(user=b"a b", host=b"h.x"), b'From: "a b"@h.x'),
        (JOE._replace(user=b""), b'From: ""@def.example'),
        (JOE._replace(name=b""), b'From: "" <joe@def.example>'),
    ],
)
def test_the_default_from(person: Person, line: bytes) -> None:
    assert done(b"To: a\n", person=person).header.split(b"\n")[2] == line


def test_a_line_end_in_the_environment_makes_no_field() -> None:
    evil = JOE._replace(user=b"joe\nBcc: a@b.c\n", name=b"Joe\r\nBcc: x@y.z\n", host=b"h\n.x")
    made = complete(fields(b"To: a\n"), HOSTS._replace(idhost=b"id\nBcc: q@r.s"), evil, PLAIN).header
    names = [field.name for field in fields(made)]
    assert names == [b"date", b"message-id", b"from", b"to"]


def test_letters_of_qmailinject() -> None:
    def sender(letters: bytes, header: bytes = b"To: a@b.c\n") -> bytes:
        return done(header, PLAIN._replace(letters=letters)).sender

    assert sender(b"r") == b"joe-@def.example-@[]"
    assert sender(b"m") == b"joe-1795238029.77@def.example"
    assert sender(b"mr") == b"joe-1795238029.77-@def.example-@[]"
    assert sender(b"r", b"Return-Path: list-@h.x\nTo: a\n") == b"list-@h.x-@[]"
    assert sender(b"s", b"Return-Path: list-@h.x\nTo: a\n") == b"joe@def.example"
    assert b"From: joe@" in done(b"From: other@x.y\nTo: a\n", PLAIN._replace(letters=b"f")).header
    assert b"other" not in done(b"Message-ID: <other>\nTo: a\n", PLAIN._replace(letters=b"i")).header
    commented = done(b"To: a\n", PLAIN._replace(letters=b"c"), JOE._replace(name=b"Joe (S)")).header
    assert rb"From: joe@def.example (Joe \(S\))" in commented


def test_a_given_sender_beats_everything() -> None:
    submission = PLAIN._replace(sender=b"me@h.x", letters=b"rm")
    assert done(b"Return-Path: other@x.y\nTo: a\n", submission).sender == b"me@h.x"


def test_members_of_a_list_get_mail_followup_to() -> None:
    submission = PLAIN._replace(lists=frozenset([b"list@h.x"]))
    result = done(b"To: LIST@h.x, bob@h.x\nCc: c@h.x\n", submission)
    assert b"Mail-Followup-To: c@h.x,\n  LIST@h.x,\n  bob@h.x\n" in result.header
    assert b"Mail-Followup-To" not in done(b"To: bob@h.x\n", submission).header


@given(st.binary(max_size=60))
def test_every_envelope_address_can_be_said_in_smtp(text: bytes) -> None:
    header = [Field(b"to", b"To: " + text.replace(b"\n", b" ") + b"\n")]
    try:
        result = complete(header, HOSTS, JOE, PLAIN)
    except Unparsable as error:
        assert error.complaint.startswith(b"address too long or with a character that cannot be sent: ")
        return
    assert all(is_sendable(address) for address in (result.sender, *result.recipients))


@pytest.mark.parametrize("address", [b'"a\tb"@h', b'a@"b c"', rb'a@"b\\c"', rb"a@b\"c", b'a@"<b>"', b"x" * 900 + b"@h"])
def test_an_address_that_smtp_cannot_name_is_refused(address: bytes) -> None:
    with pytest.raises(Unparsable):
        done(b"To: fine@h.x, " + address + b"\n")


def test_a_nul_ends_an_address_but_must_not_leave_none() -> None:
    with pytest.raises(Unparsable):
        done(b"To: \0a@b.c\n")
    assert done(b"To: a@b.c\0d\n", PLAIN._replace(sender=b"x@y.z\0\n")).recipients == (b"a@b.c",)


UTF8, LATIN = "Zoë Müller".encode(), "Zoë".encode("latin-1")


@pytest.mark.parametrize(
    ("name", "letters", "line"),
    [
        (UTF8, b"", b"From: =?utf-8?q?Zo=C3=AB_M=C3=BCller?= <joe@def.example>"),
        (UTF8, b"c", b"From: joe@def.example (=?utf-8?q?Zo=C3=AB_M=C3=BCller?=)"),
        (LATIN, b"", b"From: =?unknown-8bit?q?Zo=EB?= <joe@def.example>"),
        (b"\x1b[31mred", b"", b"From: =?utf-8?q?=1B=5B31mred?= <joe@def.example>"),
    ],
)
def test_a_name_that_is_not_ascii_is_encoded(name: bytes, letters: bytes, line: bytes) -> None:
    made = done(b"To: a\n", PLAIN._replace(letters=letters), JOE._replace(name=name)).header
    assert made.split(b"\n")[2] == line


@pytest.mark.parametrize("letters", [b"", b"c"])
def test_a_long_name_is_folded_between_its_words(letters: bytes) -> None:
    name = ("€ " * 60).strip()
    made = done(b"To: a\n", PLAIN._replace(letters=letters), JOE._replace(name=name.encode())).header
    field = next(field.raw for field in fields(made) if field.name == b"from")
    assert all(len(line) <= 76 for line in field.split(b"\n") if b"=?" in line)
    shown = b"".join([word for word in field.split() if b"=?" in word]).strip(b"()").decode()
    assert str(make_header(decode_header(shown.replace("?==?", "?= =?")))) == name


def test_names_in_the_message_are_kept_as_they_are() -> None:
    made = done("From: Zoë <z@h.x>\nTo: Müller <m@h.x>\nSubject: ä\n".encode()).header
    assert made.endswith('From: "Zoë" <z@h.x>\nTo: "Müller" <m@h.x>\nSubject: ä\n'.encode())


def test_a_host_that_is_an_address_literal_stays_one() -> None:
    result = done(b"To: a\n", person=JOE._replace(host=b"[192.0.2.1]", sender_host=b"[192.0.2.1]"))
    assert b"\nFrom: joe@[192.0.2.1]\n" in result.header and result.sender == b"joe@[192.0.2.1]"


def test_a_sender_host_that_is_a_group_is_not_understood() -> None:
    with pytest.raises(Unparsable):
        done(b"To: a\n", person=JOE._replace(sender_host=b"x:;"))


def test_two_message_ids_of_the_same_process_id_and_second_differ() -> None:
    other = done(b"To: a\n", PLAIN._replace(chance=2**64 - 1)).header
    assert other.split(b"\n")[1] != done(b"To: a\n").header.split(b"\n")[1]


def test_too_many_words_or_recipients_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmtwist.rules.inject.LIMIT_RECIPIENTS", 10)
    assert len(done(b"To: " + b"a," * 10 + b"\n").recipients) == 10
    with pytest.raises(Unparsable) as caught:
        done(b"To: " + b"a," * 6 + b"\nCc: " + b"a," * 5 + b"\n")
    assert caught.value.complaint.startswith(b"too many recipients")
    with pytest.raises(Unparsable):
        done(b"", PLAIN._replace(arguments=(b"a",) * 11))


def test_recipient_fields_of_too_many_words_are_refused_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmtwist.rules.inject.LIMIT_TOKENS", 1000)
    assert done(b"To: a\nCc: " + b"," * 500 + b"\n").recipients == (b"a@def.example",)
    for many in (b"Cc: " + b"," * 1000 + b"\n", b"Cc: ,,,,,,,,\n" * 100):
        with pytest.raises(Unparsable) as caught:
            done(b"To: a\n" + many)
        assert caught.value.complaint == b"too many words in the field Cc (#5.1.3)\n"


def test_a_long_complaint_is_cut() -> None:
    with pytest.raises(Unparsable) as caught:
        done(b'From: "' + b"x" * 1_000_000 + b"\n")
    assert len(caught.value.complaint) < 2100 and caught.value.complaint.endswith(b"xxx...\n")


environment_text = st.binary(max_size=25).filter(lambda text: b"\0" not in text)


@given(
    *[environment_text] * 5, st.lists(environment_text, min_size=4, max_size=4), st.sampled_from([b"", b"c", b"cmr"])
)
def test_nothing_in_the_environment_makes_a_field(
    user: bytes, host: bytes, name: bytes, sender_user: bytes, sender_host: bytes, hosts: list[bytes], letters: bytes
) -> None:
    person = Person(user, host, name, sender_user, sender_host)
    with contextlib.suppress(Unparsable):
        submission = PLAIN._replace(letters=letters, arguments=(b"a@b.c",))
        result = complete([Field(b"subject", b"Subject: s\n")], Hosts(*hosts), person, submission)
        names = [field.name for field in fields(result.header)]
        assert names == [b"date", b"message-id", b"from", b"cc", b"subject"]
        assert result.recipients == (b"a@b.c",)


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=4))
def test_completing_a_completed_header_changes_nothing(lines: list[bytes]) -> None:
    names = (b"To", b"Cc", b"Reply-To", b"Subject")
    pairs = zip(names, lines, strict=False)
    raw = [Field(name.lower(), name + b": " + text.replace(b"\n", b" ") + b"\n") for name, text in pairs]
    try:
        once = complete(raw, HOSTS, JOE, PLAIN)
        written = b"".join(field.raw for field in fields(once.header))
        twice = complete(fields(once.header), HOSTS, JOE, PLAIN)
    except Unparsable:
        return
    # a second dot or sign at the end of what is hardly an address is dropped the second time
    odd = (b".@", b"@,", b"@ ", b"@\n", b"@>", b"@.", b"..", b". ", b".\n", b"+", b"@:")
    if b"" not in once.recipients and not any(sign in once.header for sign in odd):
        assert (twice.header, set(twice.recipients)) == (written, set(once.recipients))
